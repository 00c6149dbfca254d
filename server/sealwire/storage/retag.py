"""Retagging: every row with a tag comes to have one under the current root key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sealwire.storage.moving import Moved, Pause, move_rows
from sealwire.storage.store import Store
from sealwire.storage.tagging import TAGGED, TaggedTable
from sealwire.storage.transaction import Transaction


def count_stale_tags(tx: Transaction) -> int:
    """Return how many rows `retag_rows` would look at."""
    return sum(tx.authority.count_stale(table) for table in TAGGED)


def retag_rows(store: Store, *, pause: Pause = time.sleep) -> Iterator[Moved]:
    """Tag every row anew whose tag is under an older root key, and yield after each unit of work.

    What rows say does not change.

    Raises:
        UnavailableError, SealError: as `move_rows`.
    """
    for table in TAGGED:
        yield from move_rows(store, _Tags(table), pause=pause)


@dataclass(frozen=True, slots=True)
class _Tags:
    """The rows of a table whose tags are under an older root key."""

    of: TaggedTable

    @property
    def table(self) -> str:
        return self.of.table.name

    def behind(self, tx: Transaction, rowid: int, *, limit: int) -> list[int]:
        return tx.authority.stale(self.of, after=rowid, limit=limit)

    def move(self, tx: Transaction, rowid: int) -> bool:
        return tx.authority.retag(self.of, rowid)
