"""What depends on which root key: everything sealed by its header, every tag by its first bytes.

A kind of thing that is sealed and not in `SEALED` would become unreadable when its root key is
retired; a test compares the list with the schema. What is sealed to an erased identity depends on
none: it is unreadable already.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, func, literal_column, select

from sealwire.core.errors import SealError
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import IdentityState
from sealwire.storage.schema import answers, identities, keys, namespaces, record_versions
from sealwire.storage.tagging import (
    IDENTITIES,
    KEYS,
    TAG_ROOT_BYTES,
    TAGGED,
    AuthorityTags,
    Row,
    TaggedTable,
)

Dependants = dict[int, dict[str, int]]
"""For each version: how many things depend on it, by kind."""


class SealedColumn(NamedTuple):
    """A column of blobs, NULL where there is none, and what they are called."""

    kind: str
    column: Column[Any]


# docs/sealing.md section 3
_OF_BLOB: Final = slice(6, 10)
_OWNER: Final = slice(10, 42)

SEALED: Final = (
    SealedColumn("record values", record_versions.c.blob),
    SealedColumn("record metadata", record_versions.c.metadata),
    SealedColumn("record names", record_versions.c.sealed_name),
    SealedColumn("name keys of namespaces", namespaces.c.name_key),
    SealedColumn("answers", answers.c.response),
)


def dependants(driver: sqlite3.Connection, tags: AuthorityTags) -> Dependants:
    """Return what depends on each version, whether the database names it or not.

    Large blobs are not read through. What is too damaged to name a version depends on none. `tags`
    tell which identities were really erased.
    """
    found: Dependants = {}
    erased = _keys_of_erased(driver, tags)
    for sealed in SEALED:
        for version, count in Counter(_sealed_under(driver, sealed.column, erased)).items():
            found.setdefault(version, {})[sealed.kind] = count
    for tagged in TAGGED:
        named: ColumnElement[bytes] = func.substr(tagged.table.c.tag, 1, TAG_ROOT_BYTES)
        counts = Prepared.of(select(named, func.count()).group_by(named))
        for version_bytes, count in counts.rows(driver):
            there = found.setdefault(int.from_bytes(version_bytes or b"", "big"), {})
            there[f"tags of {tagged.table.name}"] = count
    found.pop(0, None)
    return found


def _keys_of_erased(driver: sqlite3.Connection, tags: AuthorityTags) -> frozenset[bytes]:
    """Return the public keys that erased identities ever had, as far as the server said it."""
    erased = _checked(driver, tags, IDENTITIES, identities.c.state == IdentityState.ERASED)
    return frozenset(
        row["public_key"]
        for identity in erased
        for row in _checked(driver, tags, KEYS, keys.c.identity_id == identity["id"])
    )


def _checked(
    driver: sqlite3.Connection,
    tags: AuthorityTags,
    table: TaggedTable,
    where: ColumnElement[bool],
) -> Iterator[Row]:
    for found in Prepared.of(select(*table.read).where(where)).rows(driver):
        with contextlib.suppress(SealError):  # then the row says nothing
            yield tags.checked(table, found)


def _sealed_under(
    driver: sqlite3.Connection, column: Column[Any], erased: frozenset[bytes]
) -> Iterator[int]:
    table = column.table.name
    there = Prepared.of(
        select(literal_column("rowid")).select_from(column.table).where(column.is_not(None))
    )
    for (rowid,) in there.rows(driver):
        with driver.blobopen(table, column.name, rowid, readonly=True) as blob:
            header = blob.read(_OWNER.stop)
        if header[_OWNER] not in erased:
            yield int.from_bytes(header[_OF_BLOB], "big")
