from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError, SealError
from sealwire.storage import Namespace, NewRecord, Query, Store, Transaction
from tests.storage.batches import one_batch
from tests.storage.builders import NOW, blob, get, opened, put

PAGE_BYTES = 4096
VALUES = {f"record-{number:03}": bytes([number]) * 600 for number in range(60)}


def read_everything(tx: Transaction, namespace: Namespace) -> dict[str, bytes]:
    found = tx.namespaces.find(namespace.name)
    assert found is not None
    rows = tx.listing.page(found, Query(limit=1000), now=NOW).rows
    values = {}
    for row in rows:
        record = tx.records.get(found, row.name, now=NOW)
        assert record is not None
        values[row.name] = record[1]
    return values


def test_a_damaged_page_is_an_error_and_never_a_shorter_or_another_answer(  # case 75
    store: Store, namespace: Namespace, database: Path
) -> None:
    for name, value in VALUES.items():
        put(store, namespace, name, value)
    store.close()
    sound = database.read_bytes()
    outcomes = []
    for start in range(0, len(sound), PAGE_BYTES):
        database.write_bytes(sound[:start] + b"\xa5" * PAGE_BYTES + sound[start + PAGE_BYTES :])
        try:
            with opened(database) as damaged:
                answer = damaged.read_blocking(lambda tx: read_everything(tx, namespace))
        except (SealError, ConfigurationError) as error:
            outcomes.append(type(error))
        else:
            # A page that this reading does not touch: an index on something else.
            assert answer == VALUES
    assert ConfigurationError in outcomes
    assert outcomes.count(SealError) > len(VALUES) * 600 // PAGE_BYTES
    database.write_bytes(sound)
    with opened(database) as again:
        assert again.read_blocking(lambda tx: read_everything(tx, namespace)) == VALUES
        put(again, namespace, "one-more", b"value")


@pytest.fixture
def damaged(store: Store, namespace: Namespace, database: Path) -> Iterator[Store]:
    """A store in which the page is damaged that holds one record of many."""
    for name, value in VALUES.items():
        put(store, namespace, name, value)
    store.close()
    content = bytearray(database.read_bytes())
    start = content.index(blob(database, "record-007")[:64]) // PAGE_BYTES * PAGE_BYTES
    content[start : start + PAGE_BYTES] = b"\xa5" * PAGE_BYTES
    database.write_bytes(content)
    with opened(database, seed="damaged") as again:
        yield again


def getting(namespace: Namespace, name: str) -> Callable[[Transaction], bytes | None]:
    def unit(tx: Transaction) -> bytes | None:
        found = tx.records.get(namespace, name, now=NOW)
        return found[1] if found else None

    return unit


def putting(namespace: Namespace, name: str) -> Callable[[Transaction], int]:
    new = NewRecord(name, b"newer")
    return lambda tx: tx.records.put(namespace, new, now=NOW)[0].version


# case 75
async def test_who_meets_a_damaged_page_does_not_fail_those_beside(
    damaged: Store, namespace: Namespace
) -> None:
    names = ["record-001", "record-007", "record-050"]
    read = await one_batch(damaged.read, *(getting(namespace, name) for name in names))
    assert [read[0], read[2]] == [VALUES["record-001"], VALUES["record-050"]]
    written = await one_batch(damaged.write, *(putting(namespace, name) for name in names))
    assert [written[0], written[2]] == [2, 2]
    for outcome in (read[1], written[1]):
        assert isinstance(outcome, SealError)
        assert "damaged" in str(outcome)
    assert get(damaged, namespace, "record-050") == b"newer"
