"""Namespaces: each belongs to the identity whose key seals its records."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import AlreadyExistsError
from sealwire.storage.engine import driver_connection
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Namespace
from sealwire.storage.schema import namespaces

_FIND = Prepared.of(
    select(namespaces.c.id, namespaces.c.name, namespaces.c.owner_id).where(
        namespaces.c.name == bindparam("name")
    )
)
_INSERT = insert(namespaces).on_conflict_do_nothing().returning(namespaces.c.id)


class Namespaces:
    """The namespaces, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)

    def find(self, name: str) -> Namespace | None:
        """Return the namespace of exactly this name."""
        row = _FIND.first(self._driver, name=name)
        return None if row is None else Namespace(*row)

    def create(self, name: str, *, owner_id: str, now: int) -> Namespace:
        """Add a namespace that belongs to the identity `owner_id`, for good.

        Raises:
            AlreadyExistsError: if the name is taken.
        """
        namespace_id = self._connection.execute(
            _INSERT, {"name": name, "owner_id": owner_id, "created_at": now}
        ).scalar()
        if namespace_id is None:
            raise AlreadyExistsError("A namespace of this name exists already.")
        return Namespace(namespace_id, name, owner_id)
