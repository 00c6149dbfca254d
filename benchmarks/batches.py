"""Many small records at a time: BatchPutRecords beside etcd's Txn of as many puts.

Both are durable when they are acknowledged, both over mutual TLS, asked by the same client code,
with requests that are made (ours: signed) before the clock runs. The loads alternate.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from benchmarks import etcd
from benchmarks.deployment import make_deployment
from benchmarks.load import Load, Result
from benchmarks.processes import running
from sealwire.v1.records_pb2 import BatchPutRecordsRequest, RecordInput

BATCH_PUT: Final = "/sealwire.v1.RecordService/BatchPutRecords"
RECORDS: Final = 100
VALUE_BYTES: Final = 256
IN_FLIGHT: Final = (1, 8, 32)
ROUNDS: Final = 5


async def measure(directory: Path, batches: int, say: Callable[[str], None]) -> list[Table | str]:
    """Send `batches` batches to each store, and return what is to be printed."""
    client = make_deployment(directory)
    value = os.urandom(VALUE_BYTES)

    counters = {kind: itertools.count() for kind in ("batch", "transaction")}

    def names(kind: str) -> list[str]:
        return [f"record-{next(counters[kind]):09}" for _ in range(RECORDS)]

    def batch(_number: int) -> bytes:
        records = [
            RecordInput(namespace="bench", name=name, value=value) for name in names("batch")
        ]
        return client.signed(BATCH_PUT, BatchPutRecordsRequest(records=records))

    def transaction(_number: int) -> bytes:
        return etcd.transaction([(name.encode(), value) for name in names("transaction")])

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running("benchmarks.sealwire_server", str(directory)))
        sender = client.sender(server.address, BATCH_PUT)
        loads = [Load("BatchPutRecords", server, sender, batch)]
        if etcd.is_installed():
            other = stack.enter_context(etcd.running(directory / "etcd", directory))
            sender = client.sender(other.address, etcd.TXN)
            loads.append(Load("etcd Txn", other, sender, transaction))
        results: dict[tuple[str, int], list[Result]] = {}
        for depth in IN_FLIGHT:
            for number in range(-1, ROUNDS):  # the first round warms up
                say(f"batches, {depth} in flight, round {number + 1} of {ROUNDS}")
                for load in loads:
                    result = await load.run(requests=max(batches // ROUNDS, 2), in_flight=depth)
                    if number >= 0:
                        results.setdefault((load.name, depth), []).append(result)
    return [_table(results), *([etcd.version()] if etcd.is_installed() else [_MISSING])]


_MISSING: Final = (
    "etcd is not installed (Debian: etcd-server), so there is nothing to compare with."
)


def _table(results: dict[tuple[str, int], list[Result]]) -> Table:
    table = Table(title=f"Batches of {RECORDS} x {VALUE_BYTES} B, medians of {ROUNDS} rounds")
    headings = ("store", "in flight", "records/s", "ratio to etcd", "server CPU µs/record")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "store" else "right")
    for (name, depth), measured in results.items():
        rate, base = _rate(measured), results.get(("etcd Txn", depth))
        cpu = median(result.server_cpu_us for result in measured) / RECORDS
        ratio = f"{rate / _rate(base):.2f}" if base else ""
        table.add_row(name, str(depth), f"{rate:,.0f}", ratio, f"{cpu:.1f}")
    return table


def _rate(measured: list[Result]) -> float:
    return median(result.requests_per_second for result in measured) * RECORDS
