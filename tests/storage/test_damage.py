from __future__ import annotations

from pathlib import Path

from sealwire.core.errors import ConfigurationError, SealError
from sealwire.storage import Namespace, Store, Transaction
from tests.storage.builders import opened, put

PAGE_BYTES = 4096
VALUES = {f"record-{number:03}": bytes([number]) * 600 for number in range(60)}


def read_everything(tx: Transaction, namespace: Namespace) -> dict[str, bytes]:
    found = tx.namespaces.find(namespace.name)
    assert found is not None
    rows = tx.records.page(found, after=None, limit=1000)
    values = {}
    for row in rows:
        record = tx.records.get(found, row.name)
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
