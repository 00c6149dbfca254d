"""Namespaces: each belongs to the identity whose key seals its records."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import AlreadyExistsError
from sealwire.core.names import ancestors, subtree_bounds
from sealwire.storage.engine import driver_connection
from sealwire.storage.owners import Owners
from sealwire.storage.prepared import Prepared
from sealwire.storage.record_names import NAME_KEY_BYTES, RecordNames, name_key_address
from sealwire.storage.rows import DEFAULT_KEEP_VERSIONS, Namespace
from sealwire.storage.schema import namespaces
from sealwire.storage.tagging import NAMESPACES, AuthorityTags

_FIND: Final = Prepared.of(select(*NAMESPACES.read).where(namespaces.c.name == bindparam("name")))
_BY_ID: Final = Prepared.of(select(*NAMESPACES.read).where(namespaces.c.id == bindparam("id")))
_NAME: Final = Prepared.of(select(namespaces.c.name).where(namespaces.c.id == bindparam("id")))
_NEXT_ID: Final = select(func.coalesce(func.max(namespaces.c.id), 0) + 1)
_INSERT: Final = insert(namespaces).on_conflict_do_nothing()
_UPDATE: Final = update(namespaces).where(namespaces.c.id == bindparam("this"))
_FROM = select(*NAMESPACES.read).where(namespaces.c.name >= bindparam("start"))
_PAGE: Final = Prepared.of(_FROM.order_by(namespaces.c.name).limit(bindparam("page_size")))
_PAGE_BEFORE: Final = Prepared.of(
    _FROM.where(namespaces.c.name < bindparam("behind"))
    .order_by(namespaces.c.name)
    .limit(bindparam("page_size"))
)


class Namespaces:
    """The namespaces, as one transaction sees them."""

    def __init__(self, connection: Connection, tags: AuthorityTags, owners: Owners) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._tags = tags
        self._owners = owners

    def find(self, name: str) -> Namespace | None:
        """Return the namespace of exactly this name; SealError if its row was altered."""
        return self._checked(_FIND.first(self._driver, name=name))

    def find_by_id(self, namespace_id: int) -> Namespace | None:
        """Return the namespace of this id; SealError if its row was altered."""
        return self._checked(_BY_ID.first(self._driver, id=namespace_id))

    def name_by_id(self, namespace_id: int) -> str | None:
        """Return the name of the namespace of this id as it stands; nothing is decided by it."""
        found = _NAME.first(self._driver, id=namespace_id)
        return None if found is None else str(found[0])

    def create(
        self,
        name: str,
        *,
        owner_id: str,
        now: int,
        keep_versions: int = DEFAULT_KEEP_VERSIONS,
        keep_ms: int = 0,
    ) -> Namespace:
        """Add a namespace that belongs to the identity `owner_id`, for good.

        Raises:
            AlreadyExistsError: if the name is taken.
        """
        return self._create(Namespace(0, name, owner_id, now, keep_versions, keep_ms))

    def create_with_sealed_names(
        self, name: str, *, owner_id: str, now: int, keep_versions: int, keep_ms: int
    ) -> Namespace:
        """Add a namespace that stores its records under keyed hashes of their names.

        Raises:
            AlreadyExistsError: if the name is taken.
            SealError: if the owner's key or salt is gone or was altered.
        """
        sealed = self._new_name_key(name, owner_id)
        return self._create(Namespace(0, name, owner_id, now, keep_versions, keep_ms, sealed))

    def take_over(self, namespace: Namespace, *, owner_id: str, now: int) -> Namespace:
        """Give a namespace in which nothing is stored any more to another owner.

        It has a new id and is created `now`: changes from before name no namespace any more, and
        no version has a number that was in use. If names are sealed in it, they stay so, under a
        new name key.

        Raises:
            SealError: if the new owner's key or salt is gone or was altered.
        """
        name_key = namespace.name_key and self._new_name_key(namespace.name, owner_id)
        return self._replace(
            namespace, id=self._next_id(), owner_id=owner_id, created_at=now, name_key=name_key
        )

    def begin_above(self, namespace: Namespace, *, version: int) -> None:
        """Let what is put anew have higher versions than this one, which is removed."""
        if version >= namespace.first_version:
            self._replace(namespace, first_version=version + 1)

    def set_retention(self, namespace: Namespace, *, keep_versions: int, keep_ms: int) -> Namespace:
        """Keep other versions from now on; what is beyond them goes with the next sweep."""
        return self._replace(namespace, keep_versions=keep_versions, keep_ms=keep_ms)

    def reseal(self, namespace: Namespace) -> bool:
        """Seal a name key to the owner's newest key under the current root key, unless it is.

        Raises:
            SealError: if it was altered, or the owner's newest key was.
        """
        if self._owners.are_current(namespace.owner_id, namespace.name_key):
            return False
        name_key = RecordNames(self._owners).open_key(namespace)
        sealed = self._sealed_name_key(namespace.name, namespace.owner_id, name_key)
        self._replace(namespace, name_key=sealed)
        return True

    def page(self, *, start: str, behind: str | None, limit: int) -> list[Namespace]:
        """Return up to `limit` namespaces by name, from `start` on, and before `behind` if given.

        Raises:
            SealError: if a row was altered.
        """
        statement = _PAGE_BEFORE if behind is not None else _PAGE
        rows = statement.rows(self._driver, start=start, behind=behind, page_size=limit)
        return [self._namespace(row) for row in rows]

    def has_relatives(self, name: str) -> bool:
        """Tell whether the namespace exists, or one that holds it, or one below it."""
        first, behind = subtree_bounds(name)
        related = or_(
            namespaces.c.name.in_([name, *ancestors(name)]),
            and_(namespaces.c.name >= first, namespaces.c.name < behind),
        )
        return bool(self._connection.execute(select(exists().where(related))).scalar())

    def _new_name_key(self, name: str, owner_id: str) -> bytes:
        """Return a random name key, sealed to its namespace's owner."""
        return self._sealed_name_key(name, owner_id, self._owners.random(NAME_KEY_BYTES))

    def _sealed_name_key(self, name: str, owner_id: str, name_key: bytes) -> bytes:
        return self._owners.seal(owner_id, name_key, address=name_key_address(name))

    def _create(self, new: Namespace) -> Namespace:
        namespace = dataclasses.replace(new, id=self._next_id())
        row = dataclasses.asdict(namespace)
        values = {**row, "tag": self._tags.tag(NAMESPACES, row)}
        if self._connection.execute(_INSERT, values).rowcount != 1:
            raise AlreadyExistsError("A namespace of this name exists already.")
        return namespace

    def _next_id(self) -> int:
        """Return an id that was never used; it is in the tag, so it can't be left to SQLite."""
        return int(self._connection.execute(_NEXT_ID).scalar_one())

    def _replace(self, namespace: Namespace, **changes: Any) -> Namespace:
        after = dataclasses.replace(namespace, **changes)
        values = {**changes, "tag": self._tags.tag(NAMESPACES, dataclasses.asdict(after))}
        self._connection.execute(_UPDATE.values(values), {"this": namespace.id})
        return after

    def _checked(self, found: tuple[Any, ...] | None) -> Namespace | None:
        return None if found is None else self._namespace(found)

    def _namespace(self, found: tuple[Any, ...]) -> Namespace:
        return Namespace(**self._tags.checked(NAMESPACES, found))
