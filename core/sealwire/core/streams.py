"""Where a message stands in its stream: one chain per direction (docs/protocol.md section 6).

Each statement carries its index, the SHA-256 of the payload before it, and `last` on the closing
one, so a reordered, dropped, repeated, spliced or cut stream is noticed at the first wrong message.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealwire.core.envelope import digest
from sealwire.core.errors import MalformedError, StreamIntegrityError
from sealwire.v1.envelope_pb2 import StreamPosition


@dataclass(slots=True)
class StreamChain:
    """The state of one direction of one stream, kept by whoever signs and whoever verifies."""

    index: int = 0
    previous_digest: bytes = b""
    closed: bool = False

    def next(self) -> StreamPosition:
        """Return the position of the next message that is not the closing one."""
        return StreamPosition(index=self.index, previous_digest=self.previous_digest)

    def closing(self) -> StreamPosition:
        """Return the position of the closing statement."""
        return StreamPosition(index=self.index, previous_digest=self.previous_digest, last=True)

    def advance(self, payload: bytes, position: StreamPosition) -> None:
        """Take note of a payload that was signed or verified at `position`."""
        self.index += 1
        self.previous_digest = digest(payload)
        self.closed = position.last

    def check(self, position: StreamPosition) -> None:
        """Return if `position` is the one that follows.

        Raises:
            MalformedError: after the closing statement.
            StreamIntegrityError: if a message was reordered, dropped, repeated or spliced in.
        """
        if self.closed:
            raise MalformedError("A message follows the closing statement of its stream.")
        if (position.index, position.previous_digest) != (self.index, self.previous_digest):
            raise StreamIntegrityError("A message of the stream is missing or out of order.")
