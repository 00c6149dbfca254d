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

from sqlalchemy import Column, Connection, Table, and_, select, update

from sealwire.core.derivation import derive_authority_key
from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import SealError
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
_VERSION_BYTES: Final = 4
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

    def __init__(self, current: int, keys: Mapping[int, bytes]) -> None:
        """Take each root version's key; the `current` one makes tags, and all of them check."""
        self._current = current
        self._keys = keys
        self._fits = functools.lru_cache(maxsize=_REMEMBERED_ROWS)(self._tag_fits)

    @classmethod
    def of(cls, root_keys: RootKeys, deployment_id: str) -> AuthorityTags:
        """Derive the keys from the root keys."""
        derived = {
            version: derive_authority_key(key, root_version=version, deployment_id=deployment_id)
            for version, key in root_keys.by_version.items()
        }
        return cls(root_keys.current, derived)

    def tag(self, table: TaggedTable, row: Mapping[str, Any]) -> bytes:
        """Return the tag of a row: the root version in 4 bytes, and 32 bytes of HMAC-SHA256."""
        values = tuple(row[name] for name in table.names)
        return self._tag(self._current, table.table.name, table.names, values)

    def checked(self, table: TaggedTable, found: Sequence[Any]) -> Row:
        """Return a row that was read as `table.read`.

        Raises:
            SealError: if it is not as the server wrote it.
        """
        values = tuple(found)
        if not self._fits(table.table.name, table.names, values):
            raise SealError(f"A row of {table.table.name} was altered: its tag does not fit.")
        return dict(zip(table.names, values, strict=False))  # the tag has no name

    def _tag_fits(self, table: str, names: tuple[str, ...], found: tuple[Any, ...]) -> bool:
        *values, tag = found
        if not isinstance(tag, bytes):
            return False
        version = int.from_bytes(tag[:_VERSION_BYTES], "big")
        if version not in self._keys:
            return False
        return hmac.compare_digest(tag, self._tag(version, table, names, values))

    def _tag(self, version: int, table: str, names: Sequence[str], values: Sequence[Any]) -> bytes:
        message = tagged_message(table, names, values)
        digest = hmac.digest(self._keys[version], message, hashlib.sha256)
        return version.to_bytes(_VERSION_BYTES, "big") + digest


def tagged_message(table: str, names: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return what a tag is the HMAC of (docs/sealing.md section 7.2)."""
    pairs = zip(names, values, strict=True)
    parts = [part for name, value in pairs for part in (name.encode(), _encoded(value))]
    return length_prefixed(TAG_LABEL, table.encode(), *parts)


def tag_all(connection: Connection, tags: AuthorityTags) -> None:
    """Tag every row anew, trusting what is there."""
    for tagged in TAGGED:
        for found in connection.execute(select(*tagged.columns)).all():
            row = dict(zip(tagged.names, found, strict=True))
            here = and_(*(column == row[column.name] for column in tagged.table.primary_key))
            connection.execute(update(tagged.table).where(here), {"tag": tags.tag(tagged, row)})


def _encoded(value: str | int | bytes | None) -> bytes:
    """Return a value with its type, so that no two values of a column are encoded alike."""
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    return b"s" + value.encode("utf-8")
