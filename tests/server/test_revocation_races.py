"""Revoking under load: once it is acknowledged, nothing more gets through.

Triggers in the database write down, in the order of the commits, what was written and when it was
revoked. Clients write down, in the order of one event loop, what they began and what they were
told.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from sealwire.client import AsyncClient, RemoteError
from sealwire.core.keys import PrivateKey
from sealwire.core.rotation import rotation_proof
from sealwire.storage import IdentityState, Transaction, Verb
from sealwire.v1.permissions_pb2 import EFFECT_DENY, VERB_WRITE, Subject
from sealwire.v1.records_pb2 import Operation, RecordInput
from tests.server.members import Member
from tests.server.registry import Registry, registry, serial_of
from tests.server.served import Served

CONNECTIONS = 4
WORKERS = 24
HEAD_START = 60
"""So many attempts succeed before the revocation begins."""
REFUSALS = 3
"""A worker goes home after so many."""
MOST_ATTEMPTS = 500

_OBSERVE = """
CREATE TABLE observed (n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL);
CREATE TRIGGER o1 AFTER INSERT ON changes BEGIN
  INSERT INTO observed (what) VALUES ('write'); END;
CREATE TRIGGER o2 AFTER UPDATE OF labels ON identities WHEN old.labels <> new.labels BEGIN
  INSERT INTO observed (what) VALUES ('write'); END;
CREATE TRIGGER r1 AFTER DELETE ON grants BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
CREATE TRIGGER r2 AFTER INSERT ON grants WHEN new.effect = 'deny' BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
CREATE TRIGGER r3 AFTER DELETE ON members BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
CREATE TRIGGER r4 AFTER UPDATE OF state ON keys WHEN old.state <> new.state BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
CREATE TRIGGER r5 AFTER UPDATE OF state, role ON identities
  WHEN old.state <> new.state OR old.role <> new.role BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
CREATE TRIGGER r6 AFTER INSERT ON revoked_certificates BEGIN
  INSERT INTO observed (what) VALUES ('revoke'); END;
"""

Revoke = Callable[[], Awaitable[object]]
Attempt = Callable[[AsyncClient, int], Awaitable[object]]


@dataclass(slots=True)
class Scene:
    """A namespace, who is about to lose a right to it, and who takes it."""

    house: Served
    registry: Registry
    owner: Member
    admin: Member
    guest: Member
    group: str

    def observed(self) -> list[str]:
        """Return what the store did, in its order."""
        with contextlib.closing(sqlite3.connect(self.house.deployment.database)) as connection:
            return [what for (what,) in connection.execute("SELECT what FROM observed ORDER BY n")]


@dataclass(slots=True)
class Race:
    """What the clients saw, in the order in which they saw it."""

    attempts: int = 0
    moment: int = 0
    succeeded: int = 0
    revoked_at: int | None = None
    late: list[int] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    head_start: asyncio.Event = field(default_factory=asyncio.Event)

    def tick(self) -> int:
        """Return a moment that is later than all before."""
        self.moment += 1
        return self.moment

    async def work(self, client: AsyncClient, attempt: Attempt, number: int) -> None:
        """Try until it is refused for good."""
        refusals = 0
        for turn in range(MOST_ATTEMPTS):
            begun = self.tick()
            try:
                await attempt(client, number + turn * WORKERS)
            except RemoteError as error:
                self.reasons.add(error.status_reason)
                refusals += 1
            else:
                self.succeeded += 1
                if self.revoked_at is not None and begun > self.revoked_at:
                    self.late.append(begun)
            if self.succeeded >= HEAD_START:
                self.head_start.set()
            if refusals >= REFUSALS and self.revoked_at is not None:
                return
        raise AssertionError("it went on for ever")

    async def run(
        self, client_of: Callable[[], AsyncClient], attempt: Attempt, revoke: Revoke
    ) -> None:
        """Let all work, and revoke meanwhile."""
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(client_of()) for _ in range(CONNECTIONS)]
            workers = [
                asyncio.create_task(self.work(clients[number % CONNECTIONS], attempt, number))
                for number in range(WORKERS)
            ]
            await self.head_start.wait()
            await revoke()
            self.revoked_at = self.tick()
            await asyncio.gather(*workers)


@pytest.fixture
def scene(own_server: Served) -> Iterator[Scene]:
    with (
        registry(own_server.deployment, own_server.clock) as opened,
        contextlib.closing(sqlite3.connect(own_server.deployment.database)) as connection,
    ):
        owner, guest = opened.member("owner"), opened.member("guest")
        admin, _keeper = (opened.member("admin", role="admin") for _ in range(2))
        opened.claim(owner, "notes", record=b"value")
        connection.executescript(_OBSERVE)
        yield Scene(own_server, opened, owner, admin, guest, opened.group(guest))


def as_owner(scene: Scene, act: Callable[[AsyncClient], Awaitable[object]]) -> Revoke:
    return _acting(scene.owner, act)


def as_admin(scene: Scene, act: Callable[[AsyncClient], Awaitable[object]]) -> Revoke:
    return _acting(scene.admin, act)


def _acting(member: Member, act: Callable[[AsyncClient], Awaitable[object]]) -> Revoke:
    async def run() -> None:
        async with member.async_client() as client:
            await act(client)

    return run


def beside(scene: Scene, unit: Callable[[Transaction], object]) -> Revoke:
    """Do it in another store on the same file, as the operator's commands do."""
    return lambda: asyncio.to_thread(scene.registry.store.write_blocking, unit)


def suspended_beside(scene: Scene) -> Revoke:
    def unit(tx: Transaction) -> None:
        tx.identities.set_state(scene.registry.row(tx, scene.guest), IdentityState.SUSPENDED)

    return beside(scene, unit)


def ungranted_beside(scene: Scene) -> Revoke:
    return beside(scene, lambda tx: tx.grants.remove_subject(scene.guest.identity.id))


def rotated(scene: Scene) -> Revoke:
    proof = rotation_proof(
        PrivateKey.generate(os.urandom),
        audience=scene.house.deployment.config.audience,
        old_public_key_id=scene.guest.key.public_key.key_id,
    )
    return _acting(scene.guest, lambda client: client.keys.rotate(proof))


def writes_only(scene: Scene) -> Revoke:
    """Take the verb write alone, and leave read."""
    guest, write = Subject(identity=scene.guest.identity.name), [VERB_WRITE]
    return as_owner(scene, lambda client: client.permissions.ungrant(guest, write, "notes"))


def denied(scene: Scene) -> Revoke:
    guest = Subject(identity=scene.guest.identity.name)
    verbs = [VERB_WRITE]
    return as_owner(
        scene, lambda client: client.permissions.grant(guest, verbs, "notes", effect=EFFECT_DENY)
    )


def of_guest(scene: Scene) -> str:
    return scene.guest.identity.name


KEY_REVOCATIONS: dict[str, Callable[[Scene], Revoke]] = {
    "the identity is suspended": lambda scene: as_admin(
        scene, lambda client: client.identities.suspend(of_guest(scene))
    ),
    "the identity is removed": lambda scene: as_admin(
        scene, lambda client: client.identities.remove(of_guest(scene))
    ),
    "the key is revoked": lambda scene: as_admin(
        scene, lambda client: client.keys.revoke(scene.guest.key.public_key.key_id)
    ),
    "the certificate is revoked": lambda scene: as_admin(
        scene,
        lambda client: client.keys.revoke_certificate(
            scene.guest.key.public_key.key_id, serial_of(scene.guest)
        ),
    ),
    "the key is rotated": rotated,
    "the identity is suspended beside the server": suspended_beside,
}


# case 7, case 17, case 56
@pytest.mark.parametrize("how", KEY_REVOCATIONS)
def test_when_a_key_an_identity_or_a_certificate_has_ended_no_request_that_begins_succeeds(
    scene: Scene, how: str
) -> None:
    scene.registry.grant(scene.guest, Verb, "notes")
    race = Race()

    async def attempt(client: AsyncClient, number: int) -> None:
        if number % 3:
            await client.put("notes", f"r{number % 7}", b"")
        elif number % 2:
            await client.get("notes", "record")
        else:
            await client.whoami()

    revoke = KEY_REVOCATIONS[how](scene)
    scene.house.loop.run(race.run(scene.guest.async_client, attempt, revoke))
    assert race.late == []
    assert race.reasons == {"UNAUTHENTICATED"}
    assert_nothing_was_written_behind(scene.observed())


GRANT_REVOCATIONS: dict[str, Callable[[Scene], Revoke]] = {
    "the grant is taken back": writes_only,
    "the verb is denied": denied,
    "the grants are taken back beside the server": ungranted_beside,
}


# case 56
@pytest.mark.parametrize("how", GRANT_REVOCATIONS)
def test_when_a_grant_has_ended_no_write_that_begins_succeeds_and_none_that_succeeded_is_lost(
    scene: Scene, how: str
) -> None:
    """A batch and a transaction also write to a namespace that the guest keeps."""
    scene.registry.grant(scene.guest, [Verb.WRITE], "notes", by=scene.owner)
    scene.registry.claim(scene.guest, "kept")
    race, written = Race(), Counter[str]()

    async def attempt(client: AsyncClient, number: int) -> None:
        way = ("put", "batch", "transaction")[number % 3]
        both = [RecordInput(namespace=ns, name=f"r{number % 7}") for ns in ("kept", "notes")]
        if way == "put":
            await client.put("notes", f"r{number % 7}", b"")
        elif way == "batch":
            await client.put_many(both)
        else:
            await client.transact([], [Operation(put=record) for record in both])
        written[way] += 1 if way == "put" else len(both)

    revoke = GRANT_REVOCATIONS[how](scene)
    scene.house.loop.run(race.run(scene.guest.async_client, attempt, revoke))
    assert race.late == []
    assert race.reasons == {"PERMISSION_DENIED"}
    observed = scene.observed()
    assert_nothing_was_written_behind(observed)
    # What was acknowledged is what was written: no refused write had an effect, nor half of one.
    assert len(written) == 3
    assert observed.count("write") == written.total()


# case 56
def test_when_a_membership_has_ended_no_request_that_needs_it_succeeds(scene: Scene) -> None:
    scene.registry.grant(scene.group, [Verb.WRITE, Verb.READ, Verb.LIST], "notes")
    race = Race()

    async def attempt(client: AsyncClient, number: int) -> None:
        if number % 3:
            await client.put("notes", f"r{number % 7}", b"")
        elif number % 2:
            await client.get("notes", "record")
        else:
            [record async for record in client.list_records("notes")]

    revoke = as_admin(
        scene, lambda client: client.permissions.remove_member(scene.group, of_guest(scene))
    )
    scene.house.loop.run(race.run(scene.guest.async_client, attempt, revoke))
    assert race.late == []
    assert race.reasons == {"PERMISSION_DENIED"}
    assert_nothing_was_written_behind(scene.observed())


# case 56
def test_when_an_admin_has_been_demoted_nothing_that_takes_an_admin_succeeds(scene: Scene) -> None:
    second = scene.registry.member("second", role="admin")
    race = Race()

    async def attempt(client: AsyncClient, number: int) -> None:
        if number % 2:
            await client.identities.set_labels(of_guest(scene), {"number": str(number)})
        else:
            await client.identities.get(of_guest(scene))

    revoke = as_admin(scene, lambda client: client.identities.demote(second.identity.name))
    scene.house.loop.run(race.run(second.async_client, attempt, revoke))
    assert race.late == []
    assert race.reasons == {"PERMISSION_DENIED"}
    assert_nothing_was_written_behind(scene.observed())


# case 56
def test_a_grant_that_is_being_passed_on_is_passed_on_before_the_revocation_or_not_at_all(
    scene: Scene,
) -> None:
    scene.registry.grant(scene.guest, [Verb.READ, Verb.SHARE], "notes", by=scene.owner)
    receivers = [scene.registry.member("receiver").identity.name for _ in range(40)]
    race = Race()

    async def attempt(client: AsyncClient, number: int) -> None:
        to = Subject(identity=receivers[number % len(receivers)])
        await client.permissions.grant(to, [1], f"notes/{number}")  # type: ignore[list-item]

    guest = Subject(identity=of_guest(scene))
    revoke = as_owner(
        scene,
        lambda client: client.permissions.ungrant(guest, [5], "notes"),  # type: ignore[list-item]
    )
    scene.house.loop.run(race.run(scene.guest.async_client, attempt, revoke))
    assert race.late == []
    assert race.reasons == {"PERMISSION_DENIED"}
    with contextlib.closing(sqlite3.connect(scene.house.deployment.database)) as connection:
        (made,) = connection.execute(
            "SELECT count(*) FROM grants WHERE namespace LIKE 'notes/%'"
        ).fetchone()
    assert made == race.succeeded


def assert_nothing_was_written_behind(observed: list[str]) -> None:
    """Assert that the first revocation is behind all writes, and that there were some."""
    assert observed.count("write") > 0
    assert "write" not in observed[observed.index("revoke") :]


# --- two admins

Act = Callable[[AsyncClient, Member], Awaitable[object]]

ACTS: dict[str, Act] = {
    "removes": lambda client, whom: client.identities.remove(whom.identity.name),
    "suspends": lambda client, whom: client.identities.suspend(whom.identity.name),
    "demotes": lambda client, whom: client.identities.demote(whom.identity.name),
    "revokes the key of": lambda client, whom: client.keys.revoke(whom.key.public_key.key_id),
    "sets an end to the key of": lambda client, whom: client.keys.revoke(
        whom.key.public_key.key_id, at=whom.clock() + 60_000
    ),
}


async def both(
    one: Member, other: Member, acts: tuple[Act, Act], whom: tuple[Member, Member]
) -> tuple[object, object]:
    """Let two admins act at the same time, and return what became of it."""
    async with one.async_client() as first, other.async_client() as second:
        await asyncio.gather(first.whoami(), second.whoami())
        return await asyncio.gather(
            acts[0](first, whom[0]), acts[1](second, whom[1]), return_exceptions=True
        )


def standing_admins(house: Registry) -> int:
    return house.store.read_blocking(lambda tx: tx.identities.count_admins())


@contextlib.contextmanager
def two_admins(house: Registry) -> Iterator[tuple[Member, Member]]:
    """Make the only two admins there are, and none of them in the end."""
    pair = (house.member("admin", role="admin"), house.member("admin", role="admin"))
    assert standing_admins(house) == 2
    yield pair

    def unit(tx: Transaction) -> None:
        for member in pair:
            tx.identities.set_role(house.row(tx, member), "member")

    house.store.write_blocking(unit)


def reasons(outcomes: Iterable[object]) -> list[str]:
    """Return the reasons of what was refused."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(error, RemoteError) for error in errors)
    return [error.status_reason for error in errors if isinstance(error, RemoteError)]


# case 57
def test_of_two_admins_who_end_each_other_at_once_one_stays(own_server: Served) -> None:
    with registry(own_server.deployment, own_server.clock) as house:
        for acts in itertools.product(ACTS, repeat=2):
            with two_admins(house) as (one, other):
                race = both(one, other, (ACTS[acts[0]], ACTS[acts[1]]), (other, one))
                refused = reasons(own_server.loop.run(race))
                # Whoever came second was no active admin any more, or else the last one.
                assert len(refused) == 1, acts
                assert set(refused) <= {"UNAUTHENTICATED", "PERMISSION_DENIED", "LAST_ADMIN"}
                assert standing_admins(house) == 1, acts


# case 57
def test_of_two_admins_who_both_go_at_once_one_is_refused_as_the_last(own_server: Served) -> None:
    with registry(own_server.deployment, own_server.clock) as house:
        for acts in itertools.product(ACTS, repeat=2):
            with two_admins(house) as (one, other):
                race = both(one, other, (ACTS[acts[0]], ACTS[acts[1]]), (one, other))
                assert reasons(own_server.loop.run(race)) == ["LAST_ADMIN"], acts
                assert standing_admins(house) == 1, acts


# case 57
def test_the_last_admin_is_left_as_it_is_whoever_asks_and_however(own_server: Served) -> None:
    async def ask(act: Act, admin: Member) -> None:
        async with admin.async_client() as client:
            with pytest.raises(RemoteError) as refusal:
                await act(client, admin)
            assert refusal.value.status_reason == "LAST_ADMIN"
            assert refusal.value.code == 9  # FAILED_PRECONDITION
            assert (await client.whoami()).role == "admin"

    with registry(own_server.deployment, own_server.clock) as house:
        admin = house.member("admin", role="admin")
        for act in ACTS.values():
            own_server.loop.run(ask(act, admin))
            assert standing_admins(house) == 1


# case 57
def test_many_admins_who_all_end_all_others_at_once_leave_one(own_server: Served) -> None:
    async def everybody(admins: list[Member]) -> list[object]:
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(a.async_client()) for a in admins]
            await asyncio.gather(*(client.whoami() for client in clients))
            acts = itertools.cycle(ACTS.values())
            return await asyncio.gather(
                *(
                    next(acts)(client, whom)
                    for client, admin in zip(clients, admins, strict=True)
                    for whom in [*admins, admin]
                ),
                return_exceptions=True,
            )

    with registry(own_server.deployment, own_server.clock) as house:
        admins = [house.member("admin", role="admin") for _ in range(8)]
        reasons(own_server.loop.run(everybody(admins)))
        assert standing_admins(house) == 1
