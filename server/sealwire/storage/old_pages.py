"""Pages of the file that hold what has left the database: they are wiped, or nobody goes on.

A mark in the file's header (SQLite's user_version) says that there may be such pages. It is set in
the transaction that takes something out, and removed when the file was written anew.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.storage.engine import driver_connection, inspection_engine, writer_engine

_MARKED: Final = 1
_ON_DISK: Final = 1


def mark(connection: Connection) -> None:
    """Say, within a transaction, that old pages will hold what is taken out."""
    driver_connection(connection).execute(f"PRAGMA user_version = {_MARKED}")


def is_marked(path: Path) -> bool:
    """Tell whether old pages may hold what was taken out; DatabaseError if it can't be read."""
    with inspection_engine(path).connect() as connection:
        found = driver_connection(connection).execute("PRAGMA user_version").fetchone()
    return bool(found == (_MARKED,))


def require_wiped(path: Path) -> None:
    """Return unless the file is marked; ConfigurationError otherwise."""
    if is_marked(path):
        raise ConfigurationError(
            f"{path} was migrated, but that was not finished: it may still hold salts of "
            "identities in pages that are not in use. Run again: sealwire-server migrate"
        )


def wipe(path: Path) -> None:
    """Write the whole file anew, without what it does not need, and empty its log.

    Raises:
        ConfigurationError: if that can't be done now; the mark is still there then.
    """
    try:
        with writer_engine(path).connect() as connection:
            driver = driver_connection(connection)
            # What VACUUM writes first is as large as the database, and holds no more than that.
            driver.execute(f"PRAGMA temp_store = {_ON_DISK}")
            driver.execute("VACUUM")
            (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise sqlite3.OperationalError("another process is using it")
            driver.execute("PRAGMA user_version = 0")
    except (sqlite3.Error, DatabaseError) as error:
        why = error.orig if isinstance(error, DatabaseError) else error
        raise ConfigurationError(
            f"{path} has this version's schema now, but may still hold salts of identities in "
            f"pages that are not in use: {why}. Run it again when that is mended."
        ) from error
