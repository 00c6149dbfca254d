from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from sealwire.storage import Namespace, NewRecord, Store, Transaction
from tests.storage.builders import NOW, blob, files, plain, put

CANARY = bytes.fromhex("c0ffee5ea1ed0ddba11dead10ccfeedface5ca1ab1e0b57ac1e0fabacadabba5")
LARGE = CANARY * 8000  # four chunks, and many pages
NAME = "march-2027-of-the-canary"


def found_in(directory: Path, needle: bytes) -> set[str]:
    return {name for name, data in files(directory).items() if needle in data}


def write_overwrite_and_delete(store: Store, namespace: Namespace) -> None:
    for value in (CANARY, LARGE, CANARY + b"again"):
        put(store, namespace, NAME, value)
    put(store, namespace, "short-lived", LARGE)
    store.write_blocking(lambda tx: tx.records.delete(namespace, "short-lived", now=NOW))
    store.write_blocking(lambda tx: tx.records.destroy(namespace, NAME, [2], now=NOW))


def back_up(database: Path, target: Path) -> None:
    with plain(database) as source, plain(target) as copy:
        source.backup(copy)


def test_no_file_ever_holds_a_value(  # case 66
    store: Store, namespace: Namespace, database: Path
) -> None:
    """The record's name, which is not sealed, shows that the search would find the value."""
    directory = database.parent
    write_overwrite_and_delete(store, namespace)
    back_up(database, directory / "backup.db")
    assert {"sealwire.db", "sealwire.db-wal", "backup.db"} <= set(files(directory))
    assert {"sealwire.db-wal", "backup.db"} <= found_in(directory, NAME.encode())
    assert found_in(directory, CANARY) == set()
    store.close()
    assert "sealwire.db" in found_in(directory, NAME.encode())
    assert found_in(directory, CANARY) == set()


def test_a_refused_unit_leaves_no_value_behind(  # case 66
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, NAME, b"harmless")

    def unit(tx: Transaction) -> None:
        tx.records.put(namespace, NewRecord(NAME, LARGE), now=1)
        raise LookupError("Refused.")

    with pytest.raises(LookupError):
        store.write_blocking(unit)
    store.close()
    assert found_in(database.parent, CANARY) == set()


def destroyed(tx: Transaction, namespace: Namespace) -> None:
    tx.records.destroy(namespace, NAME, [1], now=NOW)


def outgrown(tx: Transaction, namespace: Namespace) -> None:
    namespace = tx.namespaces.set_retention(namespace, keep_versions=1, keep_ms=0)
    tx.records.put(namespace, NewRecord(NAME, b"newer"), now=NOW)


@pytest.mark.parametrize("end", [destroyed, outgrown])
def test_a_version_that_is_gone_is_overwritten_in_the_file(
    store: Store,
    namespace: Namespace,
    database: Path,
    end: Callable[[Transaction, Namespace], None],
) -> None:
    put(store, namespace, NAME, LARGE)
    sealed = blob(database, NAME)
    store.write_blocking(lambda tx: end(tx, namespace))
    store.close()
    with plain(database) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    assert pages > len(LARGE) // 4096
    assert sealed[1000:1100] not in database.read_bytes()
    assert sealed[-100:] not in database.read_bytes()


def test_errors_of_the_database_do_not_tell_values(store: Store) -> None:
    with pytest.raises(IntegrityError) as refused:
        store.write_blocking(
            lambda tx: tx.namespaces.create("a-secret-project", owner_id="nobody", now=1)
        )
    assert "a-secret-project" not in str(refused.value)
