"""Resealing what is sealed beside versions of records: name keys of namespaces, and answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sealwire.storage.moving import Moved, Pause, move_rows
from sealwire.storage.store import Store
from sealwire.storage.tagging import NAMESPACES
from sealwire.storage.transaction import Transaction


def reseal_others(store: Store, *, pause: Pause = time.sleep) -> Iterator[Moved]:
    """Reseal every name key and answer that needs it, and yield after each unit of work.

    Raises:
        UnavailableError, SealError: as `move_rows`.
    """
    yield from move_rows(store, _NameKeys(), pause=pause)
    yield from move_rows(store, _Answers(), pause=pause)


@dataclass(frozen=True, slots=True)
class _NameKeys:
    table: str = NAMESPACES.table.name

    def behind(self, tx: Transaction, rowid: int, *, limit: int) -> list[int]:
        return tx.authority.rowids(NAMESPACES, after=rowid, limit=limit)

    def move(self, tx: Transaction, rowid: int) -> bool:
        namespace = tx.namespaces.find_by_id(rowid)
        return namespace is not None and tx.namespaces.reseal(namespace)


@dataclass(frozen=True, slots=True)
class _Answers:
    table: str = "answers"

    def behind(self, tx: Transaction, rowid: int, *, limit: int) -> list[int]:
        return tx.answers.rowids(after=rowid, limit=limit)

    def move(self, tx: Transaction, rowid: int) -> bool:
        return tx.answers.reseal(rowid)
