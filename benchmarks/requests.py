"""What a request costs the server, beside a bare echo over the same mutual TLS.

Two servers run side by side, each in its own process, and the loads alternate between them, so that
whatever else the machine does hits both. Requests are signed before the clock runs, and answers are
not verified, so that all loads cost the sender the same.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from benchmarks.deployment import BenchClient, Sender, make_deployment
from benchmarks.echo import METHOD
from benchmarks.load import Load, Result
from benchmarks.processes import ServerProcess, running
from sealwire.v1.records_pb2 import GetRecordRequest, PutRecordRequest

VALUE_BYTES: Final = 256
RECORDS: Final = 1_000
ROUNDS: Final = 5
IN_FLIGHT: Final = (1, 32, 128)
CPU_IN_FLIGHT: Final = 32
BATCH: Final = 5_000
GET: Final = "/sealwire.v1.RecordService/GetRecord"
PUT: Final = "/sealwire.v1.RecordService/PutRecord"


def _loads(client: BenchClient, echo: ServerProcess, sealwire: ServerProcess) -> list[Load]:
    """Return the loads that are compared."""
    value = os.urandom(VALUE_BYTES)

    def get(number: int) -> bytes:
        request = GetRecordRequest(namespace="bench", name=f"record-{number % RECORDS}")
        return client.signed(GET, request)

    def put(number: int) -> bytes:
        name = f"record-{number % RECORDS}"
        return client.signed(PUT, PutRecordRequest(namespace="bench", name=name, value=value))

    def put_once(number: int) -> bytes:
        request = PutRecordRequest(
            namespace="bench",
            name=f"record-{number % RECORDS}",
            value=value,
            request_id=str(uuid.uuid4()),
        )
        return client.signed(PUT, request)

    def to_sealwire(method: str) -> Sender:
        return client.sender(sealwire.address, method)

    return [
        Load("echo", echo, client.sender(echo.address, METHOD), lambda _: value),
        Load("GetRecord", sealwire, to_sealwire(GET), get),
        Load("PutRecord", sealwire, to_sealwire(PUT), put),
        Load("PutRecord, with an id", sealwire, to_sealwire(PUT), put_once),
    ]


async def _measure(loads: list[Load], requests: int, in_flight: int) -> dict[str, Result]:
    """Return each load's round with the median CPU cost, out of rounds that alternate."""
    rounds: dict[str, list[Result]] = {load.name: [] for load in loads}
    for _ in range(ROUNDS):
        for load in loads:
            result = await load.run(requests=requests // ROUNDS, in_flight=in_flight)
            rounds[load.name].append(result)
    return {name: _median_round(results) for name, results in rounds.items()}


def _median_round(results: list[Result]) -> Result:
    cpu = median(result.server_cpu_us for result in results)
    return min(results, key=lambda result: abs(result.server_cpu_us - cpu))


def _cpu_table(results: dict[str, Result]) -> Table:
    table = Table(title=f"Server CPU for a request, {VALUE_BYTES} B, {CPU_IN_FLIGHT} in flight")
    for heading in ("load", "CPU µs", "ratio to echo"):
        table.add_column(heading, justify="left" if heading == "load" else "right")
    base = results["echo"].server_cpu_us
    for name, result in results.items():
        table.add_row(name, f"{result.server_cpu_us:.0f}", f"{result.server_cpu_us / base:.2f}")
    return table


def _latency_table(by_depth: dict[int, dict[str, Result]]) -> Table:
    table = Table(title="Latency and rate (client and server share this machine)")
    for heading in ("load", "in flight", "p50 ms", "p99 ms", "requests/s", "ratio to echo"):
        table.add_column(heading, justify="left" if heading == "load" else "right")
    for depth, results in by_depth.items():
        for name, result in results.items():
            rate = result.requests_per_second
            ratio = rate / results["echo"].requests_per_second
            cells = (result.p50_ms, result.p99_ms)
            table.add_row(
                name, str(depth), *(f"{ms:.2f}" for ms in cells), f"{rate:.0f}", f"{ratio:.2f}"
            )
    return table


async def _memory(load: Load, puts: int, progress: Callable[[str], None]) -> str:
    before = load.server.resident_mib()
    for done in range(0, puts, BATCH):
        progress(f"{done:,} of {puts:,} puts")
        await load.run(requests=min(BATCH, puts - done), in_flight=128)
    after = load.server.resident_mib()
    return f"Resident memory: {before:.0f} MiB before, {after:.0f} MiB after {puts:,} puts."


async def measure(
    directory: Path, requests: int, puts: int, say: Callable[[str], None]
) -> list[Table | str]:
    """Measure a deployment made in `directory`, and return what is to be printed."""
    client = make_deployment(directory)
    with (
        running("benchmarks.echo", str(directory)) as echo,
        running("benchmarks.sealwire_server", str(directory)) as sealwire,
    ):
        loads = _loads(client, echo, sealwire)
        say("warming up")
        for load in reversed(loads):
            await load.run(requests=RECORDS, in_flight=CPU_IN_FLIGHT)
        by_depth: dict[int, dict[str, Result]] = {}
        for depth in IN_FLIGHT:
            say(f"{depth} in flight")
            by_depth[depth] = await _measure(loads, requests, depth)
        memory = await _memory(loads[-1], puts, say)
    return [_cpu_table(by_depth[CPU_IN_FLIGHT]), _latency_table(by_depth), memory]
