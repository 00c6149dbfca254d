from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sealwire.core.errors import UnavailableError
from sealwire.storage import Namespace, NewIdentity, RecordRow, Store, Transaction
from tests.storage.batches import busy, one_batch, submitted
from tests.storage.builders import ALICE, BOB, NOW, get, opened, plain, put


def records_in(path: Path) -> set[str]:
    """Return the names that another process would see."""
    with plain(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM records")}


def putting(namespace: Namespace, name: str) -> Callable[[Transaction], RecordRow]:
    return lambda tx: tx.records.put(namespace, name, value=b"value", now=NOW)


async def test_an_acknowledged_write_is_seen_by_another_connection(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def unit(tx: Transaction) -> set[str]:
        tx.records.put(namespace, "march", value=b"value", now=NOW)
        return records_in(database)

    assert await store.write(unit) == set()
    assert records_in(database) == {"march"}


async def test_a_batch_is_one_commit_and_nothing_of_it_is_acknowledged_before(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def last(tx: Transaction) -> tuple[bool, set[str]]:
        return tx.records.get(namespace, "first") is not None, records_in(database)

    outcomes = await one_batch(store.write, putting(namespace, "first"), last)
    assert outcomes == [RecordRow("first", 1, 5, NOW, NOW), (True, set())]
    assert records_in(database) == {"first"}


def test_no_other_process_writes_between_what_a_unit_reads_and_what_it_writes(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def unit(tx: Transaction) -> None:
        tx.records.get(namespace, "march")
        with plain(database) as other:
            other.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("DELETE FROM records")
        tx.records.put(namespace, "march", value=b"value", now=NOW)

    store.write_blocking(unit)
    assert get(store, namespace, "march") == b"value"


async def test_a_unit_that_fails_is_undone_alone(
    store: Store, namespace: Namespace, database: Path
) -> None:
    def fails_half_way(tx: Transaction) -> None:
        tx.records.put(namespace, "half", value=b"value", now=NOW)
        tx.records.delete(namespace, "before")
        raise LookupError("Half-way.")

    outcomes = await one_batch(
        store.write, putting(namespace, "before"), fails_half_way, putting(namespace, "after")
    )
    assert [type(outcome) for outcome in outcomes] == [RecordRow, LookupError, RecordRow]
    assert records_in(database) == {"before", "after"}


async def test_a_failed_unit_may_be_followed_by_its_like(store: Store) -> None:
    alice = NewIdentity("alice", "member", ALICE.public_key)
    bob = NewIdentity("bob", "member", BOB.public_key)
    outcomes = await one_batch(
        store.write,
        lambda tx: tx.identities.create(alice, NOW).name,
        lambda tx: tx.identities.create(alice, NOW).name,
        lambda tx: tx.identities.create(bob, NOW).name,
    )
    assert outcomes[0] == "alice"
    assert "exists already" in str(outcomes[1])
    assert outcomes[2] == "bob"


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(3), asyncio.CancelledError()])
def test_whatever_a_unit_raises_reaches_its_caller_and_only_it(
    store: Store, namespace: Namespace, error: BaseException
) -> None:
    def unit(tx: Transaction) -> None:
        tx.records.put(namespace, "march", value=b"value", now=NOW)
        raise error

    with pytest.raises(type(error)):
        store.write_blocking(unit)
    assert get(store, namespace, "march") is None
    assert put(store, namespace, "march", b"value") == 1


async def test_stop_iteration_from_a_unit_is_an_error_like_any_other(store: Store) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(lambda tx: next(iter([])))


async def test_a_caller_that_is_cancelled_does_not_disturb_the_others(
    store: Store, namespace: Namespace, database: Path
) -> None:
    gate, first = await busy(store.write)
    cancelled = await submitted(store.write, putting(namespace, "gone"))
    kept = await submitted(store.write, putting(namespace, "kept"))
    cancelled.cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    await kept
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert "kept" in records_in(database)


async def test_closing_finishes_what_waits_and_refuses_the_rest(
    store: Store, namespace: Namespace, database: Path
) -> None:
    gate, first = await busy(store.write)
    waiting = await submitted(store.write, putting(namespace, "march"))
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    gate.opened.set()
    await closing
    await asyncio.gather(first, waiting)
    assert records_in(database) == {"march"}
    for refused in (store.write, store.read):
        with pytest.raises(UnavailableError):
            await refused(lambda tx: None)
    left = {path.name for path in database.parent.iterdir()}
    assert left == {"sealwire.db", "sealwire.journal"}


def test_what_was_acknowledged_is_there_after_reopening(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"value")
    store.close()
    store.close()
    with opened(database) as again:
        assert get(again, namespace, "march") == b"value"
