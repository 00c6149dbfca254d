"""What of group commit shows in the file. What units are promised: suite/test_units.py."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sealwire.storage import Namespace, NewRecord, RecordRow, Store, Transaction
from tests.storage.batches import busy, one_batch, submitted
from tests.storage.builders import NOW, get, plain


def records_in(path: Path) -> set[str]:
    """Return the names that another process would see."""
    with plain(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM record_versions")}


def putting(namespace: Namespace, name: str) -> Callable[[Transaction], RecordRow]:
    return lambda tx: tx.records.put(namespace, NewRecord(name, b"value"), now=NOW)[0]


async def test_an_acknowledged_write_is_seen_by_another_connection(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def unit(tx: Transaction) -> set[str]:
        putting(namespace, "march")(tx)
        return records_in(database)

    assert await store.write(unit) == set()
    assert records_in(database) == {"march"}


async def test_a_batch_is_one_commit_and_nothing_of_it_is_acknowledged_before(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def last(tx: Transaction) -> tuple[bool, set[str]]:
        return tx.records.get(namespace, "first", now=NOW) is not None, records_in(database)

    outcomes = await one_batch(store.write, putting(namespace, "first"), last)
    assert outcomes == [RecordRow("first", 1, 5, NOW, NOW), (True, set())]
    assert records_in(database) == {"first"}


def test_no_other_process_writes_between_what_a_unit_reads_and_what_it_writes(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def unit(tx: Transaction) -> None:
        tx.records.get(namespace, "march", now=NOW)
        with plain(database) as other:
            other.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("DELETE FROM record_versions")
        putting(namespace, "march")(tx)

    store.write_blocking(unit)
    assert get(store, namespace, "march") == b"value"


async def test_a_unit_that_fails_leaves_nothing_in_the_file(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def fails_half_way(tx: Transaction) -> None:
        putting(namespace, "half")(tx)
        raise LookupError("Half-way.")

    await one_batch(
        store.write, putting(namespace, "before"), fails_half_way, putting(namespace, "after")
    )
    assert records_in(database) == {"before", "after"}


async def test_closing_leaves_one_file_of_the_database(
    store: Store, namespace: Namespace, database: Path
) -> None:
    gate, first = await busy(store.write)
    waiting = await submitted(store.write, putting(namespace, "march"))
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    gate.opened.set()
    await closing
    await asyncio.gather(first, waiting)
    left = {path.name for path in database.parent.iterdir()}
    assert left == {"sealwire.db", "sealwire.journal", "salts"}
