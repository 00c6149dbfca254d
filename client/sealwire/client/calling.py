"""Makes the calls of a blocking client, over channels that are replaced under them when need be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import grpc

from sealwire.client.channel import SigningChannel
from sealwire.client.connection import Access, open_channel
from sealwire.client.errors import UnauthenticatedError
from sealwire.client.lines import Circumstances, Line, Lines
from sealwire.client.operations import Call
from sealwire.client.upkeep import Upkeep

T = TypeVar("T")


class ChannelCaller:
    """A `Caller` that any thread may use. Nothing is sent before the first call."""

    def __init__(self, upkeep: Upkeep, circumstances: Circumstances) -> None:
        """Call with the access that `upkeep` keeps."""
        self._upkeep = upkeep
        self._circumstances = circumstances
        self._lines = Lines(upkeep, self._open)

    def run(self, call: Call[T]) -> T:
        """Make the call; once more if the key was rotated meanwhile: a refused one did nothing."""
        if self._upkeep.due(self._circumstances.clock()):
            self._upkeep.renew()
        with self._line() as line:
            try:
                return self._make(call, line)
            except UnauthenticatedError:
                if not self._upkeep.follow(line.access):
                    raise
        with self._line() as line:
            return self._make(call, line)

    def close(self) -> None:
        """Close every connection; calls under way end."""
        for channel in self._lines.end():
            channel.close()

    def _make(self, call: Call[T], line: Line[grpc.Channel]) -> T:
        method = line.method(call.path)
        return call.result(method(call.request, timeout=self._circumstances.timeout))

    @contextlib.contextmanager
    def _line(self) -> Iterator[Line[grpc.Channel]]:
        line = self._lines.take()
        try:
            yield line
        finally:
            for channel in self._lines.give_back(line):
                channel.close()

    def _open(self, access: Access) -> Line[grpc.Channel]:
        channel = open_channel(access.server, access.tls)
        signing = SigningChannel(
            channel,
            access.signer,
            audience=access.server.audience,
            server_key=access.server.public_key,
            clock=self._circumstances.clock,
            random=self._circumstances.random,
            on_new_server_key=self._upkeep.remember,
        )
        return Line(access, channel, signing)
