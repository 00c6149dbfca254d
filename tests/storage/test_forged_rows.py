"""Whoever can write to the database, and to nothing else, gives nobody a right."""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_sign_ed25519_sk_to_curve25519

from sealwire.core.encoding import length_prefixed
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.sealing import RecordAddress, read_header, seal, unseal
from sealwire.storage import (
    Effect,
    IdentityState,
    KeyState,
    Namespace,
    NewRecord,
    Scope,
    Store,
    Transaction,
    Verb,
)
from tests.core.builders import HeldKey, RepeatableRandom
from tests.storage.builders import (
    ALICE,
    BOB,
    DEPLOYMENT,
    NOW,
    blob,
    get,
    namespace_of,
    plain,
    private_key,
    put,
    replace_blob,
    salts_of,
)
from tests.storage.changes import INVITATION, LATER, found, grant, key_of, populate
from tests.storage.tampering import ALICES_ID, BOBS_ID, BOBS_KEY, Look, execute, refused

MALLORY = private_key(0x66)


@pytest.fixture
def members(store: Store) -> Store:
    populate(store)
    namespace_of(store, ALICE, "team/x")
    return store


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
        "INSERT INTO identities (id, name, role, created_at) VALUES ('m', 'mallory', 'admin', 0)",
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


# case 60
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


# What a thief with a key of their own, the whole database and the salts can derive without the root
# key.


def offline_key(database: Path, thief: PrivateKey, *, identity: str) -> HeldKey:
    """Return the identity key of blobs that are an identity's, and sealed to the thief."""
    with plain(database) as connection:
        (root,) = connection.execute("SELECT public_key FROM root_keys").fetchone()
        (identity_id,) = connection.execute(
            "SELECT id FROM identities WHERE name = ?", (identity,)
        ).fetchone()
    salt = salts_of(database).read(identity_id)
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


def test_whoever_holds_an_identitys_key_its_salt_and_the_database_needs_no_server(
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
    refused(members, lambda tx: tx.records.put(payroll, NewRecord("april", b"42,000"), now=NOW))
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
    refused(members, lambda tx: tx.records.get(payroll, "march", now=NOW))


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
    refused(members, lambda tx: tx.records.put(payroll, NewRecord("may", b"value"), now=NOW))
