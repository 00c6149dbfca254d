"""What a decision costs, as the number of grants in the store grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.grants import Crowd, crowd
from sealwire.core.clock import system_clock
from sealwire.core.policy import method_policy
from sealwire.server.authorization import Authorization
from sealwire.server.rights import Rights, require_active
from sealwire.storage import Transaction, Verb
from sealwire.v1 import records_pb2  # noqa: F401 - declares the method

COUNTS: Final = (100, 10_000, 100_000)
CACHED: Final = 50_000
UNCACHED: Final = 5_000
_GET: Final = "/sealwire.v1.RecordService/GetRecord"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, nanoseconds: list[int]) -> Cost:
        """Return the quantiles of single measurements."""
        quantiles = statistics.quantiles(nanoseconds, n=100)
        return cls(quantiles[49] / 1000, quantiles[98] / 1000)


@dataclass(frozen=True, slots=True)
class Costs:
    """One decision: remembered; with all that a request pays before it; and found out anew."""

    grants: int
    cached: Cost
    guarded: Cost
    uncached: Cost


def measure(directory: Path, say: Callable[[str], None]) -> list[Costs]:
    """Return the costs for each number of grants."""
    return [_measured(directory / str(count), count, say) for count in COUNTS]


def table(results: list[Costs]) -> Table:
    """Return the costs side by side."""
    shown = Table(title="A decision, in µs, by the number of grants in the store")
    for heading in ("grants", "remembered p50", "p99", "in a request p50", "p99", "new p50", "p99"):
        shown.add_column(heading, justify="right")
    for costs in results:
        figures = [
            f"{value:.1f}"
            for cost in (costs.cached, costs.guarded, costs.uncached)
            for value in (cost.p50, cost.p99)
        ]
        shown.add_row(f"{costs.grants:,}", *figures)
    return shown


def _measured(directory: Path, count: int, say: Callable[[str], None]) -> Costs:
    say(f"{count:,} grants")
    with crowd(directory, grants=count) as people:
        return people.store.read_blocking(lambda tx: _costs(tx, people, count))


def _costs(tx: Transaction, people: Crowd, count: int) -> Costs:
    now, rights, method = system_clock(), Rights(), method_policy(_GET)

    def cached(identity_id: str, _key_id: str, namespace: str) -> None:
        _ = view.decisions(identity_id, namespace, now=now)[Verb.READ]

    def guarded(_identity_id: str, key_id: str, namespace: str) -> None:
        seen = rights.of(tx)
        standing = require_active(seen.standing(key_id), serial="", now=now)
        auth = Authorization(method, standing, seen, now)
        _ = auth.rights.decisions(standing.identity.id, namespace, now=now)[Verb.READ]

    def uncached(identity_id: str, _key_id: str, namespace: str) -> None:
        _ = Rights().of(tx).decisions(identity_id, namespace, now=now)[Verb.READ]

    view = rights.of(tx)
    _timed(guarded, people, len(people.people) * len(people.namespaces))  # fills the caches
    return Costs(
        grants=count,
        cached=_timed(cached, people, CACHED),
        guarded=_timed(guarded, people, CACHED),
        uncached=_timed(uncached, people, UNCACHED),
    )


def _timed(decide: Callable[[str, str, str], None], people: Crowd, rounds: int) -> Cost:
    taken = []
    for (identity_id, key_id), namespace in _questions(people, rounds):
        started = time.perf_counter_ns()
        decide(identity_id, key_id, namespace)
        taken.append(time.perf_counter_ns() - started)
    return Cost.of(taken)


def _questions(people: Crowd, rounds: int) -> Iterator[tuple[tuple[str, str], str]]:
    return islice(cycle(product(people.people, people.namespaces)), rounds)
