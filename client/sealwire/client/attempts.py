"""Which calls are made again when no answer came, how often, and after how long.

Safe to repeat is what only reads, and what carries a request id: the server has the effect of such
a request once, however often it comes (docs/decisions/0018). Enrolling, renewing a certificate and
rotating a key are neither; whoever does that knows how to go on. Every attempt is a statement of
its own, with a nonce of its own. An answer that does not verify ends a call: somebody is in between
who would have another chance with every attempt.
"""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar, cast

from google.protobuf.message import Message

from sealwire.client.errors import RemoteError, TransportError
from sealwire.client.lines import Circumstances
from sealwire.client.operations import Call
from sealwire.core.errors import Code
from sealwire.core.keys import Random
from sealwire.core.policy import method_policy

MAX_ATTEMPTS: Final = 4
FIRST_PAUSE: Final = 0.05
"""Seconds; each further pause may be twice as long."""
MAX_PAUSE: Final = 10.0

_READING: Final = frozenset({"read", "read_self", "list", "test"})
"""What the permission of a method ends with that has no effect."""
_REQUEST_ID: Final = "request_id"
_UUID_BYTES: Final = 16

T = TypeVar("T")


@dataclass(slots=True)
class Attempts(Generic[T]):
    """The attempts at one call, all of them together within its time."""

    call: Call[T]
    _circumstances: Circumstances
    _ends: float
    _made: int = 0

    @classmethod
    def of(cls, call: Call[T], circumstances: Circumstances) -> Self:
        """Begin; the call gets a request id now, which all attempts have in common."""
        ends = circumstances.monotonic() + circumstances.timeout
        return cls(identified(call, circumstances.random), circumstances, ends)

    @property
    def seconds_left(self) -> float:
        """How long the next attempt may take."""
        return max(self._ends - self._circumstances.monotonic(), 0.0)

    def pause_after(self, error: TransportError | RemoteError) -> float | None:
        """Return how many seconds to wait before the next attempt; None if there is to be none."""
        self._made += 1
        if self._made >= MAX_ATTEMPTS or error.code != Code.UNAVAILABLE:
            return None
        if not is_safe_to_repeat(self.call):
            return None
        pause = backoff(self._made, self._circumstances.random)
        return pause if pause < self.seconds_left else None


def identified(call: Call[T], random: Random) -> Call[T]:
    """Return the call with a request id, if its request has a place for one that is empty."""
    request = cast("Any", call.request)
    if _REQUEST_ID not in request.DESCRIPTOR.fields_by_name or request.request_id:
        return call
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = str(uuid.UUID(bytes=random(_UUID_BYTES), version=4))
    return dataclasses.replace(call, request=cast("Message", copy))


def is_safe_to_repeat(call: Call[T]) -> bool:
    """Tell whether the call has one effect or none, however often its request is delivered."""
    action = method_policy(call.path).permission.rpartition(".")[2]
    return action in _READING or bool(getattr(call.request, _REQUEST_ID, ""))


def backoff(failures: int, random: Random) -> float:
    """Return the pause after so many failures in a row: any fraction of a bound that doubles.

    Clients that failed together so don't come back together.
    """
    bound = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), MAX_PAUSE)
    return bound * int.from_bytes(random(4)) / 2**32
