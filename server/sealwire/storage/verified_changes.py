"""The order of changes has no gap, and records are as it says that they were left.

Changes are walked from the newest back: the first that is met of a version says how it is now, and
each says how far the numbers of its record have come at least. Whatever comes meanwhile is looked
at first. So a row that was put back from an older copy shows, as long as a change names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from sealwire.core.errors import SealError
from sealwire.storage.findings import UNIT_ROWS, Damage, Finding, examined, portions
from sealwire.storage.record_changes import StoredChange
from sealwire.storage.rows import ChangeKind, IdentityState, Namespace
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction
from sealwire.storage.verified_versions import place_of
from sealwire.storage.versions import VersionRow

CHANGES: Final = "changes"
_GONE: Final = frozenset({ChangeKind.DESTROY, ChangeKind.EXPIRE})


class _Span(NamedTuple):
    """The revisions that were looked at, both ends included; none yet, if they are None."""

    lowest: int | None = None
    highest: int | None = None


def verify_changes(store: Store) -> Iterator[Finding]:
    """Walk through all changes, a few in each unit, and compare each with what is stored.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    return portions(store, _Walk().on, _Span())


@dataclass(slots=True)
class _Walk:
    """What newer changes have said already: of versions, and of records that are damaged."""

    told: set[tuple[int, str, int]] = field(default_factory=set)
    damaged: set[tuple[int, str]] = field(default_factory=set)

    def on(self, span: _Span, tx: Transaction) -> tuple[Finding, _Span | None]:
        """Look at what came since the last unit, and then further back."""
        newest = tx.inspection.last_revision()
        highest = newest if span.highest is None else span.highest
        last = max(newest, highest)
        lowest = last + 1 if span.lowest is None else span.lowest
        newer = tx.inspection.changes_behind(highest)
        older = tx.inspection.changes_before(lowest, limit=UNIT_ROWS)
        damage = [
            *_gaps(newer, down_from=last, down_to=highest),
            *_gaps(older, down_from=lowest - 1),
            *self._compared(tx, [*newer, *older]),
        ]
        finding = Finding(CHANGES, len(newer) + len(older), tuple(damage))
        return finding, _Span(older[-1].revision, last) if older else None

    def _compared(self, tx: Transaction, changes: Sequence[StoredChange]) -> list[Damage]:
        unit = _Unit(tx, set(), set())
        damage: list[Damage] = []
        for change in changes:
            look = partial(self._look, unit, change)
            damage += examined("change", {"revision": change.revision}, look)
        self.told |= unit.told  # only now, because a unit that fails is run again
        self.damaged |= unit.damaged
        return damage

    def _look(self, unit: _Unit, change: StoredChange) -> Iterator[Damage]:
        change.require_bounds()
        if change[1:4] not in self.told and change[1:3] not in self.damaged:
            yield from unit.compared(change)


@dataclass(slots=True)
class _Unit:
    """The same, of one transaction, and what it sees of namespaces."""

    tx: Transaction
    told: set[tuple[int, str, int]]
    damaged: set[tuple[int, str]]
    namespaces: dict[int, Namespace | None] = field(default_factory=dict)

    def compared(self, change: StoredChange) -> Iterator[Damage]:
        """Yield what a change shows to be damaged, unless a newer one has."""
        namespace_id, stored, number = change[1:4]
        if (namespace_id, stored, number) in self.told or (namespace_id, stored) in self.damaged:
            return
        self.told.add((namespace_id, stored, number))
        if namespace_id not in self.namespaces:
            self.namespaces[namespace_id] = _namespace(self.tx, namespace_id)
        namespace = self.namespaces[namespace_id]
        if namespace is None:
            return
        try:
            problem = _problem(self.tx, namespace, change)
        except SealError:
            return  # said of the version
        if problem is not None:
            self.damaged.add((namespace_id, stored))
            yield Damage("record", place_of(namespace, stored, number), problem)


def _gaps(
    changes: Sequence[StoredChange], *, down_from: int, down_to: int | None = None
) -> Iterator[Damage]:
    """Yield what is missing in revisions that count down."""
    expected = down_from
    found = [change.revision for change in changes]
    for revision in found if down_to is None else [*found, down_to]:
        if revision != expected:
            yield Damage(
                "change",
                {"revision": expected},
                f"It and {expected - revision - 1} before it are missing.",
            )
        expected = revision - 1


def _namespace(tx: Transaction, namespace_id: int) -> Namespace | None:
    """Return a namespace, or None if nothing is to be expected of its records.

    That is so if its row was altered, which is said of itself; if its owner was erased, whose
    records are removed; and if it is gone, since one that changes hands then gets another id.
    """
    try:
        namespace = tx.namespaces.find_by_id(namespace_id)
        if namespace is None:
            return None
        owner = tx.identities.find(namespace.owner_id)
    except SealError:
        return None
    return None if owner is not None and owner.state == IdentityState.ERASED else namespace


def _problem(tx: Transaction, namespace: Namespace, change: StoredChange) -> str | None:
    """Return what a record should be by the newest change of one of its versions, and is not."""
    because = f"change {change.revision} ({change.kind}) says otherwise."
    head = tx.inspection.versions.head(namespace.id, change.stored_name)
    if head is None:
        return f"All of it is missing, and {because}"
    if head.version < change.version:
        return f"Its newest version is {head.version}: it was put back, and {because}"
    row = head if head.version == change.version else _older(tx, namespace, change)
    if row is None:  # retention ends older versions, and needs no change
        return None
    if bool(row.destroyed) != (change.kind in _GONE):
        return f"Its value is {'gone' if row.destroyed else 'there'}, and {because}"
    is_deleted = row.deleted_at is not None
    if change.kind not in _GONE and is_deleted != (change.kind == ChangeKind.DELETE):
        return f"It is {'' if is_deleted else 'not '}marked as deleted, and {because}"
    return None


def _older(tx: Transaction, namespace: Namespace, change: StoredChange) -> VersionRow | None:
    rows = tx.inspection.versions.before(
        namespace.id, change.stored_name, version=change.version + 1, limit=1
    )
    return rows[0] if rows and rows[0].version == change.version else None
