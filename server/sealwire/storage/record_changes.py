"""The order of all changes of records: each has a revision, one higher than the one before.

Revisions are given inside the transaction that makes the change, and SQLite lets one transaction
write at a time. So whoever has seen a revision has seen, or can read, all before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select

from sealwire.core.errors import SealError
from sealwire.storage.bounds import are_within
from sealwire.storage.prepared import Prepared, PreparedInsert
from sealwire.storage.rows import ChangeKind
from sealwire.storage.schema import changes as table

_KINDS: Final = frozenset(ChangeKind)
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
    select(table.c.namespace_id, func.min(table.c.revision), func.count())
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

    def require_bounds(self) -> None:
        """Return if a server may have written the row; SealError otherwise."""
        if self.kind not in _KINDS:
            raise SealError("A change is of a kind that there is not: it was altered.")
        if not (are_within(1, self.revision, self.version) and are_within(0, self.at)):
            raise SealError("A change holds a number out of bounds: it was altered.")


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
        """Return the latest revision; 0 if nothing ever happened.

        Raises:
            SealError: if it is one that is never given: SQLite would go on with any number then.
        """
        (last,) = _LAST.first(self._driver) or (None,)
        if last is not None and not are_within(1, last):
            raise SealError("The order of changes holds a revision out of bounds: it was altered.")
        return last or 0

    def oldest(self) -> int:
        """Return the oldest revision that is kept; 1 if none is."""
        (oldest,) = _OLDEST.first(self._driver) or (None,)
        return oldest or 1

    def page(self, *, start: int, limit: int) -> list[StoredChange]:
        """Return up to `limit` changes from revision `start` on, in order.

        Raises:
            SealError: if one was altered, so that no server can have written it.
        """
        rows = _PAGE.rows(self._driver, start=start, page_size=limit)
        page = [StoredChange(*row) for row in rows]
        for change in page:
            change.require_bounds()
        return page

    def touched(self, *, behind: int) -> Iterator[tuple[int, int, int]]:
        """Yield what changed behind a revision: a namespace's id, its first revision, how many."""
        return _TOUCHED.rows(self._driver, behind=behind)

    def trim(self, *, keep_from: int) -> int:
        """Forget what is before a revision, but never the latest one; return how many."""
        return _TRIM.count(self._driver, keep_from=keep_from)
