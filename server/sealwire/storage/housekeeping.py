"""What the store throws away by itself: found in a unit that reads, removed in one that writes.

Both are bounded, so that neither readers nor writers are held up. What was found is looked at again
where it is removed: meanwhile it may have become something else. Where the row of a namespace or an
identity was altered, nothing is thrown away because of it. (What its namespace does not keep any
more, `retention.py` finds.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import and_, bindparam, select, text, update

from sealwire.core.errors import SealError
from sealwire.storage.identities import Identities
from sealwire.storage.namespaces import Namespaces
from sealwire.storage.portions import MAX_ROWS, Place, portion
from sealwire.storage.prepared import Prepared
from sealwire.storage.record_changes import RecordChanges
from sealwire.storage.rows import ChangeKind, IdentityState, Namespace
from sealwire.storage.schema import changes, identities, namespaces, record_versions
from sealwire.storage.versions import Versions

MAX_CHANGES: Final = 1_000
"""How many changes one unit forgets; they are small."""
MIN_KEEP_MS: Final = 24 * 60 * 60 * 1000
"""For how long a change is kept in any case."""

_columns = record_versions.c
_PLACE: Final = (_columns.namespace_id, _columns.name, _columns.version, _columns.size)
_RECORD = and_(
    _columns.namespace_id == bindparam("namespace_id"), _columns.name == bindparam("stored")
)
_IS_OVER = and_(
    _columns.expires_at.is_not(None),
    _columns.blob.is_not(None),
    _columns.expires_at <= bindparam("now"),
)
_EXPIRED: Final = Prepared.of(
    select(*_PLACE).where(_IS_OVER).order_by(_columns.expires_at).limit(MAX_ROWS)
)
_EXPIRE: Final = Prepared.of(
    update(record_versions)
    .where(_RECORD, _columns.version == bindparam("number"), _IS_OVER)
    .values(blob=None, metadata=None)
)
_CALLED_ERASED = select(identities.c.id).where(identities.c.state == IdentityState.ERASED)
_OF_ERASED: Final = Prepared.of(
    select(namespaces.c.id).where(
        namespaces.c.owner_id.in_(_CALLED_ERASED),
        select(_columns.version).where(_columns.namespace_id == namespaces.c.id).exists(),
    )
)
_IN_NAMESPACE: Final = Prepared.of(
    select(*_PLACE).where(_columns.namespace_id == bindparam("namespace_id")).limit(MAX_ROWS)
)
_VALUES_LEFT: Final = Prepared.of(
    select(_columns.version).where(_RECORD, _columns.blob.is_not(None)).limit(1)
)
_NO_PUT = text("kind <> 'put'")  # as the index says it
_ENDINGS: Final = Prepared.of(
    select(changes.c.namespace_id, changes.c.name).where(
        changes.c.revision < bindparam("keep_from"), _NO_PUT
    )
)
_RECENT: Final = Prepared.of(
    select(changes.c.revision)
    .where(
        changes.c.revision < bindparam("keep_from"),
        changes.c.at > bindparam("cutoff"),
        changes.c.at <= bindparam("now"),  # a clock that was wrong keeps nothing for years
    )
    .order_by(changes.c.revision)
    .limit(1)
)
_NAMED: Final = Prepared.of(
    select(changes.c.revision)
    .where(
        changes.c.namespace_id == bindparam("namespace_id"),
        changes.c.name == bindparam("stored"),
        _NO_PUT,
    )
    .limit(1)
)


class Housekeeping:
    """What is to be thrown away, as one transaction sees it. What finds it changes nothing."""

    def __init__(
        self, driver: sqlite3.Connection, *, namespaces: Namespaces, identities: Identities
    ) -> None:
        self._driver = driver
        self._versions = Versions(driver)
        self._changes = RecordChanges(driver)
        self._namespaces = namespaces
        self._identities = identities

    def expired(self, *, now: int) -> list[Place]:
        """Return versions that have a value still, and expired by `now`."""
        return list(portion(_EXPIRED.rows(self._driver, now=now)))

    def expire(self, places: Iterable[Place], *, now: int) -> None:
        """Destroy the values of these versions, if they have expired, and say so in the changes."""
        gone = [place[:3] for place in places if self._expire(place, now=now)]
        if gone:
            self._changes.add(ChangeKind.EXPIRE, gone, now=now)

    def unreadable(self) -> list[Place]:
        """Return versions that were sealed to identities which are erased."""
        for (namespace_id,) in _OF_ERASED.rows(self._driver):
            if self._unowned(namespace_id):
                return list(portion(_IN_NAMESPACE.rows(self._driver, namespace_id=namespace_id)))
        return []

    def remove_unreadable(self, places: Collection[Place]) -> None:
        """Remove versions if their owner is erased. No change says so: nobody can tell their names.

        When none is left in a namespace, it may belong to somebody else (`Namespaces.take_over`).
        Its records then begin above the versions that were removed.
        """
        for namespace_id in {place.namespace_id for place in places}:
            namespace = self._unowned(namespace_id)
            if namespace is not None:
                removed = [place[:3] for place in places if place.namespace_id == namespace_id]
                self._versions.drop_all(removed)
                highest = max(version for _, _, version in removed)
                self._namespaces.begin_above(namespace, version=highest)

    def surplus(self, *, keep: int, now: int) -> int:
        """Return up to which revision changes may be forgotten; 0 if none may.

        The `keep` newest are kept, and those of the last `MIN_KEEP_MS` before `now`. So nobody who
        makes many changes takes away those that others have not seen yet.
        """
        oldest, keep_from = self._changes.oldest(), self._changes.last() - keep + 1
        keep_from = min(keep_from, oldest + MAX_CHANGES)
        (recent,) = _RECENT.first(
            self._driver, keep_from=keep_from, cutoff=now - MIN_KEEP_MS, now=now
        ) or (None,)
        keep_from = keep_from if recent is None else recent
        return keep_from if keep_from > oldest else 0

    def forget_changes(self, *, keep_from: int) -> None:
        """Forget the changes before a revision, and the records that have ended and none names."""
        ended = set(_ENDINGS.rows(self._driver, keep_from=keep_from))
        self._changes.trim(keep_from=keep_from)
        for namespace_id, stored in ended:
            self.drop_if_ended(namespace_id, stored)

    def drop_if_ended(self, namespace_id: int, stored: str) -> None:
        """Remove all rows of a record that has no value left, unless a kept change names it.

        Whatever comes behind a record's end is no put, so that the other changes tell.
        """
        here = {"namespace_id": namespace_id, "stored": stored}
        if _VALUES_LEFT.first(self._driver, **here) or _NAMED.first(self._driver, **here):
            return
        self._versions.drop_record(namespace_id, stored)

    def _expire(self, place: Place, *, now: int) -> bool:
        changed = _EXPIRE.count(
            self._driver,
            namespace_id=place.namespace_id,
            stored=place.stored_name,
            number=place.version,
            now=now,
        )
        return changed == 1

    def _unowned(self, namespace_id: int) -> Namespace | None:
        """Return a namespace if its owner is erased, and neither row was altered."""
        try:
            namespace = self._namespaces.find_by_id(namespace_id)
        except SealError:
            return None
        return namespace if namespace and self._is_erased(namespace.owner_id) else None

    def _is_erased(self, identity_id: str) -> bool:
        try:
            identity = self._identities.find(identity_id)
        except SealError:
            return False
        return identity is not None and identity.state == IdentityState.ERASED
