"""Makes the calls of a blocking client, over channels that are replaced under them when need be."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from sealwire.client.attempts import Attempts
from sealwire.client.channel import SigningChannel
from sealwire.client.connection import Access, open_channel
from sealwire.client.errors import RemoteError, TransportError, UnauthenticatedError
from sealwire.client.lines import Circumstances, Line, Lines
from sealwire.client.operations import Call, Subscription
from sealwire.client.resumption import STREAM_SECONDS, Resumption
from sealwire.client.upkeep import Upkeep

T = TypeVar("T")


class ChannelCaller:
    """A `Caller` that any thread may use. Nothing is sent before the first call."""

    def __init__(
        self,
        upkeep: Upkeep,
        circumstances: Circumstances,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Call with the access that `upkeep` keeps; `sleep` waits for seconds between attempts."""
        self._upkeep = upkeep
        self._circumstances = circumstances
        self._sleep = sleep
        self._lines = Lines(upkeep, self._open)

    def run(self, call: Call[T]) -> T:
        """Make the call; again, if no answer came and that is safe."""
        self._keep_access()
        attempts = Attempts.of(call, self._circumstances)
        while True:
            try:
                return self._attempt(attempts)
            except (TransportError, RemoteError) as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            self._sleep(pause)

    def stream(self, subscription: Subscription[T]) -> Iterator[T]:
        """Yield the answers; ask for more where they broke off, until the server refuses."""
        resumption = Resumption(subscription, self._circumstances.random)
        while True:
            try:
                for answer in self._answers(subscription.path, resumption.request()):
                    resumption.advance(answer)
                    yield answer
            except (TransportError, RemoteError) as error:
                if not resumption.goes_on_after(error):
                    raise
            self._sleep(resumption.pause())

    def close(self) -> None:
        """Close every connection; calls under way end."""
        for channel in self._lines.end():
            channel.close()

    def _attempt(self, attempts: Attempts[T]) -> T:
        """Make the call; once more if the key was rotated meanwhile: a refused one did nothing."""
        with self._line() as line:
            try:
                return self._make(attempts, line)
            except UnauthenticatedError:
                if not self._upkeep.follow(line.access):
                    raise
        with self._line() as line:
            return self._make(attempts, line)

    def _make(self, attempts: Attempts[T], line: Line[grpc.Channel]) -> T:
        call = attempts.call
        method = line.method(call.path)
        return call.result(method(call.request, timeout=attempts.seconds_left))

    def _answers(self, path: str, request: Message) -> Iterator[Any]:
        """Yield the answers of one stream; it ends if the key was rotated meanwhile."""
        self._keep_access()
        with self._line() as line:
            try:
                yield from line.method(path)(request, timeout=STREAM_SECONDS)
            except UnauthenticatedError:
                if not self._upkeep.follow(line.access):
                    raise

    def _keep_access(self) -> None:
        if self._upkeep.due(self._circumstances.clock()):
            self._upkeep.renew()

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
