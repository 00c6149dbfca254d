"""What the journal says has ended since an older database was copied, and what was given since.

A database that was put back knows neither. What ended must stay ended; what was given is lost, and
is listed, so that somebody can give it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sealwire.storage.journal_lines import Line
from sealwire.storage.rows import ADMIN_ROLE, Effect, IdentityState
from sealwire.storage.schema import metadata

RESTORED: Final = "restored"
"""The change that takes a database from an older state, `from`, past the journal's last."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The last word of the journal on a row, or on a column of it; `row` is its primary key.

    Without a column, `value` is the whole row, or None if it was removed.
    """

    table: str
    row: Mapping[str, Any]
    column: str
    value: Any

    @property
    def address(self) -> tuple[str, ...]:
        """What no two facts have in common."""
        return (self.table, self.column, *self.row.values())

    @property
    def gives(self) -> bool:
        """Tell whether anybody may do more because of it."""
        match self.table, self.column:
            case "grants", _:
                return bool(self.row["effect"] == Effect.DENY) == (self.value is None)
            case "revoked_certificates", _:
                return False
            case "identities", "state":
                return bool(self.value == IdentityState.ACTIVE)
            case "identities", "role":
                return bool(self.value == ADMIN_ROLE)
            case _, "":
                return self.value is not None
            case _:
                return False

    @property
    def matters(self) -> bool:
        """Tell whether it decides anything: labels don't, nor does when a key ended."""
        return (self.table, self.column) in DECISIVE


DECISIVE: Final = {
    *((table, "") for table in ("identities", "keys", "groups", "members", "grants")),
    ("invitations", ""),
    ("revoked_certificates", ""),
    ("identities", "state"),
    ("identities", "role"),
    ("keys", "state"),
    ("keys", "expires_at"),
    ("invitations", "used_at"),
}


def facts_since(sequence: int, lines: Sequence[Line]) -> list[Fact]:
    """Return the last words on everything that changed after `sequence`, oldest first.

    What was given in changes that a later restoration left behind does not count; what ended in
    them does.
    """
    left_behind = [
        range(line.change["from"] + 1, line.sequence)
        for line in lines
        if line.change["change"] == RESTORED
    ]
    last: dict[tuple[str, ...], Fact] = {}
    for line in lines:
        for fact in _facts(line) if line.sequence > sequence else ():
            if fact.gives and any(line.sequence in changes for changes in left_behind):
                continue
            last.pop(fact.address, None)
            last[fact.address] = fact
    return list(last.values())


def is_incomplete(sequence: int, lines: Sequence[Line]) -> bool:
    """Tell whether the journal lacks changes after `sequence`: it was begun anew later."""
    return any(line.is_beginning and line.sequence > sequence for line in lines)


def _facts(line: Line) -> Iterator[Fact]:
    change = line.change
    for row in change.get("rows", ()):
        key = {name: row[name] for name in _primary_key(change["table"])}
        match change["change"]:
            case "added":
                facts = [Fact(change["table"], key, "", row)]
            case "removed":
                facts = [Fact(change["table"], key, "", None)]
            case _:
                facts = [Fact(change["table"], key, *pair) for pair in change["to"].items()]
        yield from (fact for fact in facts if fact.matters)


def _primary_key(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].primary_key]
