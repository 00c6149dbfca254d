from __future__ import annotations

import asyncio

import pytest

from sealwire.core.errors import SealError
from sealwire.storage import Namespace, RecordRow, Store, Transaction
from tests.storage.builders import BOB, NOW, get, namespace_of, put

CHUNK = 64 * 1024
NAMES = ["B", "a", "a/b", "b", "z", "é", "\uff5e", "\U0001f512"]  # in the order of their bytes


@pytest.mark.parametrize("size", [0, 1, 256, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_value_of_any_size_comes_back_as_it_was_put(
    store: Store, namespace: Namespace, size: int
) -> None:
    value = bytes(index % 251 for index in range(size))
    put(store, namespace, "march", value)
    assert get(store, namespace, "march") == value


def test_a_record_that_was_never_put_is_absent(store: Store, namespace: Namespace) -> None:
    assert get(store, namespace, "march") is None


def test_a_record_is_absent_from_every_other_namespace(store: Store, namespace: Namespace) -> None:
    other = namespace_of(store, BOB, "team")
    put(store, namespace, "march", b"value")
    assert get(store, other, "march") is None


def test_each_put_counts_the_version_up_and_keeps_the_time_of_the_first(
    store: Store, namespace: Namespace
) -> None:
    rows = store.write_blocking(
        lambda tx: [
            tx.records.put(namespace, "march", value=bytes(number), now=NOW + number)
            for number in range(3)
        ]
    )
    assert rows == [RecordRow("march", n + 1, n, NOW, NOW + n) for n in range(3)]
    assert store.read_blocking(lambda tx: tx.records.get(namespace, "march")) == (
        rows[2],
        bytes(2),
    )


async def test_writers_of_one_record_lose_no_update(  # case 84
    store: Store, namespace: Namespace
) -> None:
    rows = await asyncio.gather(
        *(
            store.write(lambda tx: tx.records.put(namespace, "hot", value=b"v", now=NOW))
            for _ in range(64)
        )
    )
    assert sorted(row.version for row in rows) == list(range(1, 65))


def test_a_deleted_record_is_gone_and_starts_anew(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"first")
    put(store, namespace, "march", b"second")
    assert store.write_blocking(lambda tx: tx.records.delete(namespace, "march"))
    assert get(store, namespace, "march") is None
    assert put(store, namespace, "march", b"third") == 1


def test_deleting_an_absent_record_says_so(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"value")
    assert not store.write_blocking(lambda tx: tx.records.delete(namespace, "Mar"))
    assert get(store, namespace, "march") == b"value"


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_list_every_record_once_in_the_order_of_the_names_bytes(
    store: Store, namespace: Namespace, limit: int
) -> None:
    for name in reversed(NAMES):
        put(store, namespace, name, b"value")
    put(store, namespace_of(store, BOB, "other"), "c", b"value")

    def pages(tx: Transaction) -> list[list[str]]:
        found: list[list[str]] = [[]]
        after = None
        while page := tx.records.page(namespace, after=after, limit=limit):
            found.append([row.name for row in page])
            after = page[-1].name
        return found

    listed = store.read_blocking(pages)
    assert max(map(len, listed)) <= limit
    assert [name for page in listed for name in page] == NAMES == sorted(NAMES, key=str.encode)


def test_a_page_tells_version_size_and_times(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"first")
    put(store, namespace, "march", b"again!")
    page = store.read_blocking(lambda tx: tx.records.page(namespace, after=None, limit=10))
    assert page == [RecordRow("march", 2, 6, NOW, NOW)]


def test_names_are_told_apart_by_case(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "March", b"upper")
    put(store, namespace, "march", b"lower")
    assert get(store, namespace, "March") == b"upper"
    assert get(store, namespace, "march") == b"lower"


def test_a_namespace_without_an_owners_key_takes_no_value(store: Store) -> None:
    nobodys = Namespace(1, "team/payroll", "nobody")
    with pytest.raises(SealError, match="no key"):
        put(store, nobodys, "march", b"value")
