from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import sqlalchemy.exc

from sealwire.core.errors import AlreadyExistsError, SealError
from sealwire.storage import Namespace, NewIdentity, Store
from tests.storage.builders import ALICE, BOB, NOW, get, opened, plain, put, salts_of

ALICES = NewIdentity("alice", "member", ALICE.public_key)


def test_an_identity_is_found_by_its_id_its_name_and_its_key(store: Store) -> None:
    row = store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    assert (row.name, row.role, row.created_at) == ("alice", "member", NOW)
    assert uuid.UUID(row.id).version == 4
    assert store.read_blocking(lambda tx: tx.identities.find(row.id)) == row
    assert store.read_blocking(lambda tx: tx.identities.find_by_name("alice")) == row
    found = store.read_blocking(lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id))
    assert found is not None
    assert (found[0], found[1].public_key) == (row, ALICE.public_key)


def test_an_unknown_identity_is_not_found(store: Store) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    assert store.read_blocking(lambda tx: tx.identities.find("alice")) is None
    assert store.read_blocking(lambda tx: tx.identities.find_by_name("Alice")) is None
    bob = BOB.public_key.key_id
    assert store.read_blocking(lambda tx: tx.identities.find_by_key(bob)) is None


def test_a_name_is_given_once(store: Store) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    twin = NewIdentity("alice", "member", BOB.public_key)
    with pytest.raises(AlreadyExistsError, match="name"):
        store.write_blocking(lambda tx: tx.identities.create(twin, NOW))


def test_a_key_is_enrolled_once_and_the_refused_identity_leaves_no_trace(store: Store) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    second = NewIdentity("alice-2", "member", ALICE.public_key)
    with pytest.raises(AlreadyExistsError, match="key"):
        store.write_blocking(lambda tx: tx.identities.create(second, NOW))
    assert store.read_blocking(lambda tx: tx.identities.find_by_name("alice-2")) is None


def test_no_two_identities_share_a_salt(store: Store, database: Path) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    bobs = NewIdentity("bob", "member", BOB.public_key)
    store.write_blocking(lambda tx: tx.identities.create(bobs, NOW))
    kept = salts_of(database)
    salts = {kept.read(identity_id) for identity_id in kept.names()}
    assert len(salts) == 2
    assert all(len(salt) == 32 for salt in salts)


def test_a_stored_key_that_is_not_the_one_of_its_id_is_refused(
    store: Store, database: Path
) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    with plain(database) as connection:
        connection.execute("UPDATE keys SET public_key = ?", (BOB.public_key.raw,))
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id))


def test_a_stored_key_that_is_no_key_is_refused(store: Store, database: Path) -> None:
    store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    with plain(database) as connection:
        connection.execute("UPDATE keys SET public_key = ?", (bytes(32),))
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id))


def test_without_its_salt_nothing_of_an_identity_opens(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"value")
    store.close()
    (salt,) = salts_of(database).path.iterdir()
    for damage in (lambda: salt.write_bytes(bytes(32)), lambda: salt.write_bytes(b""), salt.unlink):
        damage()
        with opened(database) as again, pytest.raises(SealError):
            get(again, namespace, "march")


def test_a_namespace_is_found_by_exactly_its_name(store: Store, namespace: Namespace) -> None:
    assert store.read_blocking(lambda tx: tx.namespaces.find("team/payroll")) == namespace
    others = ("team", "team/Payroll", "team/payroll2", "%")
    found = store.read_blocking(lambda tx: [tx.namespaces.find(name) for name in others])
    assert found == [None] * 4


def test_a_namespace_has_one_owner_for_good(store: Store, namespace: Namespace) -> None:
    bob = store.write_blocking(
        lambda tx: tx.identities.create(NewIdentity("bob", "member", BOB.public_key), NOW)
    )
    with pytest.raises(AlreadyExistsError):
        store.write_blocking(
            lambda tx: tx.namespaces.create("team/payroll", owner_id=bob.id, now=1)
        )
    assert store.read_blocking(lambda tx: tx.namespaces.find("team/payroll")) == namespace


def test_a_namespace_needs_an_owner_that_exists(store: Store) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        store.write_blocking(lambda tx: tx.namespaces.create("n", owner_id="nobody", now=NOW))
    assert store.read_blocking(lambda tx: tx.namespaces.find("n")) is None


def test_a_salt_is_given_for_the_identitys_own_key_only(store: Store) -> None:
    alice = store.write_blocking(lambda tx: tx.identities.create(ALICES, NOW))
    bobs = NewIdentity("bob", "member", BOB.public_key)
    store.write_blocking(lambda tx: tx.identities.create(bobs, NOW))
    salt = store.read_blocking(lambda tx: tx.identities.salt(alice.id, ALICE.public_key))
    assert len(salt) == 32
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.identities.salt(alice.id, BOB.public_key))
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.identities.salt("nobody", ALICE.public_key))
