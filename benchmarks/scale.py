"""How reading and listing fare as a namespace grows, and what a record takes on disk.

The stores are filled directly, by the code that the server runs, and asked through a server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.deployment import BenchClient, make_deployment
from benchmarks.load import Load
from benchmarks.processes import running
from sealwire.core.clock import system_clock
from sealwire.server.claims import claim
from sealwire.server.deployment import load_deployment
from sealwire.server.invitations import open_store
from sealwire.storage import NewRecord, Store, Transaction
from sealwire.v1.records_pb2 import GetRecordRequest, ListRecordsRequest

GET: Final = "/sealwire.v1.RecordService/GetRecord"
LIST: Final = "/sealwire.v1.RecordService/ListRecords"
SMALLEST: Final = 1_000
VALUE_BYTES: Final = 256
ROUNDS: Final = 5
GETS: Final = 1_000
PAGES: Final = 50
_UNIT: Final = 1_000
_STRIDE: Final = 7_919  # a prime, so that the records asked for lie all over


@dataclass(frozen=True, slots=True)
class _Store:
    records: int
    get: Load
    page: Load


async def measure(directory: Path, largest: int, say: Callable[[str], None]) -> list[Table | str]:
    """Compare a store of 1,000 records with one of `largest`; return what is to be printed."""
    directory.mkdir()
    small, large = directory / "small", directory / "large"
    clients = {SMALLEST: make_deployment(small), largest: make_deployment(large)}
    _fill(small, SMALLEST, say)
    bytes_each = _fill(large, largest, say)
    with (
        running("benchmarks.sealwire_server", str(small)) as first,
        running("benchmarks.sealwire_server", str(large)) as second,
    ):
        stores = [
            _Store(
                count,
                Load("get", server, client.sender(server.address, GET), _getter(client, count)),
                Load("list", server, client.sender(server.address, LIST), _lister(client, count)),
            )
            for (count, client), server in zip(clients.items(), (first, second), strict=True)
        ]
        latencies: dict[tuple[str, int], list[float]] = {}
        for number in range(-1, ROUNDS):  # the first round warms up
            say(f"{largest:,} records, round {number + 1} of {ROUNDS}")
            for store in stores:
                for load, requests in ((store.get, GETS), (store.page, PAGES)):
                    result = await load.run(requests=requests, in_flight=1)
                    if number >= 0:
                        latencies.setdefault((load.name, store.records), []).append(result.p50_ms)
    return [_table(latencies), f"On disk: {bytes_each:.0f} bytes for a record of {VALUE_BYTES} B."]


def _fill(directory: Path, records: int, say: Callable[[str], None]) -> float:
    """Put records; return what each takes on disk, everything included."""
    deployment = load_deployment(directory)
    value = os.urandom(VALUE_BYTES)
    with open_store(deployment, random=os.urandom) as store:
        empty = deployment.database.stat().st_size
        _claim(store)
        for first in range(0, records, _UNIT):
            say(f"filling: {first:,} of {records:,} records")
            last = min(first + _UNIT, records)
            new = [NewRecord(_name(number), value) for number in range(first, last)]
            store.write_blocking(lambda tx, new=new: _put(tx, new))  # type: ignore[misc]
    return (deployment.database.stat().st_size - empty) / records


def _claim(store: Store) -> None:
    def unit(tx: Transaction) -> None:
        owner = tx.identities.find_by_name("bench")
        assert owner is not None  # noqa: S101 - make_deployment made it
        claim(tx, "bench", identity_id=owner.id, now=system_clock())
        tx.namespaces.create("bench", owner_id=owner.id, now=system_clock())

    store.write_blocking(unit)


def _put(tx: Transaction, new: list[NewRecord]) -> None:
    namespace = tx.namespaces.find("bench")
    assert namespace is not None  # noqa: S101 - `_claim` made it
    tx.records.put_all([(namespace, record) for record in new], now=system_clock())


def _name(number: int) -> str:
    return f"record-{number:07}"


def _getter(client: BenchClient, records: int) -> Callable[[int], bytes]:
    def get(number: int) -> bytes:
        name = _name(number * _STRIDE % records)
        return client.signed(GET, GetRecordRequest(namespace="bench", name=name))

    return get


def _lister(client: BenchClient, records: int) -> Callable[[int], bytes]:
    def page(number: int) -> bytes:
        prefix = _name(number * _STRIDE % (records - 100))[:-2]
        return client.signed(LIST, ListRecordsRequest(namespace="bench", prefix=prefix))

    return page


def _table(latencies: dict[tuple[str, int], list[float]]) -> Table:
    table = Table(title="Latency by size of the store, one at a time, medians of p50")
    for heading in ("request", "records", "p50 ms", "ratio to the smallest"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    base: dict[str, float] = {}
    for (name, records), measured in sorted(latencies.items()):
        p50 = sorted(measured)[len(measured) // 2]
        base.setdefault(name, p50)
        shown = "GetRecord" if name == "get" else "ListRecords, 100 records"
        table.add_row(shown, f"{records:,}", f"{p50:.2f}", f"{p50 / base[name]:.2f}")
    return table
