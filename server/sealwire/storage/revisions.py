"""The schema's revisions: what a database is at, what this version expects, and the way there."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError, SealError, UnavailableError
from sealwire.storage.engine import driver_connection, inspection_engine, writer_engine
from sealwire.storage.old_pages import is_marked, wipe
from sealwire.storage.root_keys import RootKeys, RootKeySource, load_named
from sealwire.storage.root_rows import named_root_keys
from sealwire.storage.salts import SaltStore
from sealwire.storage.schema import deployment
from sealwire.storage.tagging import AuthorityTags, check_all, tag_all

_PROGRAMS: Final = text("SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view')")
_MIGRATIONS: Final = "sealwire.storage:migrations"
"""Found through the package, so that an installed wheel serves as well."""


def current_revision(path: Path) -> str | None:
    """Return the revision that the database is at; None if it is not one of ours.

    Raises:
        ConfigurationError: if there is no such file, or it is not a database.
    """
    require_file(path)
    try:
        with inspection_engine(path).connect() as connection:
            return revision_of(connection)
    except DatabaseError as error:
        raise not_ours(path) from error


def upgrade(path: Path, *, root_keys: RootKeySource, salts: SaltStore) -> None:
    """Bring the database to this version's schema, in one transaction; there is no way back.

    The first schema had no tags: what it says is believed. Later ones' are checked, and made anew.
    It may hold salts, which go to `salts` first; then the file is written anew. Killed at any
    moment, it is finished by doing it again.

    Raises:
        ConfigurationError: if it is not one of ours, a newer version's, or was made with other
            root keys; if salts can't be kept; or if the file can't be written anew.
    """
    if require_known(path, root_keys=root_keys).revision != known_revisions()[-1]:
        salts.make()
        _migrate(path, root_keys, salts)
    if is_marked(path):
        wipe(path)


def _migrate(path: Path, root_keys: RootKeySource, salts: SaltStore) -> None:
    try:
        with writer_engine(path).connect() as connection:
            upgrade_connection(connection, root_keys, salts)
    except (DatabaseError, SealError, UnavailableError) as error:
        why = f"{error.orig}." if isinstance(error, DatabaseError) else error
        raise ConfigurationError(
            f"{path} can't be upgraded, and was left as it is: {why}"
        ) from error


def upgrade_connection(
    connection: Connection,
    root_keys: RootKeySource | None = None,
    salts: SaltStore | None = None,
) -> None:
    """Bring the database behind `connection` to this version's schema, or leave it as it is.

    Without `root_keys` and `salts` it must be empty.
    """
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["salts"] = salts
    with connection.begin():  # Alembic leaves a transaction alone that it finds open
        driver = driver_connection(connection)
        driver.execute("BEGIN IMMEDIATE")
        tags = None if root_keys is None else _tags(connection, root_keys)
        if tags is not None:
            check_all(connection, tags)  # else whatever was altered would be the server's own word
        command.upgrade(config, "head")
        if tags is not None:
            tag_all(connection, tags)


def _tags(connection: Connection, root_keys: RootKeySource) -> AuthorityTags:
    named = load_named(root_keys, named_root_keys(driver_connection(connection)))
    return AuthorityTags.of(named, connection.execute(select(deployment.c.id)).scalar_one())


class Known(NamedTuple):
    """What a database is at, and the root keys that it names."""

    revision: str
    root_keys: RootKeys


def require_known(path: Path, *, root_keys: RootKeySource) -> Known:
    """Return what a database is that is ours and not newer, and whose root keys are at hand.

    Nothing is written, whatever is found.

    Raises:
        ConfigurationError: if it is anything else.
    """
    with ours(path) as (connection, revision):
        named = named_root_keys(driver_connection(connection))
        return Known(revision, load_named(root_keys, named))


@contextlib.contextmanager
def ours(path: Path) -> Iterator[tuple[Connection, str]]:
    """Open, for a `with` block, a database that is ours and not newer; with its revision.

    Nothing is written, whatever is found; what the block reads is one state of the database.

    Raises:
        ConfigurationError: if it is anything else.
    """
    require_file(path)
    try:
        with inspection_engine(path).connect() as connection:
            driver_connection(connection).execute("BEGIN")
            found = revision_of(connection)
            if found is None:
                raise not_ours(path)
            if found not in known_revisions():
                raise _newer(path)
            _require_no_programs(connection, path=path)
            yield connection, found
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise not_ours(path) from error


def require_current(found: str, *, path: Path, known: Sequence[str]) -> None:
    """Return if `found` is the last of the `known` revisions, which are in order.

    Raises:
        ConfigurationError: if it is an older one.
    """
    if found != known[-1]:
        raise ConfigurationError(
            f"{path} has the schema of an older version of Sealwire (revision {found}, and "
            f"{known[-1]} is needed). Make a backup, then run: sealwire-server migrate"
        )


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this version knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(script.revision for script in scripts)[::-1]


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database behind `connection`; None if it names none."""
    return MigrationContext.configure(connection).get_current_revision()


def require_file(path: Path) -> None:
    """Return if `path` is a file; ConfigurationError otherwise."""
    if not path.is_file():
        raise ConfigurationError(
            f"There is no database at {path}; create one with: sealwire-server init"
        )


def not_ours(path: Path) -> ConfigurationError:
    """Return the error for a file that is no database of Sealwire's, or not any more."""
    return ConfigurationError(
        f"{path} is not a Sealwire database, is damaged, or can't be read; it was left as it is."
    )


def _require_no_programs(connection: Connection, *, path: Path) -> None:
    """Refuse triggers and views: none are ours, and they could undo what is acknowledged."""
    found = connection.execute(_PROGRAMS).scalar()
    if found is not None:
        raise ConfigurationError(
            f"{path} holds a trigger or view, {found!r}, that Sealwire did not make: somebody "
            "changed the database. Put a copy back that is known to be good."
        )


def _newer(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} was made by a newer version of Sealwire; it was left as it is. "
        "Install that version again."
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    return config
