"""Units of work that write: all or nothing each, acknowledged once they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sealwire.core.errors import UnavailableError
from sealwire.storage import Namespace, NewIdentity, NewRecord, Query, RecordRow, Store, Transaction
from tests.storage.batches import busy, one_batch, submitted
from tests.storage.builders import ALICE, BOB, NOW, get, put
from tests.storage.suite.engines import Engine


def names(store: Store, namespace: Namespace) -> set[str]:
    page = store.read_blocking(lambda tx: tx.listing.page(namespace, Query(), now=NOW))
    return {row.name for row in page.rows}


def committed(engine: Engine, namespace: Namespace) -> set[str]:
    """Return the names of the records that another process would see."""
    with engine.opened(seed="another") as other:
        return names(other, namespace)


def putting(namespace: Namespace, name: str) -> Callable[[Transaction], RecordRow]:
    return lambda tx: tx.records.put(namespace, NewRecord(name, b"value"), now=NOW)[0]


async def test_an_acknowledged_write_is_seen_by_everybody_and_none_is_before(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    with engine.opened(seed="another") as other:

        def unit(tx: Transaction) -> set[str]:
            putting(namespace, "march")(tx)
            return names(other, namespace)

        assert await store.write(unit) == set()
        assert names(other, namespace) == {"march"}


async def test_units_of_one_batch_see_each_other_and_nobody_else_does(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    with engine.opened(seed="another") as other:

        def last(tx: Transaction) -> tuple[bool, set[str]]:
            return tx.records.get(namespace, "first", now=NOW) is not None, names(other, namespace)

        outcomes = await one_batch(store.write, putting(namespace, "first"), last)
        assert outcomes == [RecordRow("first", 1, 5, NOW, NOW), (True, set())]
        assert names(other, namespace) == {"first"}


async def test_a_unit_that_fails_is_undone_alone(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    def fails_half_way(tx: Transaction) -> None:
        putting(namespace, "half")(tx)
        tx.records.delete(namespace, "before", now=NOW)
        tx.groups.create("ops", now=NOW)
        raise LookupError("Half-way.")

    outcomes = await one_batch(
        store.write, putting(namespace, "before"), fails_half_way, putting(namespace, "after")
    )
    assert [type(outcome) for outcome in outcomes] == [RecordRow, LookupError, RecordRow]
    assert committed(engine, namespace) == {"before", "after"}
    assert store.read_blocking(lambda tx: tx.groups.find("ops")) is None


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
        putting(namespace, "march")(tx)
        raise error

    with pytest.raises(type(error)):
        store.write_blocking(unit)
    assert get(store, namespace, "march") is None
    assert put(store, namespace, "march", b"value") == 1


async def test_stop_iteration_from_a_unit_is_an_error_like_any_other(store: Store) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(lambda tx: next(iter([])))


async def test_a_caller_that_is_cancelled_does_not_disturb_the_others(
    engine: Engine, store: Store, namespace: Namespace
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
    assert "kept" in committed(engine, namespace)


async def test_closing_finishes_what_waits_and_refuses_the_rest(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    gate, first = await busy(store.write)
    waiting = await submitted(store.write, putting(namespace, "march"))
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    gate.opened.set()
    await closing
    await asyncio.gather(first, waiting)
    assert committed(engine, namespace) == {"march"}
    for refused in (store.write, store.read):
        with pytest.raises(UnavailableError):
            await refused(lambda tx: None)


def test_what_was_acknowledged_is_there_after_reopening(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    put(store, namespace, "march", b"value")
    store.close()
    store.close()
    with engine.opened() as again:
        assert get(again, namespace, "march") == b"value"
