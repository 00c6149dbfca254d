"""A protected server of a test's own services, behind the real guard over a real store."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sealwire.core.keys import PrivateKey
from sealwire.interceptors import Protection
from sealwire.server.deployment import Deployment, init_deployment
from sealwire.server.guard import Guard
from sealwire.server.invitations import open_store
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.rights import Rights
from sealwire.storage import IdentityRow, NewIdentity, Store
from tests.support.clocks import AdjustableClock
from tests.support.event_loops import LoopThread
from tests.support.pki import HOST, Client, Pki
from tests.support.servers import House


@dataclass(slots=True, kw_only=True)
class GuardedHouse(House):
    """A house that looks keys up in a store."""

    guard: Guard
    deployment: Deployment

    @property
    def store(self) -> Store:
        """What the guard stands before."""
        return self.guard.store

    def join(self, name: str, *, role: str = "member") -> tuple[Client, IdentityRow]:
        """Return a client whose key is in the store, and whose it is there."""
        client = self.pki.client()
        new, now = NewIdentity(name, role, client.key.public_key), self.clock()
        return client, self.store.write_blocking(lambda tx: tx.identities.create(new, now))

    def protection(self) -> Protection:
        """Return what stands in front of the handlers."""
        plain = House.protection(self)
        authenticator = dataclasses.replace(plain.authenticator, keys=self.guard.keys)
        return dataclasses.replace(plain, authenticator=authenticator)


@contextlib.contextmanager
def guarded_house(directory: Path, loop: LoopThread) -> Iterator[GuardedHouse]:
    """Make a store, and a house before it."""
    clock, rights = AdjustableClock(), Rights()
    deployment = init_deployment(
        directory, hosts=[HOST], listen=f"{HOST}:0", clock=clock, random=os.urandom
    )
    with open_store(deployment, random=os.urandom) as store:
        guard = Guard(store, rights, StoreKeyDirectory(store, rights, clock), clock)
        yield GuardedHouse(
            pki=Pki.create(),
            loop=loop,
            server_key=PrivateKey.generate(os.urandom),
            clock=clock,
            guard=guard,
            deployment=deployment,
        )
