"""A server that is killed now and then, and clients who find it again."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.protobuf.message import Message

from sealwire.client.connection import open_async_channel
from sealwire.core.clock import Clock, system_clock
from sealwire.core.envelope import digest
from sealwire.core.responses import STATUS_METADATA_KEY, open_response
from sealwire.server.cli import main
from sealwire.v1.envelope_pb2 import ResponseStatement
from tests.histories.messages import SERVICE
from tests.server.members import TIMEOUT, Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.support.programs import Main

CLIENTS = 4
NAMESPACE = "histories"


class UnansweredError(Exception):
    """Nothing came back that the server has signed."""


@dataclass(slots=True)
class Line:
    """A client's connection to one life of the server."""

    channel: grpc.aio.Channel
    member: Member

    async def ask(self, method: str, request: Message) -> ResponseStatement:
        """Sign, send, and return what the server signed; UnansweredError if there is none."""
        path = SERVICE + method
        message = self.member.signed(path, request)
        send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        try:
            answer = await send(message.SerializeToString(), timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            answer = _signed_status(error)
        return open_response(
            answer,
            server_key=self.member.server.public_key,
            method=path,
            request_digests={digest(message.payload)},
        )


def _signed_status(error: grpc.aio.AioRpcError) -> bytes:
    found = [value for key, value in error.trailing_metadata() if key == STATUS_METADATA_KEY]
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise UnansweredError from error
    return found[0]


@dataclass(slots=True)
class House:
    """The server in its present life, and a line to it for each client."""

    server: ServerProcess
    member: Member
    program: Main
    _lines: list[Line] = field(default_factory=list)
    _former: list[Line] = field(default_factory=list)
    _is_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def line(self, number: int) -> Line:
        """Return a client's line, once there is a server."""
        await self._is_up.wait()
        return self._lines[number]

    def connect(self) -> None:
        """Open the lines."""
        member = self.member.at(self.server.identity)
        self._lines = [
            Line(open_async_channel(member.server, member.tls), member) for _ in range(CLIENTS)
        ]
        self._is_up.set()

    async def kill(self) -> None:
        """Kill the server, at once, and start it again."""
        await self.end()
        await self.begin()

    async def end(self) -> None:
        """Kill the server; whoever asks for a line waits."""
        self._is_up.clear()
        self.server.process.kill()
        await asyncio.to_thread(self.server.kill)
        self._former += self._lines  # left open for the calls that are under way

    async def begin(self) -> None:
        """Start the server again."""
        self.server = await asyncio.to_thread(ServerProcess, self.server.directory, self.program)
        self.connect()

    async def disconnect(self) -> None:
        """Close all lines."""
        for line in [*self._former, *self._lines]:
            await line.channel.close()


@contextlib.asynccontextmanager
async def open_house(
    directory: Path, program: Main = main, clock: Clock = system_clock
) -> AsyncIterator[House]:
    """Serve a deployment for one member with a clock, until the block ends."""
    server = await asyncio.to_thread(ServerProcess, directory, program)
    alice = await asyncio.to_thread(lambda: enrol(invite(server.deployment, "alice")))
    house = House(server, dataclasses.replace(alice, clock=clock), program)
    try:
        house.connect()
        yield house
    finally:
        await house.disconnect()
        await asyncio.to_thread(house.server.kill)
