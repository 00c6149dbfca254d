"""Sealed records: a value passes through the barrier on its way in, and on its way out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from sealwire.core.errors import ErasedError, VersionMismatchError
from sealwire.storage.owners import Owners
from sealwire.storage.record_changes import RecordChanges
from sealwire.storage.record_names import RecordNames
from sealwire.storage.rows import ChangeKind, Namespace, NewRecord, RecordRow
from sealwire.storage.sealer import Opener, Seals, seal_version
from sealwire.storage.versions import VersionRow, Versions

Change = tuple[int, str, int]
"""A namespace's id, a stored name, and a version."""

LATEST: Final = 0
"""In the place of a version: the record's latest."""


class Records:
    """The records, as one transaction sees them.

    A record is live at a moment if its latest version was not deleted or destroyed by then, and has
    not expired; that version is then its current one.
    """

    def __init__(self, driver: sqlite3.Connection, owners: Owners) -> None:
        self._versions = Versions(driver)
        self._changes = RecordChanges(driver)
        self._names = RecordNames(owners)
        self._opener = Opener(owners)
        self._owners = owners

    def put(self, namespace: Namespace, new: NewRecord, *, now: int) -> tuple[RecordRow, int]:
        """Seal one version, as `put_all`; return it and its revision."""
        rows, revision = self.put_all([(namespace, new)], now=now)
        return rows[0], revision

    def put_all(
        self, items: Sequence[tuple[Namespace, NewRecord]], *, now: int
    ) -> tuple[list[RecordRow], int]:
        """Seal a version of each record to the owner of its namespace; name no record twice.

        Return them and the revision of the last; those before it have the revisions before that.
        The first version is the namespace's `first_version`, and each put counts one up, whatever
        was deleted meanwhile. Of each record, the one version goes that its namespace keeps no more
        because of this put.

        Raises:
            VersionMismatchError: if a record's current version is not its `if_version`.
            SealError: if an owner's key or salt is gone or was altered.
        """
        stored = [self._names.stored(namespace, new.name) for namespace, new in items]
        heads = self._heads(items, stored)
        rows, columns, changes = [], [], []
        with self._owners.sealing_keys() as key_of:
            for index, (namespace, new) in enumerate(items):
                head = heads.get((namespace.id, stored[index]))
                row = _next_version(
                    head, namespace, new, now=now, index=index if len(items) > 1 else None
                )
                seals = seal_version(
                    key_of(namespace.owner_id),
                    namespace,
                    row,
                    new.value,
                    stored=stored[index],
                    random=self._owners.random,
                )
                rows.append(row)
                columns.append(_columns(namespace, stored[index], row, seals))
                changes.append((namespace.id, stored[index], row.version))
        self._versions.insert_all(columns)
        self._drop_outgrown(items, changes)
        return rows, self._changes.add(ChangeKind.PUT, changes, now=now)

    def get(
        self, namespace: Namespace, name: str, *, version: int = LATEST, now: int
    ) -> tuple[RecordRow, bytes] | None:
        """Return a version and its value; None if there is none, or readers may not have it.

        Raises:
            SealError: if what is stored was altered, moved, or sealed to anybody but the owner.
        """
        stored = self._names.stored(namespace, name)
        if version == LATEST:
            found = self._versions.head_with_blob(namespace.id, stored)
        else:
            found = self._versions.one_with_blob(namespace.id, stored, version)
        if found is None or not found.is_live(now):
            return None
        row = self._opener.facts(namespace, found, name=name)
        return row, self._opener.value(namespace, row, found)

    def get_again(
        self, namespace: Namespace, name: str, *, version: int, now: int
    ) -> tuple[RecordRow, bytes] | None:
        """Return a version that was read before, as `get`; also if it was deleted since."""
        stored = self._names.stored(namespace, name)
        found = self._versions.one_with_blob(namespace.id, stored, version)
        if found is None or not found._replace(deleted_at=None).is_live(now):
            return None
        row = self._opener.facts(namespace, found._replace(deleted_at=None), name=name)
        return row, self._opener.value(namespace, row, found)

    def current_version(self, namespace: Namespace, name: str, *, now: int) -> int:
        """Return a record's current version; 0 if it is not live."""
        found = self._versions.head(namespace.id, self._names.stored(namespace, name))
        return found.version if found is not None and found.is_live(now) else 0

    def versions(
        self, namespace: Namespace, name: str, *, before: int, limit: int, now: int
    ) -> list[RecordRow]:
        """Return up to `limit` versions older than `before`, newest first, the dead ones too.

        What has expired by `now` has no metadata any more, whether or not it was destroyed yet.
        """
        stored = self._names.stored(namespace, name)
        found = self._versions.before(namespace.id, stored, version=before, limit=limit)
        return [self._opener.facts(namespace, row.as_of(now)) for row in found]

    def name_of(self, namespace: Namespace, stored: str) -> str | None:
        """Return the name of a record; None if it is gone altogether, or its name can't be told.

        Raises:
            SealError: if the name was altered.
        """
        head = self._versions.head(namespace.id, stored)
        if head is None:
            return None
        try:
            return self._opener.name(namespace, head)
        except ErasedError:
            return None

    def has_any(self, namespace: Namespace) -> bool:
        """Tell whether anything is stored in a namespace, live or not."""
        return self._versions.next_head(namespace.id, at_least="") is not None

    def delete(
        self, namespace: Namespace, name: str, *, if_version: int | None = None, now: int
    ) -> int | None:
        """Delete the current version; return the revision, or None if the record is not live.

        Raises:
            VersionMismatchError: if the current version is not `if_version`.
        """
        stored = self._names.stored(namespace, name)
        head = self._versions.head(namespace.id, stored)
        if head is None or not head.is_live(now):
            require_version(0, if_version)
            return None
        require_version(head.version, if_version)
        self._versions.mark(namespace.id, stored, head.version, deleted_at=now)
        change = (namespace.id, stored, head.version)
        return self._changes.add(ChangeKind.DELETE, [change], now=now)

    def undelete(
        self, namespace: Namespace, name: str, *, version: int = LATEST, now: int
    ) -> tuple[RecordRow, int] | None:
        """Bring a deleted version back; return it and the revision, or None if it is gone.

        A version that was not deleted stays as it is, and so does the order of changes.
        """
        stored = self._names.stored(namespace, name)
        found = self._version(namespace, stored, version)
        if found is None or not found._replace(deleted_at=None).is_live(now):
            return None
        row = self._opener.facts(namespace, found._replace(deleted_at=None))
        if found.deleted_at is None:
            return row, self._changes.last()
        self._versions.mark(namespace.id, stored, found.version, deleted_at=None)
        change = (namespace.id, stored, found.version)
        return row, self._changes.add(ChangeKind.UNDELETE, [change], now=now)

    def destroy(
        self, namespace: Namespace, name: str, versions: Sequence[int], *, now: int
    ) -> int | None:
        """Destroy the values of versions; return the revision, or None if there is no such record.

        The rows stay, so that a number never stands for another value; but retention may end them.
        """
        stored = self._names.stored(namespace, name)
        if self._versions.head(namespace.id, stored) is None:
            return None
        chosen = sorted(set(versions))
        gone = [v for v in chosen if self._versions.empty(namespace.id, stored, v)]
        changed = [(namespace.id, stored, version) for version in gone]
        return self._changes.add(ChangeKind.DESTROY, changed, now=now)

    def reseal(self, namespace: Namespace, stored: str, version: int) -> bool:
        """Seal a version to the owner's newest key under the current root key, unless it is.

        What it says stays. Tell whether there was such a version, and it needed it.

        Raises:
            SealError: as `get`; or if the owner's newest key was altered.
        """
        found = self._versions.one_with_blob(namespace.id, stored, version)
        if found is None:
            return False
        seals = (found.blob, found.metadata, found.sealed_name)
        if self._owners.are_current(namespace.owner_id, *seals):
            return False
        row = self._opener.facts(namespace, found)
        value = None if found.blob is None else self._opener.value(namespace, row, found)
        with self._owners.sealing_keys() as key_of:
            renewed = seal_version(
                key_of(namespace.owner_id),
                namespace,
                row,
                value,
                stored=stored,
                random=self._owners.random,
            )
        self._versions.replace_seals(namespace.id, found, *renewed)
        return True

    def _heads(
        self, items: Sequence[tuple[Namespace, NewRecord]], stored: Sequence[str]
    ) -> dict[tuple[int, str], VersionRow]:
        by_namespace: dict[int, list[str]] = {}
        for (namespace, _), name in zip(items, stored, strict=True):
            by_namespace.setdefault(namespace.id, []).append(name)
        return {
            (namespace_id, name): head
            for namespace_id, names in by_namespace.items()
            for name, head in self._versions.heads(namespace_id, names).items()
        }

    def _drop_outgrown(
        self, items: Sequence[tuple[Namespace, NewRecord]], changes: Sequence[Change]
    ) -> None:
        """Remove the one version that each put makes too many; the sweep finds all others."""
        outgrown = [
            (namespace_id, stored, version - namespace.keep_versions)
            for (namespace, _), (namespace_id, stored, version) in zip(items, changes, strict=True)
            if 0 < namespace.keep_versions < version
        ]
        if outgrown:
            self._versions.drop_all(outgrown)

    def _version(self, namespace: Namespace, stored: str, version: int) -> VersionRow | None:
        if version == LATEST:
            return self._versions.head(namespace.id, stored)
        return self._versions.one(namespace.id, stored, version)


def require_version(current: int, demanded: int | None, *, index: int | None = None) -> None:
    """Return if a record's current version is the one demanded, or none is.

    Raises:
        VersionMismatchError: otherwise; `index` is the place of the demand among several.
    """
    if demanded is None or demanded == current:
        return
    is_there = f"its current version is {current}" if current else "there is none"
    which = "" if index is None else f" (number {index}, counted from 0)"
    raise VersionMismatchError(
        f"A record{which} is not at version {demanded}, as was demanded: {is_there}. "
        "Nothing was changed.",
        current_version=current,
        condition=index,
    )


def _next_version(
    head: VersionRow | None, namespace: Namespace, new: NewRecord, *, now: int, index: int | None
) -> RecordRow:
    """Return what a put makes of a record; VersionMismatchError as `require_version`."""
    live = head if head is not None and head.is_live(now) else None
    require_version(live.version if live else 0, new.if_version, index=index)
    return RecordRow(
        new.name,
        namespace.first_version if head is None else head.version + 1,
        len(new.value),
        now if live is None else live.created_at,
        now,
        new.expires_at,
        metadata=new.metadata,
    )


def _columns(namespace: Namespace, stored: str, row: RecordRow, seals: Seals) -> tuple[object, ...]:
    """Return a row of the table, in the order of its columns."""
    return (
        namespace.id,
        stored,
        row.version,
        row.size,
        row.created_at,
        row.updated_at,
        row.expires_at,
        row.deleted_at,
        seals.sealed_name,
        seals.metadata,
        seals.blob,
    )
