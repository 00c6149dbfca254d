"""The order of all changes: each has a revision, one higher than the one before, come what may."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from sealwire.core.errors import VersionMismatchError
from sealwire.storage import ChangeKind, Namespace, NewRecord, Store, Transaction
from sealwire.storage.record_changes import StoredChange
from tests.storage.batches import one_batch
from tests.storage.builders import BOB, NOW, namespace_of, put, sealed_namespace_of
from tests.storage.suite.engines import Engine


def changes(store: Store, *, start: int = 1, limit: int = 1000) -> list[StoredChange]:
    return store.read_blocking(lambda tx: tx.changes.page(start=start, limit=limit))


def revisions(store: Store) -> list[int]:
    return [change.revision for change in changes(store)]


def putting(namespace: Namespace, name: str) -> Callable[[Transaction], int]:
    return lambda tx: tx.records.put(namespace, NewRecord(name, b"value"), now=NOW)[1]


def failing(namespace: Namespace, name: str) -> Callable[[Transaction], int]:
    def unit(tx: Transaction) -> int:
        putting(namespace, name)(tx)
        tx.records.delete(namespace, name, now=NOW)
        raise LookupError("Refused.")

    return unit


def test_where_nothing_has_happened_there_is_no_change(store: Store, namespace: Namespace) -> None:
    assert changes(store) == []
    bounds = store.read_blocking(lambda tx: (tx.changes.oldest(), tx.changes.last()))
    assert bounds == (1, 0)


def test_each_effect_on_a_version_is_one_change(store: Store, namespace: Namespace) -> None:
    def unit(tx: Transaction) -> list[object]:
        return [
            tx.records.put(namespace, NewRecord("march", b"1"), now=NOW)[1],
            tx.records.put(namespace, NewRecord("march", b"2"), now=NOW + 1)[1],
            tx.records.delete(namespace, "march", now=NOW + 2),
            tx.records.delete(namespace, "march", now=NOW + 3),
            (tx.records.undelete(namespace, "march", now=NOW + 4) or ("", 0))[1],
            tx.records.destroy(namespace, "march", [2, 1], now=NOW + 5),
            tx.records.destroy(namespace, "march", [2, 1], now=NOW + 6),
        ]

    assert store.write_blocking(unit) == [1, 2, 3, None, 4, 6, 6]
    assert changes(store) == [
        StoredChange(1, namespace.id, "march", 1, ChangeKind.PUT, NOW),
        StoredChange(2, namespace.id, "march", 2, ChangeKind.PUT, NOW + 1),
        StoredChange(3, namespace.id, "march", 2, ChangeKind.DELETE, NOW + 2),
        StoredChange(4, namespace.id, "march", 2, ChangeKind.UNDELETE, NOW + 4),
        StoredChange(5, namespace.id, "march", 1, ChangeKind.DESTROY, NOW + 5),
        StoredChange(6, namespace.id, "march", 2, ChangeKind.DESTROY, NOW + 5),
    ]


def test_records_that_are_put_at_once_follow_each_other(store: Store, namespace: Namespace) -> None:
    other = namespace_of(store, BOB, "team/holidays")
    items = [(space, NewRecord(name, b"")) for name in "abc" for space in (namespace, other)]
    _, last = store.write_blocking(lambda tx: tx.records.put_all(items, now=NOW))
    found = [(change.namespace_id, change.stored_name) for change in changes(store)]
    assert last == len(items)
    assert found == [(space.id, new.name) for space, new in items]


async def test_a_unit_that_fails_in_the_middle_of_a_batch_leaves_no_gap(
    store: Store, namespace: Namespace
) -> None:
    outcomes = await one_batch(
        store.write,
        putting(namespace, "a"),
        failing(namespace, "b"),
        failing(namespace, "c"),
        putting(namespace, "d"),
        failing(namespace, "e"),
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 2]
    assert [change.stored_name for change in changes(store)] == ["a", "d"]
    assert put(store, namespace, "f", b"value") == 1
    assert revisions(store) == [1, 2, 3]


async def test_many_writers_of_which_some_fail_make_one_order_without_gaps(
    store: Store, namespace: Namespace
) -> None:
    chance = random.Random(4)  # noqa: S311 - to be repeatable
    units = [chance.choice([putting, failing])(namespace, f"{n % 20}") for n in range(200)]
    outcomes = await asyncio.gather(*map(store.write, units), return_exceptions=True)
    acknowledged = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert 0 < len(acknowledged) < len(units)
    assert sorted(acknowledged) == revisions(store) == list(range(1, len(acknowledged) + 1))


def test_what_was_refused_is_no_change(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"value")
    new = NewRecord("march", b"value", if_version=7)
    with pytest.raises(VersionMismatchError):
        store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))
    assert revisions(store) == [1]


def test_the_order_goes_on_after_reopening(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    put(store, namespace, "march", b"value")
    store.close()
    with engine.opened(seed="again") as again:
        put(again, namespace, "april", b"value")
        assert revisions(again) == [1, 2]


def test_two_who_have_the_store_open_write_into_one_order(
    engine: Engine, store: Store, namespace: Namespace
) -> None:
    with engine.opened(seed="another") as other:
        for number in range(10):
            assert put(store, namespace, f"{number}", b"") == 1
            assert put(other, namespace, f"{number}", b"") == 2
        assert revisions(store) == revisions(other) == list(range(1, 21))


def test_pages_are_of_the_size_that_is_asked_for_and_begin_anywhere(
    store: Store, namespace: Namespace
) -> None:
    for number in range(10):
        put(store, namespace, f"{number}", b"")
    everything = changes(store)
    for start in range(1, 13):
        for limit in (1, 3, 100):
            assert changes(store, start=start, limit=limit) == everything[start - 1 :][:limit]


def test_what_is_forgotten_is_the_oldest_and_never_the_latest(
    store: Store, namespace: Namespace
) -> None:
    for number in range(10):
        put(store, namespace, f"{number}", b"")

    def trim(keep_from: int) -> int:
        return store.write_blocking(lambda tx: tx.changes.trim(keep_from=keep_from))

    assert (trim(1), trim(4), trim(4)) == (0, 3, 0)
    assert revisions(store) == list(range(4, 11))
    assert store.read_blocking(lambda tx: tx.changes.oldest()) == 4
    assert trim(1000) == 6
    assert revisions(store) == [10]
    put(store, namespace, "march", b"")
    assert revisions(store) == [10, 11]


def test_where_names_are_sealed_changes_name_records_as_they_are_stored(
    store: Store, namespace: Namespace
) -> None:
    sealed = sealed_namespace_of(store, BOB, "team/secret")
    put(store, sealed, "march", b"value")
    (change,) = changes(store)
    assert (change.namespace_id, len(change.stored_name)) == (sealed.id, 43)
    name = store.read_blocking(lambda tx: tx.records.name_of(sealed, change.stored_name))
    assert name == "march"
