"""Sealed records: a value passes through the barrier on its way in, and on its way out."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import RecordAddress, SealedBlob
from sealwire.storage.authority import Authority
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.engine import driver_connection
from sealwire.storage.identities import Identities
from sealwire.storage.keys import Keys, sealing_key
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Namespace, RecordRow
from sealwire.storage.schema import keys, records
from sealwire.storage.tagging import KEYS

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
# One look at all that a put depends on: the record if there is one, and the owner's newest key.
_BEFORE_PUT = Prepared.of(
    select(records.c.version, records.c.created_at, *KEYS.read)
    .select_from(keys.outerjoin(records, _HERE))
    .where(keys.c.identity_id == bindparam("owner_id"))
    .order_by(keys.c.generation.desc())
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
_RESEAL = Prepared.of(update(records).values(blob=bindparam("blob")).where(_HERE))
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
        self,
        connection: Connection,
        authority: Authority,
        *,
        barrier: SealingBarrier,
        identities: Identities,
        keys: Keys,
    ) -> None:
        self._driver = driver_connection(connection)
        self._authority = authority
        self._barrier = barrier
        self._identities = identities
        self._keys = keys

    def put(self, namespace: Namespace, name: str, *, value: bytes, now: int) -> RecordRow:
        """Seal `value` to the owner of the namespace, in place of what was there.

        The first version is 1, and each put counts one up; a record that was deleted starts anew.

        Raises:
            SealError: if the owner's key or salt is gone or was altered.
        """
        owner, previous, created_at = self._before_put(namespace, name)
        version = (previous or 0) + 1
        row = RecordRow(name, version, len(value), now if created_at is None else created_at, now)
        self._write(namespace, row, self._seal(namespace, row, value, owner=owner))
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
        return row, self._open(namespace, row, blob)

    def reseal(self, namespace: Namespace, name: str) -> bool:
        """Seal a record to the owner's newest key under the current root key, unless it is.

        Its version, size and times stay. Tell whether there was a record that needed it.

        Raises:
            SealError: as `get`; or if the owner's newest key was altered.
        """
        found = _GET.first(self._driver, namespace_id=namespace.id, name=name)
        if found is None:
            return False
        *listed, blob = found
        row, owner = RecordRow(*listed), self._keys.newest(namespace.owner_id)
        if self._barrier.is_current(blob, owner):
            return False
        value = self._open(namespace, row, blob)
        sealed = self._seal(namespace, row, value, owner=owner)
        _RESEAL.count(self._driver, namespace_id=namespace.id, name=name, blob=sealed)
        return True

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
        version, created_at, *newest = found or (None, None)
        return sealing_key(self._authority, newest or None), version, created_at

    def _seal(
        self, namespace: Namespace, row: RecordRow, value: bytes, *, owner: PublicKey
    ) -> SealedBlob:
        return self._barrier.seal(
            value,
            identity_id=namespace.owner_id,
            owner=owner,
            address=RecordAddress(namespace.name, row.name, row.version),
            salts=self._identities,
        )

    def _open(self, namespace: Namespace, row: RecordRow, blob: bytes) -> bytes:
        value = self._barrier.unseal(
            blob,
            identity_id=namespace.owner_id,
            address=RecordAddress(namespace.name, row.name, row.version),
            salts=self._identities,
        )
        if row.size != len(value):
            raise SealError("A record's row does not fit its value: it was altered.")
        return value

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
