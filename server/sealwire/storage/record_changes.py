"""The order of all changes of records: each has a revision, one higher than the one before.

Revisions are given inside the transaction that makes the change, and SQLite lets one transaction
write at a time. So whoever has seen a revision has seen, or can read, all before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select

from sealwire.storage.prepared import Prepared, PreparedInsert
from sealwire.storage.rows import ChangeKind
from sealwire.storage.schema import changes as table

_INSERT: Final = PreparedInsert.of(
    [table.c.namespace_id, table.c.name, table.c.version, table.c.kind, table.c.at]
)
_LAST: Final = Prepared.of(select(func.max(table.c.revision)))
_OLDEST: Final = Prepared.of(select(func.min(table.c.revision)))
_PAGE: Final = Prepared.of(
    select(
        table.c.revision,
        table.c.namespace_id,
        table.c.name,
        table.c.version,
        table.c.kind,
        table.c.at,
    )
    .where(table.c.revision >= bindparam("start"))
    .order_by(table.c.revision)
    .limit(bindparam("page_size"))
)
_TOUCHED: Final = Prepared.of(
    select(table.c.namespace_id, func.min(table.c.revision))
    .where(table.c.revision > bindparam("behind"))
    .group_by(table.c.namespace_id)
)
_TRIM: Final = Prepared.of(
    delete(table).where(
        table.c.revision < bindparam("keep_from"),
        table.c.revision < select(func.max(table.c.revision)).scalar_subquery(),
    )
)


class StoredChange(NamedTuple):
    """A change, with its record's stored name."""

    revision: int
    namespace_id: int
    stored_name: str
    version: int
    kind: str
    at: int


class RecordChanges:
    """The changes, through one connection."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def add(self, kind: ChangeKind, changed: Iterable[tuple[int, str, int]], *, now: int) -> int:
        """Write down changes, each of a namespace's id, a stored name and a version, in order.

        Return the revision of the last one.
        """
        _INSERT.add(self._driver, [(*change, kind, now) for change in changed])
        return self.last()

    def last(self) -> int:
        """Return the latest revision; 0 if nothing ever happened."""
        (last,) = _LAST.first(self._driver) or (None,)
        return last or 0

    def oldest(self) -> int:
        """Return the oldest revision that is kept; 1 if none is."""
        (oldest,) = _OLDEST.first(self._driver) or (None,)
        return oldest or 1

    def page(self, *, start: int, limit: int) -> list[StoredChange]:
        """Return up to `limit` changes from revision `start` on, in order."""
        rows = _PAGE.rows(self._driver, start=start, page_size=limit)
        return [StoredChange(*row) for row in rows]

    def touched(self, *, behind: int) -> dict[int, int]:
        """Return the first revision behind `behind` in each namespace that has one, by its id."""
        return dict(_TOUCHED.rows(self._driver, behind=behind))

    def trim(self, *, keep_from: int) -> int:
        """Forget what is before a revision, but never the latest one; return how many."""
        return _TRIM.count(self._driver, keep_from=keep_from)
