"""Sealed records: a value passes through the barrier on its way in, and on its way out."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import RecordAddress, SealedBlob
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.engine import driver_connection
from sealwire.storage.identities import Identities, stored_key
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Namespace, RecordRow
from sealwire.storage.schema import keys, records

_LISTED: Final = (
    records.c.name,
    records.c.version,
    records.c.size,
    records.c.created_at,
    records.c.updated_at,
)
_HERE = and_(
    records.c.namespace_id == bindparam("namespace_id"), records.c.name == bindparam("name")
)
# One look at all that a put depends on: the owner's newest key, and the record if there is one.
_BEFORE_PUT = Prepared.of(
    select(keys.c.public_key, records.c.version, records.c.created_at)
    .select_from(keys.outerjoin(records, _HERE))
    .where(keys.c.identity_id == bindparam("owner_id"))
    .order_by(keys.c.created_at.desc())
    .limit(1)
)
_INSERT = insert(records)
_PUT = Prepared.of(
    _INSERT.on_conflict_do_update(
        index_elements=[records.c.namespace_id, records.c.name],
        set_={
            column: _INSERT.excluded[column] for column in ("version", "size", "updated_at", "blob")
        },
    )
)
_GET = Prepared.of(select(*_LISTED, records.c.blob).where(_HERE))
_PAGE = Prepared.of(
    select(*_LISTED)
    .where(records.c.namespace_id == bindparam("namespace_id"), records.c.name > bindparam("after"))
    .order_by(records.c.name)
    .limit(bindparam("page_size"))
)
_DELETE = Prepared.of(delete(records).where(_HERE))


class Records:
    """The records, as one transaction sees them."""

    def __init__(
        self, connection: Connection, *, barrier: SealingBarrier, identities: Identities
    ) -> None:
        self._driver = driver_connection(connection)
        self._barrier = barrier
        self._identities = identities

    def put(self, namespace: Namespace, name: str, *, value: bytes, now: int) -> RecordRow:
        """Seal `value` to the owner of the namespace, in place of what was there.

        The first version is 1, and each put counts one up; a record that was deleted starts anew.

        Raises:
            SealError: if the owner's key or salt is gone or was altered.
        """
        owner, previous, created_at = self._before_put(namespace, name)
        version = (previous or 0) + 1
        row = RecordRow(name, version, len(value), now if created_at is None else created_at, now)
        blob = self._barrier.seal(
            value,
            identity_id=namespace.owner_id,
            owner=owner,
            address=RecordAddress(namespace.name, name, version),
            salts=self._identities,
        )
        self._write(namespace, row, blob)
        return row

    def get(self, namespace: Namespace, name: str) -> tuple[RecordRow, bytes] | None:
        """Return a record and its value.

        Raises:
            SealError: if what is stored was altered, moved, or sealed to anybody but the owner.
        """
        found = _GET.first(self._driver, namespace_id=namespace.id, name=name)
        if found is None:
            return None
        *listed, blob = found
        row = RecordRow(*listed)
        value = self._barrier.unseal(
            blob,
            identity_id=namespace.owner_id,
            address=RecordAddress(namespace.name, name, row.version),
            salts=self._identities,
        )
        if row.size != len(value):
            raise SealError("A record's row does not fit its value: it was altered.")
        return row, value

    def page(self, namespace: Namespace, *, after: str | None, limit: int) -> list[RecordRow]:
        """Return up to `limit` records in the order of their names' bytes, from behind `after`."""
        rows = _PAGE.rows(
            self._driver, namespace_id=namespace.id, after=after or "", page_size=limit
        )
        return [RecordRow(*row) for row in rows]

    def delete(self, namespace: Namespace, name: str) -> bool:
        """Delete a record, and tell whether there was one."""
        return _DELETE.count(self._driver, namespace_id=namespace.id, name=name) == 1

    def _before_put(
        self, namespace: Namespace, name: str
    ) -> tuple[PublicKey, int | None, int | None]:
        found = _BEFORE_PUT.first(
            self._driver, namespace_id=namespace.id, name=name, owner_id=namespace.owner_id
        )
        if found is None:
            raise SealError("The namespace's owner has no key to seal to.")
        raw, version, created_at = found
        return stored_key(raw), version, created_at

    def _write(self, namespace: Namespace, row: RecordRow, blob: SealedBlob) -> None:
        _PUT.count(
            self._driver,
            namespace_id=namespace.id,
            name=row.name,
            version=row.version,
            size=row.size,
            created_at=row.created_at,
            updated_at=row.updated_at,
            blob=blob,
        )
