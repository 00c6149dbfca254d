"""Namespaces: each belongs to the identity whose key seals its records."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import AlreadyExistsError
from sealwire.core.names import ancestors, subtree_bounds
from sealwire.storage.engine import driver_connection
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Namespace
from sealwire.storage.schema import namespaces
from sealwire.storage.tagging import NAMESPACES, AuthorityTags

_FIND: Final = Prepared.of(select(*NAMESPACES.read).where(namespaces.c.name == bindparam("name")))
_BY_ID: Final = Prepared.of(select(*NAMESPACES.read).where(namespaces.c.id == bindparam("id")))
_NEXT_ID: Final = select(func.coalesce(func.max(namespaces.c.id), 0) + 1)
_INSERT: Final = insert(namespaces).on_conflict_do_nothing()


class Namespaces:
    """The namespaces, as one transaction sees them."""

    def __init__(self, connection: Connection, tags: AuthorityTags) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._tags = tags

    def find(self, name: str) -> Namespace | None:
        """Return the namespace of exactly this name; SealError if its row was altered."""
        return self._checked(_FIND.first(self._driver, name=name))

    def find_by_id(self, namespace_id: int) -> Namespace | None:
        """Return the namespace of this id; SealError if its row was altered."""
        return self._checked(_BY_ID.first(self._driver, id=namespace_id))

    def create(self, name: str, *, owner_id: str, now: int) -> Namespace:
        """Add a namespace that belongs to the identity `owner_id`, for good.

        Raises:
            AlreadyExistsError: if the name is taken.
        """
        # The id is in the tag, so it can't be left to SQLite.
        namespace_id = self._connection.execute(_NEXT_ID).scalar_one()
        row = {"id": namespace_id, "name": name, "owner_id": owner_id, "created_at": now}
        values = {**row, "tag": self._tags.tag(NAMESPACES, row)}
        if self._connection.execute(_INSERT, values).rowcount != 1:
            raise AlreadyExistsError("A namespace of this name exists already.")
        return Namespace(namespace_id, name, owner_id)

    def has_relatives(self, name: str) -> bool:
        """Tell whether the namespace exists, or one that holds it, or one below it."""
        first, behind = subtree_bounds(name)
        related = or_(
            namespaces.c.name.in_([name, *ancestors(name)]),
            and_(namespaces.c.name >= first, namespaces.c.name < behind),
        )
        return bool(self._connection.execute(select(exists().where(related))).scalar())

    def _checked(self, found: tuple[Any, ...] | None) -> Namespace | None:
        if found is None:
            return None
        row = self._tags.checked(NAMESPACES, found)
        return Namespace(row["id"], row["name"], row["owner_id"])
