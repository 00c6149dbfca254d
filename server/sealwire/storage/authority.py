"""Who may do what, as one transaction sees it: rows with tags, and a stamp of the whole.

Every row that carries authority is read and written here, so that none is believed without its tag
and none changes without a new stamp.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import SealError
from sealwire.core.keys import Random
from sealwire.storage.changes import Changes, added, changed, removed
from sealwire.storage.engine import driver_connection
from sealwire.storage.journal_lines import Change
from sealwire.storage.prepared import Prepared
from sealwire.storage.schema import authority
from sealwire.storage.tagging import TAG_ROOT_BYTES, AuthorityTags, Row, TaggedTable

_STAMP_BYTES: Final = 16
_STATE = Prepared.of(select(authority.c.sequence, authority.c.stamp))
_CHANGE: Final = (
    update(authority)
    .values(sequence=authority.c.sequence + bindparam("steps"), stamp=bindparam("new_stamp"))
    .returning(authority.c.sequence)
)


class AuthorityVersion(NamedTuple):
    """`sequence` counts the changes; `stamp` is random, and stands for exactly this state.

    A change that is undone takes its stamp with it, so what is remembered by stamp is never wrong.
    """

    sequence: int
    stamp: bytes


@dataclass(frozen=True, slots=True)
class _Retagging:
    """The statements that find rows with tags under another root key, and change one's tag."""

    rowids: Prepared
    how_many: Prepared
    stale: Prepared
    read: Prepared
    write: Prepared


@functools.cache
def _retagging(table: TaggedTable) -> _Retagging:
    tag = table.table.c.tag
    rowid: ColumnElement[int] = literal_column("rowid")
    here = rowid == bindparam("rowid")
    stale = func.substr(tag, 1, TAG_ROOT_BYTES).is_distinct_from(bindparam("current"))
    behind = select(rowid).select_from(table.table).where(rowid > bindparam("after"))
    page = behind.order_by(rowid).limit(bindparam("page_size"))
    return _Retagging(
        rowids=Prepared.of(page),
        how_many=Prepared.of(select(func.count()).select_from(table.table).where(stale)),
        stale=Prepared.of(page.where(stale)),
        read=Prepared.of(select(*table.read).where(here)),
        write=Prepared.of(update(table.table).values(tag=bindparam("new_tag")).where(here)),
    )


class Authority:
    """The tagged tables, as one transaction sees them."""

    def __init__(
        self, connection: Connection, tags: AuthorityTags, changes: Changes, random: Random
    ) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._tags = tags
        self._changes = changes
        self._random = random

    def version(self) -> AuthorityVersion:
        """Return what identifies the present state."""
        found = _STATE.first(self._driver)
        if found is None:
            raise SealError("The database has lost its record of who may do what.")
        return AuthorityVersion(*found)

    def note(self, change: Change, *, steps: int = 1) -> None:
        """Give the state a new stamp, because of this change, which the journal will tell."""
        values = {"steps": steps, "new_stamp": self._random(_STAMP_BYTES)}
        sequence = self._connection.execute(_CHANGE, values).scalar_one()
        self._changes.add(sequence, change)

    def publish(self) -> None:
        """Write into the journal what is committed and not there yet; UnavailableError as that."""
        self._changes.publish()

    def checked(self, table: TaggedTable, found: Sequence[Any]) -> Row:
        """Return a row that was selected as `table.read`; SealError as `first`."""
        return self._tags.checked(table, found)

    def first(self, table: TaggedTable, *where: ColumnElement[bool]) -> Row | None:
        """Return the one row that meets the conditions.

        Raises:
            SealError: if it is not as the server wrote it.
        """
        rows = self.rows(table, select(*table.read).where(*where).limit(1))
        return rows[0] if rows else None

    def all(
        self, table: TaggedTable, *where: ColumnElement[bool], order_by: ColumnElement[Any]
    ) -> list[Row]:
        """Return the rows that meet the conditions, in order; SealError as `first`."""
        return self.rows(table, select(*table.read).where(*where).order_by(order_by))

    def rows(
        self,
        table: TaggedTable,
        statement: Select[Any] | Prepared,
        parameters: Mapping[str, object] | None = None,
    ) -> list[Row]:
        """Return the rows of a statement that selects `table.read`; SealError as `first`."""
        found: Sequence[Sequence[Any]]
        if isinstance(statement, Prepared):
            found = list(statement.rows(self._driver, **(parameters or {})))
        else:
            found = self._connection.execute(statement, parameters or {}).all()
        return [self._tags.checked(table, row) for row in found]

    def insert(self, table: TaggedTable, row: Row) -> bool:
        """Add a row, and tell whether it was new."""
        values = {**row, "tag": self._tags.tag(table, row)}
        statement = insert(table.table).on_conflict_do_nothing()
        if self._connection.execute(statement, values).rowcount != 1:
            return False
        self.note(added(table.table.name, row))
        return True

    def put(self, table: TaggedTable, row: Row) -> None:
        """Add a row, in the place of one with the same primary key."""
        values = {**row, "tag": self._tags.tag(table, row)}
        statement = insert(table.table).on_conflict_do_update(
            index_elements=list(table.table.primary_key), set_=values
        )
        self._connection.execute(statement, values)
        self.note(added(table.table.name, row))

    def replace(self, table: TaggedTable, row: Row, **changes: object) -> Row:
        """Change columns of a row that was read, and return it as it is now."""
        after = {**row, **changes}
        key = {column.name: row[column.name] for column in table.table.primary_key}
        here = and_(*(table.table.c[name] == value for name, value in key.items()))
        values = {**changes, "tag": self._tags.tag(table, after)}
        statement = update(table.table).where(here).values(values)
        if self._connection.execute(statement).rowcount != 1:
            raise SealError("The database did not take a change of who may do what.")
        self.note(changed(table.table.name, key, changes))
        return after

    def delete(self, table: TaggedTable, *where: ColumnElement[bool]) -> int:
        """Delete the rows that meet the conditions, and return how many there were."""
        statement = table.table.delete().where(*where).returning(*table.table.primary_key)
        keys = [dict(row) for row in self._connection.execute(statement).mappings()]
        if keys:
            self.note(removed(table.table.name, keys))
        return len(keys)

    def rowids(self, table: TaggedTable, *, after: int, limit: int) -> list[int]:
        """Return up to `limit` rowids of a table, in order, from behind one."""
        rows = _retagging(table).rowids.rows(self._driver, after=after, page_size=limit)
        return [rowid for (rowid,) in rows]

    def count_stale(self, table: TaggedTable) -> int:
        """Return how many rows have a tag that is not under the current root key."""
        found = _retagging(table).how_many.first(self._driver, current=self._tags.current)
        return int(found[0]) if found else 0

    def stale(self, table: TaggedTable, *, after: int, limit: int) -> list[int]:
        """Return the rowids of up to `limit` such rows, in order, from behind a rowid."""
        rows = _retagging(table).stale.rows(
            self._driver, current=self._tags.current, after=after, page_size=limit
        )
        return [rowid for (rowid,) in rows]

    def retag(self, table: TaggedTable, rowid: int) -> bool:
        """Tag a row under the current root key, and tell whether it was not; it says what it said.

        Raises:
            SealError: if it is not as the server wrote it.
        """
        statements = _retagging(table)
        found = statements.read.first(self._driver, rowid=rowid)
        if found is None or found[-1][:TAG_ROOT_BYTES] == self._tags.current:
            return False
        tag = self._tags.tag(table, self._tags.checked(table, found))
        return statements.write.count(self._driver, rowid=rowid, new_tag=tag) == 1
