"""Sealed names: a stolen database shows none, and records are found all the same."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sealwire.core.encoding import base64url
from sealwire.core.errors import SealError
from sealwire.core.keys import PrivateKey
from sealwire.storage import (
    KeyState,
    Namespace,
    NewRecord,
    Query,
    Store,
    Transaction,
    reseal_records,
)
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    files,
    get,
    namespace_of,
    opened,
    plain,
    private_key,
    put,
    sealed_namespace_of,
)

CANARY = "salary-of-the-canary-in-march"
NEXT = private_key(0xA2)


@pytest.fixture
def sealed(store: Store) -> Namespace:
    return sealed_namespace_of(store, ALICE, "team/secret")


def use(store: Store, namespace: Namespace, name: str) -> None:
    """Do all that leaves a trace of a name."""

    def unit(tx: Transaction) -> None:
        tx.records.put(namespace, NewRecord(name, b"1", b"metadata"), now=NOW)
        tx.records.put(namespace, NewRecord(name, b"2"), now=NOW)
        tx.records.delete(namespace, name, now=NOW)
        tx.records.undelete(namespace, name, now=NOW)
        tx.records.destroy(namespace, name, [1], now=NOW)
        tx.listing.page(namespace, Query(), now=NOW)

    store.write_blocking(unit)


def listed(store: Store, namespace: Namespace) -> list[str]:
    page = store.read_blocking(lambda tx: tx.listing.page(namespace, Query(), now=NOW))
    return [row.name for row in page.rows]


def found_in(directory: Path, needle: bytes) -> set[str]:
    return {name for name, data in files(directory).items() if needle in data}


# case 66
def test_no_file_ever_holds_a_name(store: Store, sealed: Namespace, database: Path) -> None:
    """The name of a record beside it, which is not sealed, shows that the search would find it."""
    directory = database.parent
    other = namespace_of(store, BOB, "team/holidays")
    use(store, sealed, CANARY)
    use(store, other, CANARY[::-1])
    assert "sealwire.db-wal" in found_in(directory, CANARY[::-1].encode())
    assert found_in(directory, CANARY.encode()) == set()
    store.close()
    assert "sealwire.db" in found_in(directory, CANARY[::-1].encode())
    for needle in (CANARY.encode(), hashlib.sha256(CANARY.encode()).digest()):
        assert found_in(directory, needle) == set()


# case 66
def test_whoever_guesses_a_name_can_not_tell_whether_it_is_there(
    store: Store, sealed: Namespace, database: Path
) -> None:
    """Two namespaces of one owner store one name differently: the key is random, and sealed."""
    other = sealed_namespace_of(store, ALICE, "team/other")
    for namespace in (sealed, other):
        put(store, namespace, CANARY, b"value")
    with plain(database) as connection:
        stored = {name for (name,) in connection.execute("SELECT name FROM record_versions")}
    assert len(stored) == 2
    assert {len(name) for name in stored} == {43}
    assert base64url(hashlib.sha256(CANARY.encode()).digest()) not in stored


def rotate(store: Store, old: PrivateKey = ALICE, new: PrivateKey = NEXT) -> None:
    def unit(tx: Transaction) -> None:
        pair = tx.identities.find_by_key(old.public_key.key_id)
        assert pair is not None
        tx.keys.add(pair[0].id, new.public_key, now=NOW)
        tx.keys.end(pair[1], KeyState.ROTATED, now=NOW)

    store.write_blocking(unit)


def test_records_are_found_listed_and_deleted_after_a_rotation_and_after_resealing(
    store: Store, sealed: Namespace, database: Path
) -> None:
    put(store, sealed, "march", b"value")
    put(store, sealed, "april", b"value")
    changes: list[Callable[[Store], object]] = [rotate, lambda store: list(reseal_records(store))]
    for number, change in enumerate(changes):
        change(store)
        again = store.read_blocking(lambda tx: tx.namespaces.find(sealed.name))
        assert again is not None
        assert get(store, again, "march") == b"value"
        assert put(store, again, "april", b"newer") == number + 2
        assert listed(store, again) == ["april", "march"]
    store.write_blocking(lambda tx: tx.records.delete(sealed, "april", now=NOW))
    assert listed(store, sealed) == ["march"]
    assert found_in(database.parent, b"march") == set()


def test_a_stored_name_is_the_same_after_everything_was_resealed(
    store: Store, sealed: Namespace, database: Path
) -> None:
    put(store, sealed, "march", b"value")

    def stored() -> list[tuple[str, bytes]]:
        with plain(database) as connection:
            return connection.execute("SELECT name, sealed_name FROM record_versions").fetchall()

    ((name, first),) = stored()
    rotate(store)
    list(reseal_records(store))
    ((same, second),) = stored()
    assert name == same
    assert first != second


EDITS = {
    "another's name key": "UPDATE namespaces SET name_key = (SELECT name_key FROM namespaces"
    " WHERE name = 'team/other') WHERE name = 'team/secret'",
    "no name key": "UPDATE namespaces SET name_key = NULL WHERE name = 'team/secret'",
    "a name key of one's own": "UPDATE namespaces SET name_key = zeroblob(170)"
    " WHERE name = 'team/secret'",
}


# case 60, case 69
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_name_key_that_was_exchanged_is_refused(
    store: Store, sealed: Namespace, database: Path, edit: str
) -> None:
    sealed_namespace_of(store, ALICE, "team/other")
    put(store, sealed, "march", b"value")
    with plain(database) as connection:
        assert connection.execute(edit).rowcount == 1
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.namespaces.find(sealed.name))


# case 60
def test_another_namespaces_name_key_opens_nothing_even_past_the_tag(
    store: Store, sealed: Namespace
) -> None:
    other = sealed_namespace_of(store, ALICE, "team/other")
    put(store, sealed, "march", b"value")
    mixed = dataclasses.replace(sealed, name_key=other.name_key)
    for attempt in (
        lambda tx: tx.records.get(mixed, "march", now=NOW),
        lambda tx: tx.records.put(mixed, NewRecord("march", b"x"), now=NOW),
    ):
        with pytest.raises(SealError):
            store.write_blocking(attempt)


def test_a_copy_without_the_root_key_shows_no_names(
    store: Store, sealed: Namespace, database: Path
) -> None:
    put(store, sealed, CANARY, b"value")
    store.close()
    with plain(database) as connection:
        dump = "\n".join(connection.iterdump())
    assert "team/secret" in dump
    assert CANARY not in dump
    with opened(database) as again:
        assert listed(again, sealed) == [CANARY]
