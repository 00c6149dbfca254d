"""Connections to the SQLite file, with the settings that the promises of storage rest on.

All connections are in the driver's autocommit mode: whoever runs units says BEGIN and COMMIT.
"""

from __future__ import annotations

import functools
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import sync_directory

BUSY_TIMEOUT_SECONDS: Final = 5.0
_OLDEST_SQLITE: Final = (3, 37, 0)  # the first with STRICT tables

_Settings = dict[str, int | str]

_COMMON: Final[_Settings] = {
    "foreign_keys": 1,
    "trusted_schema": 0,
    "secure_delete": 1,
    "temp_store": 2,  # in memory
}
# synchronous=FULL: in WAL mode, COMMIT returns after fsync; NORMAL loses commits in a power cut.
# A checkpoint costs two fsyncs, and writes a page once however often it changed: so every 16 MiB.
_WRITER: Final = _COMMON | {"journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 4096}
_READER: Final = _COMMON | {"query_only": 1}


def writer_engine(path: Path) -> Engine:
    """Return an engine whose connections write durably; it creates no file."""
    return _engine(functools.partial(_connect_writer, path))


def reader_engine(path: Path) -> Engine:
    """Return an engine whose connections refuse to write."""
    return _engine(functools.partial(_connect, path, mode="rw", settings=_READER))


def inspection_engine(path: Path) -> Engine:
    """Return an engine that changes no byte of the database, not even by recovering it."""
    return _engine(functools.partial(_connect, path, mode="ro", settings=_READER))


def memory_engine() -> Engine:
    """Return an engine whose connections each have an empty database of their own."""
    return _engine(functools.partial(sqlite3.connect, ":memory:", isolation_level=None))


def settle_log(driver: sqlite3.Connection) -> None:
    """Let a new connection show nothing that is not on stable storage, and decide what was open.

    SQLite takes for committed what it finds whole in its log. That may be what a killed process had
    not synced yet, or what could not be synced: a later fsync succeeds without having written it.
    So what counts is copied into the database, and synced there; and unless somebody reads just
    now, the log is emptied, so that what does not count never will.

    Raises:
        sqlite3.OperationalError: if that can't be done now.
    """
    driver.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()  # which opens the log
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        # No room to copy it, which reading need not wait for: the log itself was synced before.
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
    driver.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """Return the sqlite3 connection under `connection`, for BEGIN, SAVEPOINT and COMMIT."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for mypy; all engines are ours
    return driver


def _engine(connect: functools.partial[sqlite3.Connection]) -> Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigurationError(
            f"This Python comes with SQLite {sqlite3.sqlite_version}; 3.37 or newer is needed."
        )
    return create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # salts and digests stay out of error texts
    )


def _connect_writer(path: Path) -> sqlite3.Connection:
    driver = _connect(path, mode="rw", settings=_WRITER)
    try:
        # For the log, which is there now: SQLite syncs its entry, and does not look if that failed.
        sync_directory(path.parent)
    except BaseException:  # whatever it is, the connection is of no use
        driver.close()
        raise
    return driver


def _connect(path: Path, *, mode: str, settings: _Settings) -> sqlite3.Connection:
    driver = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        # Opened by whoever opens the store, so that failures show there; used by one lane only.
        check_same_thread=False,
    )
    try:
        for name, value in settings.items():
            _set(driver, name, value)
    except BaseException:  # whatever it is, no connection without its settings is left open
        driver.close()
        raise
    return driver


def _set(driver: sqlite3.Connection, name: str, value: int | str) -> None:
    driver.execute(f"PRAGMA {name} = {value}")
    (actual,) = driver.execute(f"PRAGMA {name}").fetchone()
    if actual != value:
        raise ConfigurationError(
            f"SQLite does not set {name} to {value} for this file, which the store needs."
        )
