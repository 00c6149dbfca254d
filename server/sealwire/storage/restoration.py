"""After an older database was put back: whatever ended since ends again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement

from sealwire.storage.endings import RESTORED, Fact, facts_since, is_incomplete
from sealwire.storage.journal_lines import Line
from sealwire.storage.rows import Effect, IdentityState, KeyState
from sealwire.storage.tagging import MEMBERS, TAGGED, Row
from sealwire.storage.transaction import Transaction

_TABLES: Final = {tagged.table.name: tagged for tagged in TAGGED}
_MEMBERS: Final = MEMBERS.table.name
_STATES: Final = tuple(IdentityState)  # in the order in which each ends more


@dataclass(slots=True)
class Restoration:
    """What `restore` did. `lost` was given since the copy was made, and is not in it.

    `incomplete` says that the journal does not go back to the copy, so that more may have ended.
    """

    reapplied: list[Fact] = field(default_factory=list)
    lost: list[Fact] = field(default_factory=list)
    incomplete: bool = False


def restore(tx: Transaction, lines: Sequence[Line], *, now: int) -> Restoration:
    """End in an older database what ended since, and take it past the journal's last change.

    Nothing is given, but for memberships in groups that are denied something. A database that is
    not older stays as it is.

    Raises:
        SealError: if a row was altered; nothing is changed then.
    """
    found = tx.authority.version().sequence
    last = lines[-1].sequence if lines else found
    if found >= last:
        return Restoration()
    tx.authority.note({"change": RESTORED, "from": found}, steps=last + 1 - found)
    facts = facts_since(found, lines)
    restorer = _Restorer(tx, now)
    # Memberships last: what they mean depends on the group's grants.
    facts.sort(key=lambda fact: fact.table == _MEMBERS)
    outcome = Restoration(incomplete=is_incomplete(found, lines))
    for fact in facts:
        if restorer.ends(fact):
            if restorer.apply(fact):
                outcome.reapplied.append(fact)
        elif not restorer.holds(fact):
            outcome.lost.append(fact)
    return outcome


@dataclass(frozen=True, slots=True)
class _Restorer:
    tx: Transaction
    now: int

    def ends(self, fact: Fact) -> bool:
        """Tell whether somebody may do less because of the fact."""
        return not fact.gives or (fact.table == _MEMBERS and self._restricts(fact.row))

    def holds(self, fact: Fact) -> bool:
        """Tell whether what was given is there; or whom it was given to is not."""
        row = self._row(fact)
        if not fact.column:
            return (row is None) == (fact.value is None)
        return row is None or bool(row[fact.column] == fact.value)

    def apply(self, fact: Fact) -> bool:
        """End what has ended, and tell whether it had not."""
        if fact.table == "revoked_certificates":
            return self._revoke_certificate(fact.row)
        if fact.value is None:
            return self.tx.authority.delete(_TABLES[fact.table], *_here(fact)) > 0
        if not fact.column:
            return self._put(fact)
        row = self._row(fact)
        changes = {} if row is None else self._changes(fact, row)
        if row is not None and changes:
            self.tx.authority.replace(_TABLES[fact.table], row, **changes)
        return bool(changes)

    def _changes(self, fact: Fact, row: Row) -> Row:
        """Return what ends the row as the fact says; nothing, if it has ended as much already."""
        match fact.table, fact.column:
            case "keys", "state":
                # Also one that was rotated: what it was rotated to is not here.
                ended = {"state": KeyState.REVOKED, "ended_at": self.now}
                return ended if row["state"] == KeyState.ACTIVE else {}
            case "keys", "expires_at":
                later = row["expires_at"] is None or row["expires_at"] > fact.value
            case "identities", "state":
                later = _STATES.index(row["state"]) < _STATES.index(fact.value)
            case _:
                later = row[fact.column] != fact.value
        return {fact.column: fact.value} if later else {}

    def _put(self, fact: Fact) -> bool:
        """Put a denial, or a membership in a group that is denied something."""
        row = dict(fact.value)
        if not self._knows_subjects(fact.row) or row == self._row(fact):
            return False
        giver = row.get("granted_by")
        if giver is not None and self.tx.identities.find(giver) is None:
            row["granted_by"] = None
        self.tx.authority.put(_TABLES[fact.table], row)
        return True

    def _knows_subjects(self, row: Mapping[str, Any]) -> bool:
        subjects = [row[name] for name in ("subject_id", "identity_id", "group_id") if name in row]
        return all(
            self.tx.identities.find(subject) or self.tx.groups.find_by_id(subject)
            for subject in subjects
        )

    def _revoke_certificate(self, row: Mapping[str, Any]) -> bool:
        key_id, serial = row["public_key_id"], row["serial"]
        if self.tx.keys.find(key_id) is None:
            return False
        return self.tx.keys.revoke_certificate(key_id, serial, now=self.now)

    def _restricts(self, member: Mapping[str, Any]) -> bool:
        denied = self.tx.grants.of_subject(member["group_id"])
        return any(grant.effect == Effect.DENY for grant in denied)

    def _row(self, fact: Fact) -> Row | None:
        return self.tx.authority.first(_TABLES[fact.table], *_here(fact))


def _here(fact: Fact) -> list[ColumnElement[bool]]:
    columns = _TABLES[fact.table].table.c
    return [columns[name] == value for name, value in fact.row.items()]
