"""The rows of `record_versions`, as they are stored: sealed, and under their stored names."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Integer, and_, bindparam, delete, func, literal_column, select, update

from sealwire.core.errors import SealError
from sealwire.storage.bounds import are_within
from sealwire.storage.prepared import Prepared, PreparedInsert
from sealwire.storage.schema import record_versions as table

_HERE = and_(
    table.c.namespace_id == bindparam("namespace_id"),
    table.c.name == bindparam("stored"),
)
_THIS = and_(_HERE, table.c.version == bindparam("number"))
_FACTS: Final = (
    table.c.name,
    table.c.version,
    table.c.size,
    table.c.created_at,
    table.c.updated_at,
    table.c.expires_at,
    table.c.deleted_at,
    table.c.blob.is_(None),
    table.c.sealed_name,
    table.c.metadata,
)
_NEWEST = table.c.version.desc()
_HEAD = Prepared.of(select(*_FACTS).where(_HERE).order_by(_NEWEST).limit(1))
_HEAD_BLOB = Prepared.of(select(*_FACTS, table.c.blob).where(_HERE).order_by(_NEWEST).limit(1))
_ONE = Prepared.of(select(*_FACTS).where(_THIS))
_ONE_BLOB = Prepared.of(select(*_FACTS, table.c.blob).where(_THIS))
_NEXT_NAME = (
    select(func.min(table.c.name))
    .where(table.c.namespace_id == bindparam("namespace_id"), table.c.name >= bindparam("at_least"))
    .scalar_subquery()
)
_NEXT_HEAD = Prepared.of(
    select(*_FACTS)
    .where(table.c.namespace_id == bindparam("namespace_id"), table.c.name == _NEXT_NAME)
    .order_by(_NEWEST)
    .limit(1)
)
_OLDER = Prepared.of(
    select(*_FACTS)
    .where(_HERE, table.c.version < bindparam("before"))
    .order_by(_NEWEST)
    .limit(bindparam("page_size"))
)
_ROWID: Final = literal_column("rowid", Integer)
_STORED = Prepared.of(
    select(_ROWID, table.c.namespace_id, *_FACTS, table.c.blob)
    .where(bindparam("first") <= _ROWID)
    .order_by(_ROWID)
    .limit(bindparam("page_size"))
)
_INSERT = PreparedInsert.of(list(table.columns))
_names = func.json_each(bindparam("stored_names")).table_valued("value")
_newest = table.alias()
_HEADS = Prepared.of(
    select(*_FACTS)
    .select_from(_names)
    .outerjoin(  # so that the names come first
        table,
        and_(
            table.c.namespace_id == bindparam("namespace_id"),
            table.c.name == _names.c.value,
            table.c.version
            == select(func.max(_newest.c.version))
            .where(
                _newest.c.namespace_id == bindparam("namespace_id"),
                _newest.c.name == _names.c.value,
            )
            .scalar_subquery(),
        ),
    )
)
_DROP = Prepared.of(delete(table).where(_THIS))
_DROP_ALL = Prepared.of(delete(table).where(_HERE))
_MARK = Prepared.of(update(table).where(_THIS).values(deleted_at=bindparam("moment")))
_EMPTY = Prepared.of(
    update(table).where(_THIS, table.c.blob.is_not(None)).values(blob=None, metadata=None)
)
_RESEAL = Prepared.of(
    update(table)
    .where(_THIS)
    .values(
        blob=bindparam("new_blob"),
        metadata=bindparam("new_metadata"),
        sealed_name=bindparam("new_name"),
    )
)


class VersionRow(NamedTuple):
    """A version as it is stored."""

    stored_name: str
    version: int
    size: int
    created_at: int
    updated_at: int
    expires_at: int | None
    deleted_at: int | None
    destroyed: int
    sealed_name: bytes | None
    metadata: bytes | None
    blob: bytes | None = None

    def require_bounds(self) -> None:
        """Return if the row holds numbers that a server may have written; SealError otherwise."""
        counted = (self.version, 1 if self.expires_at is None else self.expires_at)
        deleted_at = 0 if self.deleted_at is None else self.deleted_at
        measured = (self.size, self.created_at, self.updated_at, deleted_at)
        if not (are_within(1, *counted) and are_within(0, *measured)):
            raise _altered()

    def is_live(self, now: int) -> bool:
        """Tell whether readers may have the value at `now`."""
        return not self.destroyed and self.deleted_at is None and not self.has_expired(now)

    def has_expired(self, now: int) -> bool:
        """Tell whether the version's time has come."""
        return self.expires_at is not None and self.expires_at <= now

    def as_of(self, now: int) -> VersionRow:
        """Return the version without its metadata if it has expired, destroyed yet or not."""
        return self._replace(metadata=None) if self.has_expired(now) else self


class Versions:
    """The rows, through one connection. A `stored` name is what `RecordNames.stored` returns.

    Raises, wherever it returns rows:
        SealError: if the version of one is no number that is counted to. What else they hold is as
            it is, so that a record which is damaged can be put anew, deleted and destroyed.
    """

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def head(self, namespace_id: int, stored: str) -> VersionRow | None:
        """Return a record's latest version, whatever became of it, without its blob."""
        return _row(_HEAD.first(self._driver, namespace_id=namespace_id, stored=stored))

    def heads(self, namespace_id: int, stored: Sequence[str]) -> dict[str, VersionRow]:
        """Return the heads of those of these records that are there, by stored name."""
        if len(stored) == 1:  # the usual case, and twice as quick
            head = self.head(namespace_id, stored[0])
            return {} if head is None else {stored[0]: head}
        names = json.dumps(stored)
        rows = _HEADS.rows(self._driver, namespace_id=namespace_id, stored_names=names)
        return {row[0]: _checked(row) for row in rows if row[0] is not None}

    def head_with_blob(self, namespace_id: int, stored: str) -> VersionRow | None:
        """Return a record's latest version, whatever became of it."""
        return _row(_HEAD_BLOB.first(self._driver, namespace_id=namespace_id, stored=stored))

    def one(self, namespace_id: int, stored: str, version: int) -> VersionRow | None:
        """Return one version, without its blob."""
        return _row(
            _ONE.first(self._driver, namespace_id=namespace_id, stored=stored, number=version)
        )

    def one_with_blob(self, namespace_id: int, stored: str, version: int) -> VersionRow | None:
        """Return one version."""
        return _row(
            _ONE_BLOB.first(self._driver, namespace_id=namespace_id, stored=stored, number=version)
        )

    def next_head(self, namespace_id: int, *, at_least: str) -> VersionRow | None:
        """Return the head of the first record whose stored name is not before `at_least`."""
        return _row(_NEXT_HEAD.first(self._driver, namespace_id=namespace_id, at_least=at_least))

    def before(
        self, namespace_id: int, stored: str, *, version: int, limit: int
    ) -> list[VersionRow]:
        """Return up to `limit` versions older than `version`, newest first."""
        rows = _OLDER.rows(
            self._driver,
            namespace_id=namespace_id,
            stored=stored,
            before=version,
            page_size=limit,
        )
        return [_checked(row) for row in rows]

    def stored(self, *, first: int, limit: int) -> Iterator[tuple[int, int, VersionRow]]:
        """Yield up to `limit` versions of all namespaces, with blobs, from a rowid on.

        Each is read when it is asked for, whatever its version, and comes behind its rowid and its
        namespace's id.
        """
        rows = _STORED.rows(self._driver, first=first, page_size=limit)
        return ((row[0], row[1], VersionRow(*row[2:])) for row in rows)

    def insert_all(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows, each with all columns in the table's order."""
        _INSERT.add(self._driver, rows)

    def drop_all(self, places: Iterable[tuple[int, str, int]]) -> None:
        """Remove rows, each by its namespace's id, stored name and version."""
        _DROP.for_each(
            self._driver,
            [
                {"namespace_id": namespace_id, "stored": stored, "number": version}
                for namespace_id, stored, version in places
            ],
        )

    def drop(self, namespace_id: int, stored: str, version: int) -> None:
        """Remove one row."""
        _DROP.count(self._driver, namespace_id=namespace_id, stored=stored, number=version)

    def drop_record(self, namespace_id: int, stored: str) -> None:
        """Remove all rows of a record."""
        _DROP_ALL.count(self._driver, namespace_id=namespace_id, stored=stored)

    def mark(self, namespace_id: int, stored: str, version: int, *, deleted_at: int | None) -> None:
        """Say when a version was deleted, or that it was not."""
        _MARK.count(
            self._driver,
            namespace_id=namespace_id,
            stored=stored,
            number=version,
            moment=deleted_at,
        )

    def empty(self, namespace_id: int, stored: str, version: int) -> bool:
        """Destroy a version's value, and tell whether there was one."""
        changed = _EMPTY.count(
            self._driver, namespace_id=namespace_id, stored=stored, number=version
        )
        return changed == 1

    def replace_seals(
        self,
        namespace_id: int,
        row: VersionRow,
        blob: bytes | None,
        metadata: bytes | None,
        sealed_name: bytes | None,
    ) -> None:
        """Put other ciphertexts of the same texts in the place of a version's."""
        _RESEAL.count(
            self._driver,
            namespace_id=namespace_id,
            stored=row.stored_name,
            number=row.version,
            new_blob=blob,
            new_metadata=metadata,
            new_name=sealed_name,
        )


def _row(found: tuple[Any, ...] | None) -> VersionRow | None:
    return None if found is None else _checked(found)


def _checked(found: tuple[Any, ...]) -> VersionRow:
    row = VersionRow(*found)
    if not are_within(1, row.version):
        raise _altered()
    return row


def _altered() -> SealError:
    return SealError("A record's row holds a number out of bounds: it was altered.")
