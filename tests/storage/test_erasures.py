"""Erasure in the store: what an erased identity sealed opens nowhere, and nobody else's is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealwire.core.errors import ErasedError, SealError, UnavailableError
from sealwire.core.keys import PrivateKey
from sealwire.storage import IdentityState, Namespace, Store, Transaction, finish_erasures
from tests.storage.builders import ALICE, BOB, get, namespace_of, opened, put, salts_of
from tests.storage.changes import found, populate
from tests.storage.tampering import execute


@pytest.fixture
def payroll(store: Store) -> Namespace:
    populate(store)
    payroll = namespace_of(store, ALICE, "team/payroll")
    put(store, payroll, "march", b"value")
    return payroll


@pytest.fixture
def notes(store: Store) -> Namespace:
    """Bob's, which nothing that happens to alice may touch."""
    notes = namespace_of(store, BOB, "notes")
    put(store, notes, "march", b"bob's")
    return notes


def id_of(store: Store, key: PrivateKey) -> str:
    pair = store.read_blocking(lambda tx: tx.identities.find_by_key(key.public_key.key_id))
    assert pair is not None
    return pair[0].id


def mark_erased(tx: Transaction) -> None:
    tx.identities.set_state(found(tx, "alice"), IdentityState.ERASED)


def refused(store: Store, namespace: Namespace) -> None:
    for attempt in (
        lambda: get(store, namespace, "march"),
        lambda: put(store, namespace, "april", b"value"),
    ):
        with pytest.raises(ErasedError, match="was erased"):
            attempt()


def test_what_was_sealed_to_an_erased_identity_opens_no_more_also_with_a_key_that_was_held(
    store: Store, payroll: Namespace, notes: Namespace, database: Path
) -> None:
    alice = id_of(store, ALICE)
    assert get(store, payroll, "march") == b"value"
    store.write_blocking(mark_erased)
    finish_erasures(store)
    refused(store, payroll)
    assert get(store, notes, "march") == b"bob's"
    assert alice not in salts_of(database).names()
    assert store.read_blocking(lambda tx: tx.identities.erased()) == [alice]


def test_a_copy_of_the_database_from_before_the_erasure_opens_nothing_of_it(
    store: Store, payroll: Namespace, notes: Namespace, database: Path
) -> None:
    copy = database.with_name("copy.db")
    store.close()
    shutil.copyfile(database, copy)
    with opened(copy) as older:
        assert get(older, payroll, "march") == b"value"
    with opened(database) as newer:
        newer.write_blocking(mark_erased)
        finish_erasures(newer)
    with opened(copy) as older:
        assert older.read_blocking(lambda tx: found(tx, "alice").state) == IdentityState.ACTIVE
        for attempt in (
            lambda: get(older, payroll, "march"),
            lambda: put(older, payroll, "march", b"newer"),
        ):
            with pytest.raises(SealError, match="missing"):
                attempt()
        assert get(older, notes, "march") == b"bob's"


def test_no_key_is_derived_from_the_commit_on_and_a_salt_that_is_left_is_destroyed_later(
    store: Store, payroll: Namespace, database: Path
) -> None:
    alice = id_of(store, ALICE)
    store.write_blocking(mark_erased)
    store.close()  # as by a crash: nobody came to destroying the salt
    assert alice in salts_of(database).names()
    with opened(database) as again:
        refused(again, payroll)
        finish_erasures(again)
        assert alice not in salts_of(database).names()
        finish_erasures(again)
        refused(again, payroll)


def test_nothing_of_an_identity_that_was_not_erased_is_destroyed(
    store: Store, payroll: Namespace, database: Path
) -> None:
    alice = id_of(store, ALICE)
    for state in (IdentityState.SUSPENDED, IdentityState.REMOVED):
        store.write_blocking(
            lambda tx: tx.identities.set_state(found(tx, "alice"), state)  # noqa: B023
        )
        store.read_blocking(lambda tx: tx.identities.destroy_salt(alice))
        finish_erasures(store)
        assert get(store, payroll, "march") == b"value"
    store.read_blocking(lambda tx: tx.identities.destroy_salt("nobody"))


def test_an_erasure_that_is_undone_destroys_nothing(store: Store, payroll: Namespace) -> None:
    def unit(tx: Transaction) -> None:
        mark_erased(tx)
        raise LookupError("Refused.")

    with pytest.raises(LookupError):
        store.write_blocking(unit)
    finish_erasures(store)
    assert get(store, payroll, "march") == b"value"


def test_whoever_can_write_to_the_database_can_not_have_a_salt_destroyed(
    store: Store, payroll: Namespace, database: Path
) -> None:
    alice = id_of(store, ALICE)
    execute(database, "UPDATE identities SET state = 'erased' WHERE name = 'alice'")
    assert store.read_blocking(lambda tx: tx.identities.erased()) == []
    store.read_blocking(lambda tx: tx.identities.destroy_salt(alice))
    finish_erasures(store)
    execute(database, "UPDATE identities SET state = 'active' WHERE name = 'alice'")
    assert get(store, payroll, "march") == b"value"


def test_whoever_can_write_to_the_database_can_not_revive_an_erased_identity(
    store: Store, payroll: Namespace, database: Path
) -> None:
    store.write_blocking(mark_erased)
    store.close()
    execute(database, "UPDATE identities SET state = 'active' WHERE name = 'alice'")
    with opened(database) as again, pytest.raises(SealError, match="tag does not fit"):
        get(again, payroll, "march")


def test_one_salt_that_can_not_be_destroyed_does_not_save_another(
    store: Store, payroll: Namespace, notes: Namespace, database: Path
) -> None:
    path = salts_of(database).path / id_of(store, ALICE)
    aside = path.rename(path.with_name("aside"))
    path.symlink_to(aside)

    def unit(tx: Transaction) -> None:
        mark_erased(tx)
        tx.identities.set_state(found(tx, "bob"), IdentityState.ERASED)

    bob = id_of(store, BOB)
    store.write_blocking(unit)
    with pytest.raises(UnavailableError, match="can't be destroyed now"):
        finish_erasures(store)
    assert bob not in salts_of(database).names()
    refused(store, notes)
    refused(store, payroll)  # its keys are forgotten all the same
    aside.replace(path)
    finish_erasures(store)
    store.close()
    assert salts_of(database).names() == frozenset()
