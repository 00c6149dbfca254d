"""What a verification reads besides what everybody does: whole tables, page by page, unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select, tuple_

from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.engine import driver_connection
from sealwire.storage.identities import Identities
from sealwire.storage.prepared import Prepared
from sealwire.storage.record_changes import StoredChange
from sealwire.storage.record_names import RecordNames
from sealwire.storage.schema import answers, changes, record_versions
from sealwire.storage.sealer import Opener
from sealwire.storage.tagging import TAGGED, TaggedTable
from sealwire.storage.versions import Versions

MOST_FAULTS: Final = 100
_ALL: Final = -1
_SOUND: Final = [("ok",)]
_ROWID: Final = literal_column("rowid", Integer)
_CHANGES: Final = Prepared.of(
    select(*changes.columns)
    .where(changes.c.revision > bindparam("behind"), changes.c.revision < bindparam("before"))
    .order_by(changes.c.revision.desc())
    .limit(bindparam("page_size"))
)
_ANSWERS: Final = Prepared.of(
    select(answers.c.identity_id, answers.c.request_id, answers.c.digest)
    .where(
        tuple_(answers.c.identity_id, answers.c.request_id)
        > tuple_(bindparam("asker"), bindparam("asked"))
    )
    .order_by(answers.c.identity_id, answers.c.request_id)
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

    identity_id: str
    request_id: str
    digest: bytes


class Inspection:
    """Everything that is stored, as one transaction sees it."""

    def __init__(
        self, connection: Connection, *, barrier: SealingBarrier, identities: Identities
    ) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._barrier = barrier
        self.versions = Versions(self._driver)
        self.names = RecordNames(barrier, identities)
        self.opener = Opener(barrier, identities)

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

    def tagged(self, table: TaggedTable, *, after: int, limit: int) -> list[Inspected]:
        """Return up to `limit` rows of a table from behind a rowid, their tags unchecked."""
        keys = [column.label(f"key_{column.name}") for column in table.table.primary_key]
        rows = self._connection.execute(
            select(_ROWID, *keys, *table.read).where(after < _ROWID).order_by(_ROWID).limit(limit)
        )
        names, end = [column.name for column in table.table.primary_key], 1 + len(keys)
        return [
            Inspected(row[0], dict(zip(names, row[1:end], strict=True)), tuple(row[end:]))
            for row in rows
        ]

    def changes_behind(self, revision: int) -> list[StoredChange]:
        """Return all changes behind a revision, newest first."""
        return self._changes(behind=revision, before=2**63 - 1, limit=_ALL)

    def changes_before(self, revision: int, *, limit: int) -> list[StoredChange]:
        """Return up to `limit` changes before a revision, newest first."""
        return self._changes(behind=0, before=revision, limit=limit)

    def answers(self, *, after: tuple[str, str], limit: int) -> list[StoredAnswer]:
        """Return up to `limit` answers from behind an identity's id and a request id."""
        asker, asked = after
        rows = _ANSWERS.rows(self._driver, asker=asker, asked=asked, page_size=limit)
        return [StoredAnswer(*row) for row in rows]

    def salt(self, identity_id: str) -> bytes:
        """Return an identity's salt, whatever its state; SealError if it is not there, whole."""
        return self._barrier.salt_store.read(identity_id)

    def _changes(self, *, behind: int, before: int, limit: int) -> list[StoredChange]:
        rows = _CHANGES.rows(self._driver, behind=behind, before=before, page_size=limit)
        return [StoredChange(*row) for row in rows]
