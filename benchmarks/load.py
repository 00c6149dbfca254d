"""A closed loop of requests: so many in flight, so many in all."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.processes import ServerProcess

Send = Callable[[int], Awaitable[object]]
"""Sends the request of that number."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the loop measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float


async def drive(server: ServerProcess, send: Send, *, requests: int, in_flight: int) -> Result:
    """Send `requests` requests, `in_flight` at a time, and return what they took."""
    numbers = iter(range(requests))
    latencies: list[float] = []

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter()
            await send(number)
            latencies.append((time.perf_counter() - started) * 1000)

    cpu, started = server.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    elapsed = time.perf_counter() - started
    quantiles = statistics.quantiles(latencies, n=100)
    return Result(
        requests_per_second=requests / elapsed,
        p50_ms=quantiles[49],
        p99_ms=quantiles[98],
        server_cpu_us=(server.cpu_seconds() - cpu) / requests * 1e6,
    )
