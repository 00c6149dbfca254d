"""Tags: HMAC-SHA256 over every row that carries authority, so that nobody but the server makes one.

Whoever can write to the database, and no more, can neither give a key to another identity, nor make
an admin, nor grant, nor choose to whose key records are sealed: the tag's key follows from the root
key (docs/sealing.md section 7). Deleting a row, and putting an older one back, leave no tag that
does not fit.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, and_, inspect, select, text, update

from sealwire.core.derivation import derive_authority_key
from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import SealError
from sealwire.storage.root_keyring import RootKeyring
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.schema import (
    grants,
    groups,
    identities,
    invitations,
    keys,
    members,
    namespaces,
)

Row = dict[str, Any]

TAG_LABEL: Final = "sealwire/v1/authority-tag"
TAG_ROOT_BYTES: Final = 4
_REMEMBERED_ROWS: Final = 10_000
_UNTAGGED: Final = {"tag", "salt"}
"""The salt proves itself: without the right one, nothing that it sealed opens."""


@dataclass(frozen=True, slots=True)
class TaggedTable:
    """A table, and the columns that its tag covers: all that decide anything, by name."""

    table: Table
    columns: tuple[Column[Any], ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, table: Table) -> TaggedTable:
        """Cover the whole row."""
        names = tuple(sorted(set(table.columns.keys()) - _UNTAGGED))
        return cls(table, tuple(table.columns[name] for name in names), names)

    @property
    def read(self) -> tuple[Column[Any], ...]:
        """What a statement must select for `AuthorityTags.checked`."""
        return (*self.columns, self.table.c.tag)


IDENTITIES: Final = TaggedTable.of(identities)
KEYS: Final = TaggedTable.of(keys)
INVITATIONS: Final = TaggedTable.of(invitations)
GROUPS: Final = TaggedTable.of(groups)
MEMBERS: Final = TaggedTable.of(members)
GRANTS: Final = TaggedTable.of(grants)
NAMESPACES: Final = TaggedTable.of(namespaces)
TAGGED: Final = (IDENTITIES, KEYS, INVITATIONS, GROUPS, MEMBERS, GRANTS, NAMESPACES)


class AuthorityTags:
    """Makes and checks tags. Thread-safe.

    It remembers which rows it has found to fit: what a row's values and its tag are to each other
    never changes, and the rows that every request reads are few.
    """

    def __init__(self, roots: RootKeyring, deployment_id: str) -> None:
        """Derive the keys from the root keys; the current one makes tags, and all of them check."""
        self._roots = roots
        self._deployment_id = deployment_id
        self._derived: dict[int, bytes] = {}
        self._fits = functools.lru_cache(maxsize=_REMEMBERED_ROWS)(self._tag_fits)

    @classmethod
    def of(cls, root_keys: RootKeys, deployment_id: str) -> AuthorityTags:
        """Return tags under root keys that stay as they are."""
        return cls(RootKeyring.of(root_keys), deployment_id)

    @property
    def current(self) -> bytes:
        """The 4 bytes that a tag made now begins with; UnavailableError as `tag`."""
        return self._roots.current.to_bytes(TAG_ROOT_BYTES, "big")

    def tag(self, table: TaggedTable, row: Mapping[str, Any]) -> bytes:
        """Return the tag of a row: the root version in 4 bytes, and 32 bytes of HMAC-SHA256.

        Raises:
            UnavailableError: if the current root key is not at hand.
        """
        values = tuple(row[name] for name in table.names)
        return self._tag(self._roots.current, table.table.name, table.names, values)

    def checked(self, table: TaggedTable, found: Sequence[Any]) -> Row:
        """Return a row that was read as `table.read`.

        Raises:
            SealError: if it is not as the server wrote it.
            UnavailableError: if its root key is not at hand.
        """
        values = tuple(found)
        self.check(table.table, table.names, values)
        return dict(zip(table.names, values, strict=False))  # the tag has no name

    def check(self, table: Table, names: tuple[str, ...], found: tuple[Any, ...]) -> None:
        """Return if a row's last value is the tag of those before it, which are of these columns.

        Raises:
            SealError, UnavailableError: as `checked`.
        """
        if not (self._is_known(found[-1]) and self._fits(table.name, names, found)):
            raise SealError(f"A row of {table.name} was altered: its tag does not fit.")

    def _is_known(self, tag: object) -> bool:
        """Tell whether a tag names a root key in use; not remembered, since those change."""
        return isinstance(tag, bytes) and self._roots.find(_version_of(tag)) is not None

    def _tag_fits(self, table: str, names: tuple[str, ...], found: tuple[Any, ...]) -> bool:
        *values, tag = found
        return hmac.compare_digest(tag, self._tag(_version_of(tag), table, names, values))

    def _tag(self, version: int, table: str, names: Sequence[str], values: Sequence[Any]) -> bytes:
        message = tagged_message(table, names, values)
        digest = hmac.digest(self._key(version), message, hashlib.sha256)
        return version.to_bytes(TAG_ROOT_BYTES, "big") + digest

    def _key(self, version: int) -> bytes:
        if version not in self._derived:
            root_key = self._roots.find(version)
            if root_key is None:
                raise SealError("A tag names a root key that this server does not have.")
            self._derived[version] = derive_authority_key(
                root_key, root_version=version, deployment_id=self._deployment_id
            )
        return self._derived[version]


def tagged_message(table: str, names: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return what a tag is the HMAC of (docs/sealing.md section 7.2)."""
    pairs = zip(names, values, strict=True)
    parts = [part for name, value in pairs for part in (name.encode(), _encoded(value))]
    return length_prefixed(TAG_LABEL, table.encode(), *parts)


def check_all(connection: Connection, tags: AuthorityTags) -> None:
    """Return if every row fits its tag, in the columns that its table has now.

    That is for older schemas: a table without tags is passed over, and has to be believed.

    Raises:
        SealError: if a row was altered.
    """
    tables = inspect(connection)
    for table in (tagged.table for tagged in TAGGED):
        if not tables.has_table(table.name):
            continue
        rows = connection.execute(select(text("*")).select_from(table))
        covered = tuple(sorted(set(rows.keys()) - _UNTAGGED))
        if "tag" in rows.keys():  # noqa: SIM118 - of a result, not a dict
            for row in rows.mappings():
                tags.check(table, covered, tuple(row[name] for name in (*covered, "tag")))


def tag_all(connection: Connection, tags: AuthorityTags) -> None:
    """Tag every row anew, trusting what is there."""
    for tagged in TAGGED:
        for found in connection.execute(select(*tagged.columns)).all():
            row = dict(zip(tagged.names, found, strict=True))
            here = and_(*(column == row[column.name] for column in tagged.table.primary_key))
            connection.execute(update(tagged.table).where(here), {"tag": tags.tag(tagged, row)})


def _version_of(tag: bytes) -> int:
    return int.from_bytes(tag[:TAG_ROOT_BYTES], "big")


def _encoded(value: str | int | bytes | None) -> bytes:
    """Return a value with its type, so that no two values of a column are encoded alike."""
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    return b"s" + value.encode("utf-8")
