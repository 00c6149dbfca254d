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
from sealwire.storage.schema import namespaces, record_versions

_COUNT: Final = select(func.count()).select_from(record_versions)
_PAGE: Final = Prepared.of(
    select(
        record_versions.c.namespace_id,
        record_versions.c.name,
        record_versions.c.version,
        namespaces.c.name,
        namespaces.c.owner_id,
        func.length(record_versions.c.blob),
        func.substr(record_versions.c.metadata, 1, HEADER_BYTES),
        func.substr(record_versions.c.sealed_name, 1, HEADER_BYTES),
        literal_column("record_versions.rowid"),
    )
    .join_from(record_versions, namespaces)
    .where(
        tuple_(record_versions.c.namespace_id, record_versions.c.name, record_versions.c.version)
        > tuple_(bindparam("namespace_id"), bindparam("after"), bindparam("number"))
    )
    .order_by(record_versions.c.namespace_id, record_versions.c.name, record_versions.c.version)
    .limit(bindparam("page_size"))
)


class Position(NamedTuple):
    """A place in the order of all versions, immediately behind one; `name` is as stored."""

    namespace_id: int
    name: str
    version: int


START: Final = Position(0, "", 0)


class Blob(NamedTuple):
    """A version by its place and its namespace, and whether it is sealed as it would be now."""

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
        """Return how many versions there are."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def page(self, *, after: Position, limit: int) -> list[Blob]:
        """Return up to `limit` versions from behind a place.

        One whose owner's newest key was altered is not current.
        """
        rows = _PAGE.rows(
            self._driver,
            namespace_id=after.namespace_id,
            after=after.name,
            number=after.version,
            page_size=limit,
        )
        newest: dict[str, PublicKey | None] = {}
        page = []
        for namespace_id, name, version, namespace, owner_id, size, *small, rowid in rows:
            if owner_id not in newest:
                newest[owner_id] = self._newest(owner_id)
            headers = [header for header in small if header is not None]
            if size is not None:  # it was not destroyed
                headers.append(self._read(rowid))
            owner = newest[owner_id]
            is_current = owner is not None and all(
                self._barrier.is_current(header, owner) for header in headers
            )
            page.append(
                Blob(Position(namespace_id, name, version), namespace, size or 0, is_current)
            )
        return page

    def _newest(self, owner_id: str) -> PublicKey | None:
        try:
            return self._keys.newest(owner_id)
        except SealError:
            return None

    def _read(self, rowid: int) -> bytes:
        with self._driver.blobopen("record_versions", "blob", rowid, readonly=True) as blob:
            return blob.read(HEADER_BYTES)
