"""kill -9 while identities come, change their keys and end them: what was acknowledged holds.

When the server dies is counted in acknowledgements, drawn from a seeded generator; what the other
clients have under way then is anywhere between its arrival and its answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sealwire.client import TransportError
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE, KEY_STATE_REVOKED
from tests.server.keyring import certified, new_key, proof, works
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.server.wire import wire_of

ROUNDS = 15
ROTATORS = 3
NEWCOMERS = 2
MOST_ACKNOWLEDGEMENTS = 25


@dataclass
class Rotator:
    """Somebody who changes keys again and again; `pending` may have become active, or not."""

    holder: Member
    before: Member | None = None
    pending: Member | None = None
    generation: int = 1

    def rotate(self) -> None:
        """Take one step, with the next key's certificate at hand first, as clients do."""
        self.pending = certified(self.holder)
        with self.holder.client() as client:
            client.keys.rotate(proof(self.pending.key, self.holder))
        self._move(self.pending)

    def settle(self, server: ServerProcess) -> None:
        """Find out who the server takes for the holder: exactly one, and none from before."""
        candidates = [member for member in (self.holder, self.pending) if member]
        (active,) = [member for member in candidates if let_in(server, member)]
        assert self.before is None or not let_in(server, self.before)
        if active is self.holder:
            self.pending = None
        else:
            self._move(active)
        self.holder = self.holder.at(server.identity)
        with self.holder.client() as client:
            keys = client.keys.list()
        assert [key.generation for key in keys] == list(range(self.generation, 0, -1))
        assert [key.state for key in keys].count(KEY_STATE_ACTIVE) == 1

    def _move(self, member: Member) -> None:
        self.before, self.holder, self.pending = self.holder, member, None
        self.generation += 1


@dataclass
class Newcomer:
    """Somebody who enrols, and then ends the key."""

    invitation: Invitation
    key: PrivateKey = field(default_factory=new_key)
    member: Member | None = None
    revoking: bool = False
    revoked: bool = False

    def enrol(self) -> None:
        """Become an identity."""
        self.member = enrol(self.invitation, key=self.key)

    def revoke(self) -> None:
        """End the key."""
        assert self.member is not None
        self.revoking = True
        with self.member.client() as client:
            client.keys.revoke(self.key.public_key.key_id)
        self.revoked = True

    def settle(self, server: ServerProcess) -> None:
        """What was acknowledged holds; an enrolment that was not goes on with the same key."""
        if self.member is None:
            reached = dataclasses.replace(self.invitation, server=server.identity)
            self.member = enrol(reached, key=self.key)
        if self.revoked or not self.revoking:
            assert let_in(server, self.member) != self.revoked
        if let_in(server, self.member):
            self.member = self.member.at(server.identity)
            self.revoke()
        assert not let_in(server, self.member)


@dataclass
class Life:
    """One life of the server, which ends when `lethal` acknowledgements have come."""

    server: ServerProcess
    lethal: int
    newcomers: list[Newcomer] = field(default_factory=list)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, admin: Member, rotators: list[Rotator]) -> None:
        """Let everybody work at once until the server is gone."""
        with ThreadPoolExecutor(ROTATORS + NEWCOMERS) as pool:
            work = [pool.submit(self._rotate, rotator) for rotator in rotators]
            work += [pool.submit(self._come_and_go, admin) for _ in range(NEWCOMERS)]
        for each in work:
            each.result()

    def _rotate(self, rotator: Rotator) -> None:
        with contextlib.suppress(TransportError):
            while True:
                rotator.rotate()
                self._acknowledged()

    def _come_and_go(self, admin: Member) -> None:
        with contextlib.suppress(TransportError):
            while True:
                with admin.client() as client:
                    data = client.identities.invite(f"newcomer {new_key().public_key.key_id}")
                invitation = Invitation.from_json(data)
                newcomer = Newcomer(dataclasses.replace(invitation, server=admin.server))
                self.newcomers.append(newcomer)
                newcomer.enrol()
                self._acknowledged()
                newcomer.revoke()
                self._acknowledged()

    def _acknowledged(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == self.lethal:
                self.server.process.kill()


def let_in(server: ServerProcess, member: Member) -> bool:
    """Tell whether the server, in its present life, takes the member's key."""
    reached = member.at(server.identity)
    with wire_of(reached) as line:
        return works(line, reached)


# case 17, case 70
@pytest.mark.timeout(300)
def test_a_server_killed_again_and_again_forgets_no_change_and_strands_nobody(
    directory: Path,
) -> None:
    chance = random.Random(17)  # noqa: S311 - to be repeatable
    with ServerProcess(directory) as server:
        root = enrol(invite(server.deployment, "root", role="admin"))
        rotators = [
            Rotator(enrol(invite(server.deployment, f"rotator {number}", role="admin")))
            for number in range(ROTATORS)
        ]
        assert server.terminate().code == 0
    newcomers: list[Newcomer] = []

    def settle(server: ServerProcess) -> None:
        for rotator in rotators:
            rotator.settle(server)
        for newcomer in newcomers:
            newcomer.settle(server)

    for _ in range(ROUNDS):
        with ServerProcess(directory) as server:
            settle(server)
            life = Life(server, chance.randint(1, MOST_ACKNOWLEDGEMENTS))
            life.run(root.at(server.identity), rotators)
            newcomers = life.newcomers
    with ServerProcess(directory) as server:
        settle(server)
        with root.at(server.identity).client() as admin:
            everybody = list(admin.identities.list())
            for who in everybody:
                (newest, *_) = admin.keys.list(who.name)
                ended = who.name.startswith("newcomer")
                assert newest.state == (KEY_STATE_REVOKED if ended else KEY_STATE_ACTIVE)
        assert server.terminate().code == 0
    assert sum(rotator.generation for rotator in rotators) > ROUNDS
    assert len(everybody) > ROUNDS
