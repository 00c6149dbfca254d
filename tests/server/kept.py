"""A whole server that a test stops, starts again and has tidied up."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sealwire.client import SigningChannel
from sealwire.client.connection import open_channel
from sealwire.server.app import Server, build_server
from sealwire.server.deployment import init_deployment
from sealwire.server.housekeeping import HOUSEKEEPING_SECONDS
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.members import Member
from tests.server.served import HOST, Served, reached_at
from tests.support.clocks import AdjustableClock
from tests.support.event_loops import LoopThread


@dataclass(slots=True)
class Kept:
    """A deployment, and the server that serves it now."""

    house: Served
    housekeeping_seconds: float
    server: Server = dataclasses.field(init=False)

    def start(self) -> None:
        """Serve, on a new port."""
        self.server = self.house.loop.run(self._start())
        self.house.deployment = reached_at(self.house.deployment, f"{HOST}:{self.server.port}")

    def stop(self) -> None:
        """Stop as a signal does."""
        self.house.loop.run(self.server.stop())

    def restart(self) -> None:
        """Stop, and serve the same files again."""
        self.stop()
        self.start()

    def sweep(self) -> None:
        """Do now what the server does every half a minute."""
        self.house.loop.run(self.server.housekeeper.sweep())

    async def _start(self) -> Server:
        server = build_server(
            self.house.deployment,
            clock=self.house.clock,
            monotonic=self.house.monotonic,
            housekeeping_seconds=self.housekeeping_seconds,
        )
        await server.start()
        return server


@contextlib.contextmanager
def kept_server(
    directory: Path,
    loop: LoopThread,
    *,
    keep_changes: int = 100_000,
    housekeeping_seconds: float = HOUSEKEEPING_SECONDS,
) -> Iterator[Kept]:
    """Make a deployment, and serve it until the block ends."""
    clock = AdjustableClock()
    made = init_deployment(
        directory, hosts=[HOST], listen=f"{HOST}:0", clock=clock, random=os.urandom
    )
    config = dataclasses.replace(made.config, keep_changes=keep_changes)
    house = Served(dataclasses.replace(made, config=config), loop, clock)
    kept = Kept(house, housekeeping_seconds)
    kept.start()
    try:
        yield kept
    finally:
        kept.stop()


@contextlib.contextmanager
def stub_of(member: Member) -> Iterator[RecordServiceStub]:
    """Connect as a member."""
    with signing_channel(member) as channel:
        yield RecordServiceStub(channel)


@contextlib.contextmanager
def signing_channel(member: Member) -> Iterator[SigningChannel]:
    """Connect as a member, and sign."""
    server = member.server
    with open_channel(server, member.tls) as channel:
        yield SigningChannel(
            channel,
            member.key,
            audience=server.audience,
            server_key=server.public_key,
            clock=member.clock,
        )
