"""Hot backups: a copy of one committed state, made beside a running server."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import sync_directory
from sealwire.storage.engine import driver_connection, reader_engine
from sealwire.storage.revisions import require_known
from sealwire.storage.root_keys import RootKeySource

_PAGES: Final = 1_000
_COMPANIONS: Final = ("", "-journal", "-wal", "-shm")

Progress = Callable[[int, int], None]
"""Given how many pages were copied, and how many there are."""


def back_up(path: Path, target: Path, *, root_keys: RootKeySource, progress: Progress) -> None:
    """Copy a database to `target`, mode 0600, whole or not at all; it is checked before it appears.

    Neither readers nor writers wait for it. The schema may be an older version's.

    Raises:
        ConfigurationError: if the database is not ours, the target exists or can't be written, or
            the copy is not whole.
    """
    require_known(path, root_keys=root_keys)
    if target.exists():
        raise _exists(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        _create(temporary)
        _copy(path, temporary, progress)
        _require_whole(temporary)
        require_known(temporary, root_keys=root_keys)
        _publish(temporary, target)
    except OSError as error:
        raise ConfigurationError(f"{target} can't be written: {error.strerror}.") from error
    except (sqlite3.Error, DatabaseError) as error:
        why = error.orig if isinstance(error, DatabaseError) else error
        raise ConfigurationError(f"The backup was not made: {why}.") from error
    finally:
        for suffix in _COMPANIONS:
            with contextlib.suppress(OSError):  # the error that is under way says more
                temporary.with_name(temporary.name + suffix).unlink()


def _create(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def _copy(path: Path, target: Path, progress: Progress) -> None:
    def report(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    with reader_engine(path).connect() as connection, _opened(target) as copy:
        source = driver_connection(connection)
        copy.execute("PRAGMA journal_mode = OFF")
        # One transaction holds one state; without it, each write would start the copy anew.
        source.execute("BEGIN")
        source.execute("SELECT id FROM deployment").fetchone()
        source.backup(copy, pages=_PAGES, progress=report)
        source.execute("ROLLBACK")


def _require_whole(path: Path) -> None:
    with _opened(path) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
        found = copy.execute("PRAGMA integrity_check(1)").fetchall()
    if found != [("ok",)]:
        raise ConfigurationError(
            f"The backup was not made, because the database is damaged: {found[0][0]}"
        )


def _publish(temporary: Path, target: Path) -> None:
    _sync_file(temporary)
    try:
        os.link(temporary, target, follow_symlinks=False)  # which never replaces anything
    except FileExistsError:
        raise _exists(target) from None
    sync_directory(target.parent)


def _opened(path: Path) -> contextlib.closing[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(target: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{target} exists already and was left as it is; choose another name."
    )
