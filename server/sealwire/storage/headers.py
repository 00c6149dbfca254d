"""The headers of all blobs: who each is sealed to, without opening or even reading the rest."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, select, tuple_

from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import HEADER_BYTES
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.engine import driver_connection
from sealwire.storage.keys import Keys
from sealwire.storage.prepared import Prepared
from sealwire.storage.schema import namespaces, records

_COUNT: Final = select(func.count()).select_from(records)
_PAGE: Final = Prepared.of(
    select(
        records.c.namespace_id,
        records.c.name,
        namespaces.c.name,
        namespaces.c.owner_id,
        func.length(records.c.blob),
        literal_column("records.rowid"),
    )
    .join_from(records, namespaces)
    .where(
        tuple_(records.c.namespace_id, records.c.name)
        > tuple_(bindparam("namespace_id"), bindparam("after"))
    )
    .order_by(records.c.namespace_id, records.c.name)
    .limit(bindparam("page_size"))
)


class Position(NamedTuple):
    """A place in the order of all records, immediately behind a record."""

    namespace_id: int
    name: str


START: Final = Position(0, "")


class Blob(NamedTuple):
    """A record by its place and its names, and whether it is sealed as it would be now."""

    position: Position
    namespace: str
    size: int
    is_current: bool


class Headers:
    """The headers, as one transaction sees them."""

    def __init__(self, connection: Connection, *, barrier: SealingBarrier, keys: Keys) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._barrier = barrier
        self._keys = keys

    def count(self) -> int:
        """Return how many records there are."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def page(self, *, after: Position, limit: int) -> list[Blob]:
        """Return up to `limit` records from behind a place.

        One whose owner's newest key was altered is not current.
        """
        rows = _PAGE.rows(
            self._driver, namespace_id=after.namespace_id, after=after.name, page_size=limit
        )
        newest: dict[str, PublicKey | None] = {}
        page = []
        for namespace_id, name, namespace, owner_id, size, rowid in rows:
            if owner_id not in newest:
                newest[owner_id] = self._newest(owner_id)
            owner = newest[owner_id]
            is_current = owner is not None and self._barrier.is_current(self._read(rowid), owner)
            page.append(Blob(Position(namespace_id, name), namespace, size, is_current))
        return page

    def _newest(self, owner_id: str) -> PublicKey | None:
        try:
            return self._keys.newest(owner_id)
        except SealError:
            return None

    def _read(self, rowid: int) -> bytes:
        with self._driver.blobopen("records", "blob", rowid, readonly=True) as blob:
            return blob.read(HEADER_BYTES)
