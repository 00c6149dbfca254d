"""The rows that say which root keys there are, as one transaction sees them."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from sealwire.storage.prepared import Prepared
from sealwire.storage.schema import root_keys

_NAMED: Final = Prepared.of(select(root_keys.c.version, root_keys.c.public_key))
_ADD: Final = Prepared.of(
    insert(root_keys).values(version=bindparam("version"), public_key=bindparam("public_key"))
)
_REMOVE: Final = Prepared.of(delete(root_keys).where(root_keys.c.version == bindparam("version")))


def named_root_keys(driver: sqlite3.Connection) -> dict[int, bytes]:
    """Return the public half of each version that the database names, from the oldest."""
    return dict(sorted(_NAMED.rows(driver)))


def add_root_key(driver: sqlite3.Connection, version: int, *, public_key: bytes) -> None:
    """Name one more version; it must be the highest."""
    _ADD.count(driver, version=version, public_key=public_key)


def remove_root_key(driver: sqlite3.Connection, version: int) -> None:
    """Name a version no more."""
    _REMOVE.count(driver, version=version)
