"""What a verification reads besides what everybody does: whole tables, page by page, unchecked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select

from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.engine import driver_connection
from sealwire.storage.owners import Owners
from sealwire.storage.prepared import Prepared
from sealwire.storage.record_changes import StoredChange
from sealwire.storage.record_names import RecordNames
from sealwire.storage.schema import answers, changes, record_versions
from sealwire.storage.sealer import Opener
from sealwire.storage.tagging import TAGGED, TaggedTable
from sealwire.storage.versions import Versions

MOST_FAULTS: Final = 100
FIRST_ROWID: Final = -(2**63)
"""The least that SQLite holds: whoever can write to the file chooses where a row stands."""
LAST_ROWID: Final = 2**63 - 1
_ALL: Final = -1
_SOUND: Final = [("ok",)]
_ROWID: Final = literal_column("rowid", Integer)
_LAST_CHANGE: Final = Prepared.of(select(func.max(changes.c.revision)))
_CHANGES: Final = Prepared.of(
    select(*changes.columns)
    .where(changes.c.revision.between(bindparam("first"), bindparam("last")))
    .order_by(changes.c.revision.desc())
    .limit(bindparam("page_size"))
)
_ANSWERS: Final = Prepared.of(
    select(_ROWID, answers.c.identity_id, answers.c.request_id, answers.c.digest)
    .where(bindparam("first") <= _ROWID)
    .order_by(_ROWID)
    .limit(bindparam("page_size"))
)
_COUNTED: Final = (record_versions, changes, answers, *(tagged.table for tagged in TAGGED))


class Inspected(NamedTuple):
    """A row of a tagged table: where it is, its primary key, and what its tag covers, with it."""

    rowid: int
    key: Mapping[str, str | int]
    found: tuple[Any, ...]


class StoredAnswer(NamedTuple):
    """An answer, unopened."""

    rowid: int
    identity_id: str
    request_id: str
    digest: bytes


class Inspection:
    """Everything that is stored, as one transaction sees it."""

    def __init__(self, connection: Connection, barrier: SealingBarrier, owners: Owners) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._barrier = barrier
        self.versions = Versions(self._driver)
        self.names = RecordNames(owners)
        self.opener = Opener(owners)

    @contextlib.contextmanager
    def any_text(self) -> Iterator[None]:
        """Let text that is no UTF-8 be read in a `with` block, as what fits nothing."""
        self._driver.text_factory = _any_text
        try:
            yield
        finally:
            self._driver.text_factory = str

    def count(self) -> int:
        """Return how many rows there are in all that a verification walks through."""
        counts = [select(func.count()).select_from(table) for table in _COUNTED]
        return sum(self._connection.execute(count).scalar_one() for count in counts)

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong with the file's structure, up to a hundred things."""
        found = self._driver.execute(f"PRAGMA integrity_check({MOST_FAULTS})").fetchall()
        return [] if found == _SOUND else [str(line) for (line,) in found]

    def dangling(self) -> list[tuple[str, int, str]]:
        """Return the rows that refer to a row that is not there: table, rowid, the other table."""
        found = self._driver.execute("PRAGMA foreign_key_check").fetchall()
        return [(table, rowid, parent) for table, rowid, parent, _ in found]

    def tagged(self, table: TaggedTable, *, first: int, limit: int) -> list[Inspected]:
        """Return up to `limit` rows of a table from a rowid on, their tags unchecked."""
        keys = [column.label(f"key_{column.name}") for column in table.table.primary_key]
        rows = self._connection.execute(
            select(_ROWID, *keys, *table.read).where(first <= _ROWID).order_by(_ROWID).limit(limit)
        )
        names, end = [column.name for column in table.table.primary_key], 1 + len(keys)
        return [
            Inspected(row[0], dict(zip(names, row[1:end], strict=True)), tuple(row[end:]))
            for row in rows
        ]

    def last_revision(self) -> int:
        """Return the latest revision, whatever it is; 0 if nothing ever happened."""
        (last,) = _LAST_CHANGE.first(self._driver) or (None,)
        return last or 0

    def changes_behind(self, revision: int) -> list[StoredChange]:
        """Return all changes behind a revision, newest first, as they are."""
        return self._changes(first=revision + 1, last=LAST_ROWID, limit=_ALL)

    def changes_before(self, revision: int, *, limit: int) -> list[StoredChange]:
        """Return up to `limit` changes before a revision, newest first, as they are."""
        return self._changes(first=FIRST_ROWID, last=revision - 1, limit=limit)

    def answers(self, *, first: int, limit: int) -> list[StoredAnswer]:
        """Return up to `limit` answers from a rowid on."""
        rows = _ANSWERS.rows(self._driver, first=first, page_size=limit)
        return [StoredAnswer(*row) for row in rows]

    def salt(self, identity_id: str) -> bytes:
        """Return an identity's salt, whatever its state; SealError if it is not there, whole."""
        return self._barrier.salt_store.read(identity_id)

    def _changes(self, *, first: int, last: int, limit: int) -> list[StoredChange]:
        if first > last:  # one of the two is then a number that SQLite does not hold
            return []
        rows = _CHANGES.rows(self._driver, first=first, last=last, page_size=limit)
        return [StoredChange(*row) for row in rows]


def _any_text(stored: bytes) -> str:
    """Return a text; of what is none, something with NUL in it, which nothing of ours ever has."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return "\0" + stored.decode(errors="backslashreplace")
