from __future__ import annotations

import asyncio

import pytest

from sealwire.core.errors import SealError
from sealwire.storage import Namespace, NewRecord, RecordRow, Store
from tests.storage.builders import BOB, NOW, get, namespace_of, put

CHUNK = 64 * 1024


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
            tx.records.put(namespace, NewRecord("march", bytes(number)), now=NOW + number)[0]
            for number in range(3)
        ]
    )
    assert rows == [RecordRow("march", n + 1, n, NOW, NOW + n) for n in range(3)]
    found = store.read_blocking(lambda tx: tx.records.get(namespace, "march", now=NOW))
    assert found == (rows[2], bytes(2))


async def test_writers_of_one_record_lose_no_update(  # case 84
    store: Store, namespace: Namespace
) -> None:
    new = NewRecord("hot", b"v")
    rows = await asyncio.gather(
        *(store.write(lambda tx: tx.records.put(namespace, new, now=NOW)[0]) for _ in range(64))
    )
    assert sorted(row.version for row in rows) == list(range(1, 65))


def test_a_deleted_record_is_gone_and_its_numbers_are_not_given_again(
    store: Store, namespace: Namespace
) -> None:
    put(store, namespace, "march", b"first")
    put(store, namespace, "march", b"second")
    deleted = store.write_blocking(lambda tx: tx.records.delete(namespace, "march", now=NOW))
    assert deleted is not None
    assert get(store, namespace, "march") is None
    assert put(store, namespace, "march", b"third") == 3


def test_deleting_an_absent_record_says_so(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"value")
    deleted = store.write_blocking(lambda tx: tx.records.delete(namespace, "Mar", now=NOW))
    assert deleted is None
    assert get(store, namespace, "march") == b"value"


def test_names_are_told_apart_by_case(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "March", b"upper")
    put(store, namespace, "march", b"lower")
    assert get(store, namespace, "March") == b"upper"
    assert get(store, namespace, "march") == b"lower"


def test_a_namespace_without_an_owners_key_takes_no_value(store: Store) -> None:
    nobodys = Namespace(1, "team/payroll", "nobody", NOW)
    with pytest.raises(SealError, match="no key"):
        put(store, nobodys, "march", b"value")
