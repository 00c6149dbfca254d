"""Somebody writes rights into the database under a server that runs: nobody gets any.

That every column of every table is covered, tests/storage/test_tags.py shows.
"""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from google.protobuf.message import Message

from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import ListIdentitiesRequest, WhoAmIRequest
from sealwire.v1.records_pb2 import GetRecordRequest, ListRecordsRequest, PutRecordRequest
from tests.server.applicants import refusal as refused_enrolment
from tests.server.cast import Actor, Cast, refused
from tests.server.keyring import new_key
from tests.server.members import enrol
from tests.server.wire import DAMAGED, GET, LIST, PUT, UNAUTHENTICATED, WHOAMI, wire_of

VALUE = b"forty-one thousand a year"
NAMESPACE = "payroll"
LIST_IDENTITIES = "/sealwire.v1.IdentityService/ListIdentities"
READ = GetRecordRequest(namespace=NAMESPACE, name="march")
COLUMNS = "namespace, scope, effect, verb, subject_kind, expires_at, granted_by, created_at"


@dataclass(frozen=True)
class Tampering:
    """An owner with a group, an admin, and mallory, who has write access to the database."""

    cast: Cast
    admin: Actor
    alice: Actor
    mallory: Actor
    database: sqlite3.Connection

    def write(self, statement: str, *parameters: object) -> None:
        """Change rows, and the stamp as well, so that the server looks at them."""
        names = {"alice": self.alice.name, "mallory": self.mallory.name, "admin": self.admin.name}
        ids = {
            f"{who}_id": f"(SELECT id FROM identities WHERE name = '{name}')"
            for who, name in names.items()
        }
        changed = self.database.execute(statement.format(**ids), parameters).rowcount
        assert changed > 0
        self.database.execute(
            "UPDATE authority SET sequence = sequence + 1, stamp = randomblob(16)"
        )

    def refusal(self, actor: Actor, path: str, request: Message) -> Status:
        """Return how an actor is refused; nothing of the value may be in the answer."""
        with wire_of(actor.member) as line:
            statement = line.answer(path, actor.member.signed(path, request))
        assert VALUE not in statement.SerializeToString()
        assert statement.HasField("status")
        return statement.status


@pytest.fixture
def tampering(own_cast: Cast) -> Iterator[Tampering]:
    admin, alice, mallory = own_cast.admin(), own_cast.join("alice"), own_cast.join("mallory")
    alice.client.put(NAMESPACE, "march", VALUE)
    alice.grant(own_cast.group(admin, alice), "read list", NAMESPACE)
    path = own_cast.house.deployment.database
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as database:
        yield Tampering(own_cast, admin, alice, mallory, database)


Before = Callable[[Tampering], object]


@dataclass(frozen=True)
class Attack:
    """What is written, what mallory then asks for (to read), and what the admin did before."""

    statement: str
    path: str = GET
    request: Message | None = None
    before: Before = lambda scene: None


ATTACKS = {
    "mallory's key is made alice's": Attack(
        "UPDATE keys SET generation = 9, identity_id = {alice_id} WHERE identity_id = {mallory_id}"
    ),
    "mallory is made an admin": Attack(
        "UPDATE identities SET role = 'admin' WHERE id = {mallory_id}",
        LIST_IDENTITIES,
        ListIdentitiesRequest(),
    ),
    "alice's grants are copied for mallory, with their tags": Attack(
        f"INSERT INTO grants (subject_id, {COLUMNS}, tag) SELECT {{mallory_id}}, {COLUMNS}, tag"
        " FROM grants WHERE subject_id = {alice_id}"
    ),
    "alice's grants are made mallory's": Attack(
        "UPDATE grants SET subject_id = {mallory_id} WHERE subject_id = {alice_id}",
        LIST,
        ListRecordsRequest(namespace=NAMESPACE),
    ),
    "mallory's own grant is widened": Attack(
        f"UPDATE grants SET namespace = '{NAMESPACE}' WHERE subject_id = {{mallory_id}}",
        before=lambda scene: scene.mallory.client.put("mallory", "own", b""),
    ),
    "mallory is put into the group": Attack(
        "INSERT INTO members (group_id, identity_id, created_at, tag)"
        " SELECT group_id, {mallory_id}, created_at, tag FROM members"
    ),
    "mallory's key, which was revoked, is made active": Attack(
        "UPDATE keys SET state = 'active', ended_at = NULL WHERE identity_id = {mallory_id}",
        WHOAMI,
        WhoAmIRequest(),
        lambda scene: scene.admin.client.keys.revoke(scene.mallory.key_id),
    ),
    "mallory, who was suspended, is resumed": Attack(
        "UPDATE identities SET state = 'active' WHERE id = {mallory_id}",
        WHOAMI,
        WhoAmIRequest(),
        lambda scene: scene.admin.client.identities.suspend(scene.mallory.name),
    ),
    "the namespace is made mallory's": Attack(
        f"UPDATE namespaces SET owner_id = {{mallory_id}} WHERE name = '{NAMESPACE}'",
        before=lambda scene: scene.alice.grant(scene.mallory, "read", NAMESPACE),
    ),
}


# case 60
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_was_written_into_the_database_gives_nothing(
    tampering: Tampering, attack: Attack
) -> None:
    attack.before(tampering)
    tampering.write(attack.statement)
    status = tampering.refusal(tampering.mallory, attack.path, attack.request or READ)
    assert status in (DAMAGED, UNAUTHENTICATED)


def test_who_has_no_part_in_an_edit_notices_nothing_of_it(tampering: Tampering) -> None:
    tampering.write("UPDATE identities SET role = 'admin' WHERE id = {mallory_id}")
    assert tampering.alice.client.get(NAMESPACE, "march").value == VALUE
    assert tampering.refusal(tampering.mallory, WHOAMI, WhoAmIRequest()) == DAMAGED
    tampering.write("UPDATE identities SET role = 'member' WHERE id = {mallory_id}")
    assert tampering.mallory.client.whoami().name == tampering.mallory.name


def test_an_identity_that_was_written_into_the_database_does_not_exist(
    tampering: Tampering,
) -> None:
    key = new_key()
    tampering.write(
        "INSERT INTO identities (id, name, role, created_at, tag)"
        " SELECT 'eve', 'eve', 'admin', created_at, tag FROM identities"
        " WHERE id = {admin_id}"
    )
    tampering.write(
        "INSERT INTO keys (public_key_id, public_key, identity_id, created_at, tag)"
        " SELECT ?, ?, 'eve', created_at, tag FROM keys WHERE identity_id = {admin_id}",
        key.public_key.key_id,
        key.public_key.raw,
    )
    eve = dataclasses.replace(tampering.mallory.member, key=key)
    with wire_of(eve) as line:
        assert line.refusal(WHOAMI, eve.signed(WHOAMI, WhoAmIRequest())) == DAMAGED


@pytest.mark.parametrize(
    "change",
    ["used_at = NULL, identity_id = NULL", "role = 'admin'", "expires_at = expires_at + 1000"],
)
def test_an_invitation_that_was_revived_or_improved_lets_nobody_in(
    tampering: Tampering, name: str, change: str
) -> None:
    invitation = tampering.cast.house.invite(name)
    if change.startswith("used_at"):
        enrol(invitation, clock=tampering.cast.house.clock)
    tampering.write(f"UPDATE invitations SET {change} WHERE name = '{name}'")
    assert refused_enrolment(tampering.cast.house, invitation) == DAMAGED


def test_nothing_is_sealed_to_a_key_that_was_written_into_the_database(
    tampering: Tampering,
) -> None:
    """Whoever holds that key could open it, with the database alone."""
    key = new_key().public_key
    tampering.write(
        "INSERT INTO keys (public_key_id, public_key, identity_id, created_at, generation)"
        " SELECT ?, ?, {alice_id}, 0, 99",
        key.key_id,
        key.raw,
    )
    put = PutRecordRequest(namespace=NAMESPACE, name="april", value=VALUE)
    assert tampering.refusal(tampering.alice, PUT, put) == DAMAGED
    assert refused(tampering.alice.client.get, NAMESPACE, "april") == "NOT_FOUND"
    assert tampering.alice.client.get(NAMESPACE, "march").value == VALUE


def test_an_edit_does_not_keep_a_key_from_being_revoked(tampering: Tampering) -> None:
    """Counting admins passes over rows that were altered, and refuses nothing because of them."""
    tampering.write("UPDATE identities SET role = 'admin' WHERE id = {mallory_id}")
    tampering.admin.client.keys.revoke(tampering.alice.key_id)
    status = tampering.refusal(tampering.alice, WHOAMI, WhoAmIRequest())
    assert status == UNAUTHENTICATED
