"""A connection that can be cut, at a moment that the test chooses: a relay of bytes over TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.event_loops import LoopThread
from tests.support.pki import HOST


@dataclass(slots=True)
class Cuttable:
    """Passes bytes on both ways. TLS goes through it untouched.

    While it is `deaf`, what the server says is lost.
    """

    loop: LoopThread
    onward: str
    deaf: bool = False
    connections: int = 0
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Where clients reach the server through it."""
        return f"{HOST}:{self.port}"

    def cut(self) -> None:
        """End every connection, as a cut cable does; new ones are good again."""
        self.loop.run(self._cut())

    async def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        self.deaf = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one connection brings, until either side ends."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        host, _, port = self.onward.rpartition(":")
        try:
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there_writer}
        await asyncio.gather(
            self._pass_on(reader, there_writer, answers=False),
            self._pass_on(there_reader, writer, answers=True),
        )
        self._open -= {writer, there_writer}
        self._tasks.discard(task)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not (answers and self.deaf):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()


@contextlib.contextmanager
def cuttable(loop: LoopThread, onward: str) -> Iterator[Cuttable]:
    """Stand before the server at an address, until the block ends."""
    relay = Cuttable(loop, onward)

    async def listen() -> asyncio.Server:
        server = await asyncio.start_server(relay.connected, HOST, 0)
        relay.port = server.sockets[0].getsockname()[1]
        return server

    server = loop.run(listen())
    try:
        yield relay
    finally:
        loop.loop.call_soon_threadsafe(server.close)
        relay.cut()
