"""Whoever can write to the database, and to nothing else, gives nobody a right."""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_sign_ed25519_sk_to_curve25519
from sqlalchemy import Column, Integer, LargeBinary

from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import SealError
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.sealing import RecordAddress, read_header, seal, unseal
from sealwire.storage import (
    Effect,
    IdentityState,
    KeyState,
    Namespace,
    RootKeys,
    Scope,
    Store,
    Transaction,
    Verb,
)
from sealwire.storage.tagging import TAGGED, TaggedTable
from tests.core.builders import HeldKey, RepeatableRandom
from tests.storage.builders import (
    ALICE,
    BOB,
    DEPLOYMENT,
    NOW,
    ROOT_KEYS,
    blob,
    create,
    get,
    namespace_of,
    opened,
    plain,
    private_key,
    put,
    replace_blob,
    root_keys,
)
from tests.storage.changes import INVITATION, LATER, found, grant, key_of, populate

MALLORY = private_key(0x66)
Look = Callable[[Transaction], Any]


@pytest.fixture
def members(store: Store) -> Store:
    populate(store)
    namespace_of(store, ALICE, "team/x")
    return store


def refused(store: Store, *looks: Look) -> None:
    """Require each to be refused, for reading and for writing."""
    for look in looks:
        for run in (store.read_blocking, store.write_blocking):
            with pytest.raises(SealError):
                run(look)


def execute(database: Path, *statements: str) -> None:
    """Change at least a row with each statement, as any program can."""
    with plain(database) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def everything(table: TaggedTable) -> Look:
    key = next(iter(table.table.primary_key))
    return lambda tx: tx.authority.all(table, order_by=key)


def edits() -> list[Any]:
    return [
        pytest.param(table, column, id=f"{table.table.name}.{column.name}")
        for table in TAGGED
        for column in (*table.columns, table.table.c.tag)
    ]


def other_value(column: Column[Any], value: object) -> object:
    """Return a value that the column may have, and had not."""
    if isinstance(column.type, Integer):
        return 0 if value is None else int(str(value)) + 1
    if isinstance(column.type, LargeBinary):
        assert isinstance(value, bytes)
        return value[:-1] + bytes([value[-1] ^ 1])
    return "" if value is None else f"{value}x"


@pytest.mark.parametrize(("table", "column"), edits())
def test_a_row_altered_in_any_column_is_refused_and_accepted_as_it_was(
    members: Store, database: Path, table: TaggedTable, column: Column[Any]
) -> None:
    name, edit = table.table.name, f"UPDATE {table.table.name} SET {column.name} = ?"
    with plain(database) as connection:
        (rowid, value), *_ = connection.execute(f"SELECT rowid, {column.name} FROM {name}")
        other = other_value(column, value)
        connection.execute(f"{edit} WHERE rowid = ?", (other, rowid))
        refused(members, everything(table))
        connection.execute(f"{edit} WHERE {column.name} = ?", (value, other))
    assert members.read_blocking(everything(table))


def test_every_table_that_decides_anything_has_a_row_in_these_tests(
    members: Store, database: Path
) -> None:
    with plain(database) as connection:
        for table in TAGGED:
            assert connection.execute(f"SELECT 1 FROM {table.table.name}").fetchone() == (1,)


TAGS = {
    "none": "x''",
    "zeros": "zeroblob(36)",
    "cut": "substr(tag, 1, 35)",
    "longer": "CAST(tag || x'00' AS BLOB)",
    "another root version": "CAST(x'00000002' || substr(tag, 5) AS BLOB)",
    "its version alone": "substr(tag, 1, 4)",
}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_a_tag_that_is_not_whole_is_refused(members: Store, database: Path, tag: str) -> None:
    execute(database, *(f"UPDATE {table.table.name} SET tag = {tag}" for table in TAGGED))
    refused(members, *map(everything, TAGGED))


def test_the_tag_of_another_row_or_table_is_refused(members: Store, database: Path) -> None:
    with plain(database) as connection:
        tags = [
            connection.execute(f"SELECT tag FROM {table.table.name}").fetchone() for table in TAGGED
        ]
        for table, tag in zip(TAGGED, [*tags[1:], tags[0]], strict=True):
            connection.execute(f"UPDATE {table.table.name} SET tag = ?", tag)
    refused(members, *map(everything, TAGGED))


@pytest.mark.parametrize(
    ("roots", "deployment_id"),
    [(root_keys(0x21), DEPLOYMENT), (ROOT_KEYS, "22222222-2222-4222-8222-222222222222")],
    ids=["root key", "deployment"],
)
def test_rows_of_a_deployment_with_another_root_key_or_id_are_refused(
    members: Store, database: Path, tmp_path: Path, roots: RootKeys, deployment_id: str
) -> None:
    other = create(tmp_path / "other.db", roots=roots, deployment_id=deployment_id)
    with opened(other, roots=roots) as elsewhere:
        populate(elsewhere)
    with plain(database) as connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        for table in ("grants", "members", "invitations", "keys", "groups", "identities"):
            connection.execute(f"DELETE FROM main.{table}")
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
    refused(
        members,
        lambda tx: tx.identities.find_by_name("alice"),
        lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id),
        lambda tx: tx.groups.find("ops"),
        lambda tx: tx.grants.covering_all("team/x"),
    )


def find_bob(tx: Transaction) -> object:
    return tx.identities.find_by_key(BOB.public_key.key_id)


def grants_below(tx: Transaction) -> object:
    return tx.grants.covering_all("team/x/y")


def narrow(tx: Transaction) -> None:
    wide = grant(tx, "bob")
    tx.grants.remove(wide)
    tx.grants.put(dataclasses.replace(wide, scope=Scope.EXACT))


def take(tx: Transaction) -> object:
    return tx.invitations.take(INVITATION.id, token_digest=INVITATION.token_digest, now=NOW)


ALICES_ID = "(SELECT id FROM identities WHERE name = 'alice')"
BOBS_ID = "(SELECT id FROM identities WHERE name = 'bob')"
BOBS_KEY = f"(SELECT public_key_id FROM keys WHERE identity_id = {BOBS_ID})"
COLUMNS = "namespace, scope, effect, verb, subject_kind, expires_at, granted_by, created_at, tag"


@dataclass(frozen=True)
class Attack:
    """What somebody writes into the database, and what is then refused."""

    statement: str
    look: Look
    before: Callable[[Transaction], object] = lambda tx: None


ATTACKS = {
    "a key given to another identity": Attack(
        f"UPDATE keys SET generation = 2, identity_id = {ALICES_ID} WHERE identity_id = {BOBS_ID}",
        find_bob,
    ),
    "another identity made an admin": Attack(
        "UPDATE identities SET role = 'admin' WHERE name = 'bob'",
        find_bob,
        lambda tx: tx.identities.set_role(found(tx, "bob"), "member"),
    ),
    "a suspended identity resumed": Attack(
        "UPDATE identities SET state = 'active' WHERE name = 'bob'",
        find_bob,
        lambda tx: tx.identities.set_state(found(tx, "bob"), IdentityState.SUSPENDED),
    ),
    "a revoked key made active": Attack(
        f"UPDATE keys SET state = 'active', ended_at = NULL WHERE public_key_id = {BOBS_KEY}",
        find_bob,
        lambda tx: tx.keys.end(key_of(tx, "bob"), KeyState.REVOKED, now=NOW),
    ),
    "an expired key prolonged": Attack(
        f"UPDATE keys SET expires_at = NULL WHERE public_key_id = {BOBS_KEY}",
        find_bob,
        lambda tx: tx.keys.expire(key_of(tx, "bob"), at=NOW),
    ),
    "a certificate bound to a key": Attack(
        f"UPDATE keys SET certificate_uri = 'spiffe://evil/x' WHERE public_key_id = {BOBS_KEY}",
        find_bob,
    ),
    "an identity and a key inserted": Attack(
        "INSERT INTO identities (id, name, role, salt, created_at)"
        " VALUES ('m', 'mallory', 'admin', zeroblob(32), 0)",
        lambda tx: tx.identities.find_by_name("mallory"),
    ),
    "a grant widened to a subtree": Attack(
        "UPDATE grants SET scope = 'subtree'",
        grants_below,
        narrow,
    ),
    "a grant of another verb": Attack(
        "UPDATE grants SET verb = 'admin'", lambda tx: tx.grants.covering_all("team/x")
    ),
    "a grant to somebody else": Attack(
        f"UPDATE grants SET subject_id = {ALICES_ID}",
        lambda tx: tx.grants.of_subject(found(tx, "alice").id),
    ),
    "a grant on another namespace": Attack(
        "UPDATE grants SET namespace = 'team'", lambda tx: tx.grants.covering_all("team/y")
    ),
    "a denial turned into a grant": Attack(
        "UPDATE grants SET effect = 'allow' WHERE effect = 'deny'",
        lambda tx: tx.grants.of_subject(found(tx, "bob").id),
        lambda tx: tx.grants.put(grant(tx, "bob", Verb.WRITE, effect=Effect.DENY)),
    ),
    "a grant that has ended prolonged": Attack(
        "UPDATE grants SET expires_at = NULL WHERE verb = 'write'",
        lambda tx: tx.grants.of_subject(found(tx, "bob").id),
        lambda tx: tx.grants.put(grant(tx, "bob", Verb.WRITE, expires_at=NOW)),
    ),
    "a grant copied to somebody else with its tag": Attack(
        f"INSERT INTO grants (subject_id, {COLUMNS}) SELECT {ALICES_ID}, {COLUMNS} FROM grants",
        lambda tx: tx.grants.of_subject(found(tx, "alice").id),
    ),
    "a group renamed": Attack(
        "UPDATE groups SET name = 'admins'", lambda tx: tx.groups.find("admins")
    ),
    "a member added": Attack(
        f"INSERT INTO members (group_id, identity_id, created_at) SELECT id, {ALICES_ID}, 0"
        " FROM groups",
        lambda tx: tx.groups.of_identity(found(tx, "alice").id),
    ),
    "a used invitation made new": Attack("UPDATE invitations SET used_at = NULL", take, take),
    "an invitation prolonged": Attack(f"UPDATE invitations SET expires_at = {LATER + 1}", take),
    "an invitation for an admin": Attack("UPDATE invitations SET role = 'admin'", take),
    "an invitation with another token": Attack(
        "UPDATE invitations SET token_digest = x'00'",
        lambda tx: tx.invitations.take(INVITATION.id, token_digest=b"\0", now=NOW),
    ),
    "an invitation to become somebody": Attack(
        f"UPDATE invitations SET recovers = {ALICES_ID}", take
    ),
    "a namespace given away": Attack(
        f"UPDATE namespaces SET owner_id = {BOBS_ID}", lambda tx: tx.namespaces.find("team/x")
    ),
    "a namespace renamed": Attack(
        "UPDATE namespaces SET name = 'team/z'", lambda tx: tx.namespaces.find("team/z")
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_was_written_into_the_database_decides_nothing(
    members: Store, database: Path, attack: Attack
) -> None:
    members.write_blocking(attack.before)
    execute(database, attack.statement)
    refused(members, attack.look)


def test_nobody_becomes_the_last_admin_by_an_edit(members: Store, database: Path) -> None:
    members.write_blocking(lambda tx: tx.identities.set_role(found(tx, "bob"), "member"))
    assert members.read_blocking(lambda tx: tx.identities.count_admins()) == 1
    execute(database, "UPDATE identities SET role = 'admin' WHERE name = 'bob'")
    assert members.read_blocking(lambda tx: tx.identities.count_admins()) == 1
    execute(
        database, f"UPDATE keys SET expires_at = NULL, tag = x'' WHERE identity_id = {ALICES_ID}"
    )
    assert members.read_blocking(lambda tx: tx.identities.count_admins()) == 0


# What a thief with a key of their own, and the whole database, can derive without the root key.


def offline_key(database: Path, thief: PrivateKey, *, identity: str) -> HeldKey:
    """Return the identity key of blobs that are an identity's, and sealed to the thief."""
    with plain(database) as connection:
        (root,) = connection.execute("SELECT public_key FROM root_keys").fetchone()
        (salt,) = connection.execute(
            "SELECT salt FROM identities WHERE name = ?", (identity,)
        ).fetchone()
    secret = crypto_sign_ed25519_sk_to_curve25519(thief.seed + thief.public_key.raw)
    shared = X25519PrivateKey.from_private_bytes(secret).exchange(
        X25519PublicKey.from_public_bytes(root)
    )
    version, owner = (1).to_bytes(4, "big"), thief.public_key.raw
    info = length_prefixed("sealwire/v1/identity-key", version, DEPLOYMENT.encode(), owner)
    return HeldKey(1, thief.public_key, HKDF(SHA256(), 32, salt, info).derive(shared))


def give_key(database: Path, identity: str, key: PublicKey) -> None:
    """Make a key an identity's newest, without a tag."""
    with plain(database) as connection:
        connection.execute(
            "INSERT INTO keys (public_key_id, public_key, identity_id, created_at, generation)"
            " SELECT ?, ?, id, 0, 99 FROM identities WHERE name = ?",
            (key.key_id, key.raw, identity),
        )


@pytest.fixture
def payroll(members: Store) -> Namespace:
    namespace = namespace_of(members, ALICE, "team/payroll")
    put(members, namespace, "march", b"41,000 a year")
    return namespace


def test_whoever_holds_an_identitys_key_and_the_database_needs_no_server(
    members: Store, payroll: Namespace, database: Path
) -> None:
    """It is why to whose key records are sealed must be nobody's choice but the server's."""
    key = offline_key(database, ALICE, identity="alice")
    address = RecordAddress(payroll.name, "march", 1)
    assert unseal(key, blob(database, "march"), address=address) == b"41,000 a year"


def test_nothing_is_sealed_to_a_key_that_was_written_into_the_database(
    members: Store, payroll: Namespace, database: Path
) -> None:
    give_key(database, "alice", MALLORY.public_key)
    refused(members, lambda tx: tx.records.put(payroll, "april", value=b"42,000", now=NOW))
    assert get(members, payroll, "april") is None
    assert read_header(blob(database, "march")).owner == ALICE.public_key


def test_nothing_is_sealed_to_whoever_was_made_a_namespaces_owner_in_the_database(
    members: Store, payroll: Namespace, database: Path
) -> None:
    execute(database, f"UPDATE namespaces SET owner_id = {BOBS_ID} WHERE name = 'team/payroll'")
    refused(members, lambda tx: tx.namespaces.find("team/payroll"))
    refused(members, lambda tx: tx.namespaces.find_by_id(payroll.id))


def test_a_blob_that_was_made_without_the_server_does_not_open(
    members: Store, payroll: Namespace, database: Path
) -> None:
    """With a key of one's own in alice's row, all of it can be computed but the tag."""
    give_key(database, "alice", MALLORY.public_key)
    key = offline_key(database, MALLORY, identity="alice")
    address = RecordAddress(payroll.name, "march", 1)
    forged = seal(key, b"99,000 a year", address=address, random=RepeatableRandom("forged"))
    replace_blob(database, "march", forged)
    refused(members, lambda tx: tx.records.get(payroll, "march"))


def test_without_the_key_that_followed_nothing_is_sealed_to_the_one_before(
    members: Store, payroll: Namespace, database: Path
) -> None:
    def rotate(tx: Transaction) -> None:
        old = key_of(tx, "alice")
        tx.keys.add(old.identity_id, MALLORY.public_key, now=NOW)
        tx.keys.end(old, KeyState.ROTATED, now=NOW)

    members.write_blocking(rotate)
    put(members, payroll, "april", b"value")
    execute(database, f"DELETE FROM keys WHERE generation = 2 AND identity_id = {ALICES_ID}")
    refused(members, lambda tx: tx.records.put(payroll, "may", value=b"value", now=NOW))


# What tags do not tell, and docs/sealing.md says so.


def test_a_row_that_was_deleted_is_gone_and_an_older_one_that_was_put_back_is_believed(
    members: Store, database: Path
) -> None:
    with plain(database) as connection:
        older = connection.execute(
            "SELECT state, tag FROM identities WHERE name = 'bob'"
        ).fetchone()
        members.write_blocking(
            lambda tx: tx.identities.set_state(found(tx, "bob"), IdentityState.SUSPENDED)
        )
        connection.execute("UPDATE identities SET state = ?, tag = ? WHERE name = 'bob'", older)
        connection.execute("DELETE FROM grants")
    assert members.read_blocking(lambda tx: found(tx, "bob")).state == IdentityState.ACTIVE
    assert members.read_blocking(lambda tx: tx.grants.covering_all("team/x")) == []


def test_revoked_certificates_and_events_have_no_tag(members: Store, database: Path) -> None:
    """An edit can take such a row away, as it can any; or add one, which only ends something."""
    with plain(database) as connection:
        connection.execute(
            f"INSERT INTO revoked_certificates VALUES ({BOBS_KEY}, 'a1', 0)",
        )
    serials = members.read_blocking(lambda tx: tx.keys.revoked_certificates(BOB.public_key.key_id))
    assert serials == {"a1"}
    with pytest.raises(sqlite3.OperationalError), plain(database) as connection:
        connection.execute("SELECT tag FROM events")
