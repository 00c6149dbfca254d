"""A closed loop of requests: so many in flight, so many in all."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.processes import ServerProcess


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the loop measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of request: `request` makes the bytes of the request of a number."""

    name: str
    server: ServerProcess
    send: Callable[[bytes], Awaitable[bytes]]
    request: Callable[[int], bytes]

    async def run(self, *, requests: int, in_flight: int) -> Result:
        """Send `requests` requests, `in_flight` at a time, and return what they took."""
        prepared = iter([self.request(number) for number in range(requests)])
        latencies: list[float] = []

        async def worker() -> None:
            for data in prepared:
                started = time.perf_counter()
                await self.send(data)
                latencies.append((time.perf_counter() - started) * 1000)

        cpu, started = self.server.cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        elapsed = time.perf_counter() - started
        quantiles = statistics.quantiles(latencies, n=100)
        return Result(
            requests_per_second=requests / elapsed,
            p50_ms=quantiles[49],
            p99_ms=quantiles[98],
            server_cpu_us=(self.server.cpu_seconds() - cpu) / requests * 1e6,
        )
