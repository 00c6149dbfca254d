"""Moving rows to the newest keys: a look at a few of them, then a transaction that moves those.

Each unit is a transaction of its own, so that other processes' writers wait for one unit at most.
It may run beside a server, twice at once, and be killed at any moment; what was done is not done
again.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

UNIT_ROWS: Final = 100
_PAUSES: Final = 2.0  # times the unit before; without, a server's writer waited half a second

Pause = Callable[[float], None]
"""Waits for so many seconds; `time.sleep` outside of tests."""


class Row(NamedTuple):
    """Where a row is."""

    table: str
    rowid: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What one unit did: how many rows it moved, and which are not as the server wrote them."""

    moved: int
    damaged: tuple[Row, ...]
    seconds: float


class Rows(Protocol):
    """The rows of one table that may have to be moved."""

    @property
    def table(self) -> str:
        """The table's name."""
        ...

    def behind(self, tx: Transaction, rowid: int, *, limit: int) -> list[int]:
        """Return up to `limit` rowids, in order, from behind one; none at the end."""
        ...

    def move(self, tx: Transaction, rowid: int) -> bool:
        """Move a row, unless it is where it should be; tell whether it had to be.

        Raises:
            SealError: if it is not as the server wrote it.
            ErasedError: if nobody can open it any more.
        """
        ...


def move_rows(store: Store, rows: Rows, *, pause: Pause = time.sleep) -> Iterator[Moved]:
    """Move the rows that need it, and yield after each unit of work.

    A row that is not as the server wrote it is left as it is, and so is what was sealed to an
    erased identity.

    Raises:
        UnavailableError: if the database can't be used for long, or the current root key is not at
            hand.
        SealError: if the file itself is damaged.
    """
    behind = 0
    while rowids := patiently(
        store.read_blocking, functools.partial(rows.behind, rowid=behind, limit=UNIT_ROWS)
    ):
        done = patiently(store.write_blocking, functools.partial(_move, rows=rows, rowids=rowids))
        yield done
        rest(done.seconds, pause)
        behind = rowids[-1]


def rest(seconds: float, pause: Pause) -> None:
    """Pause behind a unit that took `seconds` of the writers' time.

    SQLite lets the writers of other processes ask now and then, not queue.
    """
    pause(seconds * _PAUSES)


def _move(tx: Transaction, *, rows: Rows, rowids: Sequence[int]) -> Moved:
    began, moved, damaged = time.monotonic(), 0, []
    for rowid in rowids:
        try:
            moved += rows.move(tx, rowid)
        except ErasedError:
            continue
        except SealError:
            damaged.append(Row(rows.table, rowid))
    return Moved(moved, tuple(damaged), time.monotonic() - began)
