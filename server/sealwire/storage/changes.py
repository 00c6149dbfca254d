"""What changed who may do what, in the words of the journal (journal.py).

A change is written in the transaction that makes it, and waits in the database until it stands in
the journal; so a process that dies in between loses none, and whoever comes next writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.journal_lines import Change
from sealwire.storage.schema import authority, authority_changes

_COLUMNS: Final = (authority_changes.c.sequence, authority_changes.c.change)
_ADD: Final = insert(authority_changes)
_FORGET: Final = delete(authority_changes).where(
    authority_changes.c.sequence <= bindparam("journalled")
)
_WAITING: Final = (
    select(*_COLUMNS)
    .where(authority_changes.c.sequence > bindparam("journalled"))
    .order_by(authority_changes.c.sequence)
)
_SEQUENCE: Final = select(authority.c.sequence)

_BEGINS: Final[Change] = {"change": "begins"}


def added(table: str, row: Mapping[str, Any]) -> Change:
    """Return the change that adds a row."""
    return {"change": "added", "table": table, "rows": [_readable(row)]}


def changed(table: str, row: Mapping[str, Any], to: Mapping[str, Any]) -> Change:
    """Return the change that gives the row of these primary key values others."""
    return {"change": "changed", "table": table, "rows": [_readable(row)], "to": _readable(to)}


def removed(table: str, rows: Sequence[Mapping[str, Any]]) -> Change:
    """Return the change that removes the rows of these primary key values."""
    return {"change": "removed", "table": table, "rows": [_readable(row) for row in rows]}


class Changes:
    """The changes that wait, as one connection sees them."""

    def __init__(self, connection: Connection, journal: AuthorityJournal) -> None:
        self._connection = connection
        self._journal = journal

    def add(self, sequence: int, change: Change) -> None:
        """Let a change wait, within the transaction that makes it."""
        self._journal.expect_more()
        self._connection.execute(_FORGET, {"journalled": self._journal.last})
        self._connection.execute(_ADD, {"sequence": sequence, "change": json.dumps(change)})

    def publish(self) -> None:
        """Write what is committed and waits into the journal; nothing, if nothing can wait.

        Raises:
            UnavailableError: if the journal can't be written now.
        """
        if self._journal.may_be_behind:
            self._journal.extend(self._waiting)

    def _waiting(self, journalled: int) -> list[tuple[int, Change]]:
        """Return the changes after `journalled`, which may have come from any process.

        Where some are missing, because the journal is new or an older one was put back, it says so.
        """
        # In this order: a change that another process commits in between is among those waiting.
        present = self._connection.execute(_SEQUENCE).scalar_one()
        found = self._connection.execute(_WAITING, {"journalled": journalled})
        lines: list[tuple[int, Change]] = []
        for sequence, change in found:
            if sequence > journalled + 1:
                lines.append((sequence - 1, _BEGINS))
            lines.append((sequence, json.loads(change)))
            journalled = sequence
        return [*lines, (present, _BEGINS)] if present > journalled else lines


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a row is text or number; keys have ids, and digests tell nobody anything."""
    return {name: value for name, value in row.items() if not isinstance(value, bytes)}
