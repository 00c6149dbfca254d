"""Makes the calls of an asyncio client, over channels that are replaced under them when need be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import grpc.aio

from sealwire.client.async_channel import AsyncSigningChannel
from sealwire.client.connection import Access, open_async_channel
from sealwire.client.errors import UnauthenticatedError
from sealwire.client.lines import Circumstances, Line, Lines
from sealwire.client.operations import Call
from sealwire.client.upkeep import Upkeep

T = TypeVar("T")


class AsyncChannelCaller:
    """An `AsyncCaller`. Upkeep, which blocks, happens in a thread of its own."""

    def __init__(self, upkeep: Upkeep, circumstances: Circumstances) -> None:
        """Call with the access that `upkeep` keeps; make it inside a running loop."""
        self._upkeep = upkeep
        self._circumstances = circumstances
        self._lines = Lines(upkeep, self._open)

    async def run(self, call: Call[T]) -> T:
        """Make the call; once more if the key was rotated meanwhile: a refused one did nothing."""
        if self._upkeep.due(self._circumstances.clock()):
            await asyncio.to_thread(self._upkeep.renew)
        async with self._line() as line:
            try:
                return await self._make(call, line)
            except UnauthenticatedError:
                if not await asyncio.to_thread(self._upkeep.follow, line.access):
                    raise
        async with self._line() as line:
            return await self._make(call, line)

    async def close(self) -> None:
        """Close every connection; calls under way end."""
        for channel in self._lines.end():
            await channel.close()

    async def _make(self, call: Call[T], line: Line[grpc.aio.Channel]) -> T:
        method = line.method(call.path)
        return call.result(await method(call.request, timeout=self._circumstances.timeout))

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
