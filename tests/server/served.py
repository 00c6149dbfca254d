"""A whole server in this process: real TLS, real files, and clocks that a test may move."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealwire.core.invitation import Invitation, ServerIdentity
from sealwire.server.app import Server, build_server
from sealwire.server.deployment import Deployment, init_deployment
from sealwire.server.invitations import inviter_of
from sealwire.storage import Store
from tests.server.members import Member, enrol, invite
from tests.support.clocks import AdjustableClock
from tests.support.event_loops import LoopThread

HOST = "127.0.0.1"


@dataclass(slots=True)
class Served:
    """A deployment that is being served."""

    deployment: Deployment
    loop: LoopThread
    clock: AdjustableClock
    monotonic: AdjustableClock = field(default_factory=AdjustableClock)
    operator: Store | None = None
    """The store as the operator's commands open it; each opens it anew if it is not kept open."""

    @property
    def identity(self) -> ServerIdentity:
        """What clients know of the server."""
        return self.deployment.server_identity

    def invite(self, name: str, *, role: str = "member", valid_hours: float = 24) -> Invitation:
        """Return a new invitation, made as the operator's command makes it."""
        if self.operator is None:
            return invite(
                self.deployment, name, role=role, valid_hours=valid_hours, clock=self.clock
            )
        inviter, now = inviter_of(self.deployment, random=os.urandom), self.clock()
        return self.operator.write_blocking(
            lambda tx: inviter.invite(tx, name, role=role, valid_hours=valid_hours, now=now)
        )

    def enrol(self, name: str) -> Member:
        """Return a new member."""
        return enrol(self.invite(name), clock=self.clock)

    def start(self) -> Server:
        """Serve, and take note of the port."""
        server = self.loop.run(self._start())
        self.deployment = reached_at(self.deployment, f"{HOST}:{server.port}")
        return server

    async def _start(self) -> Server:
        server = build_server(self.deployment, clock=self.clock, monotonic=self.monotonic)
        await server.start()
        return server


@contextlib.contextmanager
def served(directory: Path, loop: LoopThread) -> Iterator[Served]:
    """Make a deployment, and serve it until the block ends."""
    clock = AdjustableClock()
    deployment = init_deployment(
        directory, hosts=[HOST], listen=f"{HOST}:0", clock=clock, random=os.urandom
    )
    house = Served(deployment, loop, clock)
    server = house.start()
    try:
        yield house
    finally:
        loop.run(server.stop())


def reached_at(deployment: Deployment, address: str) -> Deployment:
    """Return the deployment as reached at the port that it was given."""
    return dataclasses.replace(
        deployment, config=dataclasses.replace(deployment.config, address=address)
    )
