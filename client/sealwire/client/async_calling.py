"""Makes the calls of an asyncio client, over channels that are replaced under them when need be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message

from sealwire.client.async_channel import AsyncSigningChannel
from sealwire.client.attempts import Attempts
from sealwire.client.connection import Access, open_async_channel
from sealwire.client.errors import RemoteError, TransportError, UnauthenticatedError
from sealwire.client.lines import Circumstances, Line, Lines
from sealwire.client.operations import Call, Subscription
from sealwire.client.resumption import STREAM_SECONDS, Resumption
from sealwire.client.upkeep import Upkeep

T = TypeVar("T")


class AsyncChannelCaller:
    """An `AsyncCaller`. Upkeep, which blocks, happens in a thread of its own."""

    def __init__(
        self,
        upkeep: Upkeep,
        circumstances: Circumstances,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Call with the access that `upkeep` keeps; make it inside a running loop.

        `sleep` waits for seconds between attempts.
        """
        self._upkeep = upkeep
        self._circumstances = circumstances
        self._sleep = sleep
        self._lines = Lines(upkeep, self._open)

    async def run(self, call: Call[T]) -> T:
        """Make the call; again, if no answer came and that is safe."""
        await self._keep_access()
        attempts = Attempts.of(call, self._circumstances)
        while True:
            try:
                return await self._attempt(attempts)
            except (TransportError, RemoteError) as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            await self._sleep(pause)

    async def stream(self, subscription: Subscription[T]) -> AsyncIterator[T]:
        """Yield the answers; ask for more where they broke off, until the server refuses."""
        resumption = Resumption(subscription, self._circumstances.random)
        while True:
            answers = self._answers(subscription.path, resumption.request())
            try:
                async with contextlib.aclosing(answers):
                    async for answer in answers:
                        resumption.advance(answer)
                        yield answer
            except (TransportError, RemoteError) as error:
                if not resumption.goes_on_after(error):
                    raise
            await self._sleep(resumption.pause())

    async def close(self) -> None:
        """Close every connection; calls under way end."""
        for channel in self._lines.end():
            await channel.close()

    async def _attempt(self, attempts: Attempts[T]) -> T:
        """Make the call; once more if the key was rotated meanwhile: a refused one did nothing."""
        async with self._line() as line:
            try:
                return await self._make(attempts, line)
            except UnauthenticatedError:
                if not await asyncio.to_thread(self._upkeep.follow, line.access):
                    raise
        async with self._line() as line:
            return await self._make(attempts, line)

    async def _make(self, attempts: Attempts[T], line: Line[grpc.aio.Channel]) -> T:
        call = attempts.call
        method = line.method(call.path)
        return call.result(await method(call.request, timeout=attempts.seconds_left))

    async def _answers(self, path: str, request: Message) -> AsyncGenerator[Any, None]:
        """Yield the answers of one stream; it ends if the key was rotated meanwhile."""
        await self._keep_access()
        async with self._line() as line:
            stream = line.method(path)(request, timeout=STREAM_SECONDS)
            try:
                async with contextlib.aclosing(stream):
                    async for answer in stream:
                        yield answer
            except UnauthenticatedError:
                if not await asyncio.to_thread(self._upkeep.follow, line.access):
                    raise

    async def _keep_access(self) -> None:
        if self._upkeep.due(self._circumstances.clock()):
            await asyncio.to_thread(self._upkeep.renew)

    @contextlib.asynccontextmanager
    async def _line(self) -> AsyncIterator[Line[grpc.aio.Channel]]:
        line = self._lines.take()
        try:
            yield line
        finally:
            for channel in self._lines.give_back(line):
                await channel.close()

    def _open(self, access: Access) -> Line[grpc.aio.Channel]:
        channel = open_async_channel(access.server, access.tls)
        signing = AsyncSigningChannel(
            channel,
            access.signer,
            audience=access.server.audience,
            server_key=access.server.public_key,
            clock=self._circumstances.clock,
            random=self._circumstances.random,
            on_new_server_key=self._upkeep.remember,
        )
        return Line(access, channel, signing)
