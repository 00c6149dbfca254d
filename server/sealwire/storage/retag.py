"""Retagging: every row with a tag comes to have one under the current root key.

A look at the tags of a table, then transactions that change a few of them and nothing else. So it
may run beside a server, twice at once, and be killed at any moment.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sealwire.core.errors import SealError
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.tagging import TAGGED, TaggedTable
from sealwire.storage.transaction import Transaction

UNIT_ROWS: Final = 200
_PAUSES: Final = 2.0  # times the unit before; without, a server's writer would wait for long


class Place(NamedTuple):
    """Where a row is."""

    table: str
    rowid: int


@dataclass(frozen=True, slots=True)
class TagStep:
    """What was done since the last step, and how long it took of the writers' time.

    `damaged` are rows that are not as the server wrote them.
    """

    retagged: int
    damaged: tuple[Place, ...]
    seconds: float


def count_stale_tags(tx: Transaction) -> int:
    """Return how many rows `retag_rows` would look at."""
    return sum(tx.authority.count_stale(table) for table in TAGGED)


def retag_rows(store: Store, *, pause: Callable[[float], None] = time.sleep) -> Iterator[TagStep]:
    """Tag every row anew whose tag is under an older root key, and yield after each unit of work.

    A row that is not as the server wrote it is left as it is. What rows say does not change.

    Raises:
        UnavailableError: if the database can't be used for long, or the current root key is not at
            hand.
        SealError: if the file itself is damaged.
    """
    for table in TAGGED:
        for rowids in _units(store, table):
            unit = functools.partial(_retag, table=table, rowids=rowids)
            step = patiently(store.write_blocking, unit)
            yield step
            pause(step.seconds * _PAUSES)


def _units(store: Store, table: TaggedTable) -> Iterator[list[int]]:
    """Yield the rows of a table whose tags are under an older root key, a few at a time."""
    after = 0
    while rowids := patiently(store.read_blocking, functools.partial(_stale, table, after)):
        yield rowids
        after = rowids[-1]


def _stale(table: TaggedTable, after: int, tx: Transaction) -> list[int]:
    return tx.authority.stale(table, after=after, limit=UNIT_ROWS)


def _retag(tx: Transaction, *, table: TaggedTable, rowids: Sequence[int]) -> TagStep:
    began, retagged, damaged = time.monotonic(), 0, []
    for rowid in rowids:
        try:
            retagged += tx.authority.retag(table, rowid)
        except SealError:
            damaged.append(Place(table.table.name, rowid))
    return TagStep(retagged, tuple(damaged), time.monotonic() - began)
