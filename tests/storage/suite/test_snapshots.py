from __future__ import annotations

import threading

import pytest

from sealwire.core.errors import UnavailableError
from sealwire.storage import Namespace, NewRecord, Query, Store, Transaction
from tests.storage.builders import NOW, get, put


def test_a_reader_sees_one_state_of_the_store_while_writers_go_on(
    store: Store, namespace: Namespace
) -> None:
    put(store, namespace, "march", b"old")
    first_read, written = threading.Event(), threading.Event()

    def unit(tx: Transaction) -> list[object]:
        before = tx.records.get(namespace, "march", now=NOW)
        first_read.set()
        assert written.wait(60)
        listed = [row.name for row in tx.listing.page(namespace, Query(), now=NOW).rows]
        return [before == tx.records.get(namespace, "march", now=NOW), listed]

    def write() -> None:
        assert first_read.wait(60)
        put(store, namespace, "march", b"new")
        put(store, namespace, "april", b"new")
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert store.read_blocking(unit) == [True, ["march"]]
    writer.join()
    assert get(store, namespace, "march") == b"new"


def test_a_read_that_follows_an_acknowledged_write_sees_it(
    store: Store, namespace: Namespace
) -> None:
    for number in range(200):
        put(store, namespace, "march", bytes([number]))
        assert get(store, namespace, "march") == bytes([number])


def test_a_slow_reader_holds_up_neither_writers_nor_other_readers(
    store: Store, namespace: Namespace
) -> None:
    entered, done = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        tx.namespaces.find("team/payroll")
        entered.set()
        assert done.wait(60)

    reader = threading.Thread(target=store.read_blocking, args=(slow,))
    reader.start()
    assert entered.wait(60)
    put(store, namespace, "march", b"value")
    assert get(store, namespace, "march") == b"value"
    done.set()
    reader.join()


def test_a_reader_can_not_write(store: Store, namespace: Namespace) -> None:
    new = NewRecord("march", b"value")
    with pytest.raises(UnavailableError, match="read-only"):
        store.read_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))
    assert get(store, namespace, "march") is None


def test_a_read_that_fails_does_not_disturb_the_next(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"value")
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            store.read_blocking(lambda tx: 1 / 0)
        assert get(store, namespace, "march") == b"value"
