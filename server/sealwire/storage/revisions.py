"""The schema's revisions: what a database is at, what this version expects, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.storage.engine import driver_connection, inspection_engine, writer_engine
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.schema import deployment
from sealwire.storage.schema import root_keys as root_keys_table
from sealwire.storage.tagging import AuthorityTags, tag_all

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


def upgrade(path: Path, *, root_keys: RootKeys) -> None:
    """Bring the database to this version's schema, in one transaction; there is no way back.

    An older schema may lack tags, or have others: what it says is believed, and tagged anew.

    Raises:
        ConfigurationError: if it is not one of ours, a newer version's, or was made with other
            root keys.
    """
    if require_known(path, root_keys=root_keys) == known_revisions()[-1]:
        return
    with inspection_engine(path).connect() as connection:
        deployment_id = str(connection.execute(select(deployment.c.id)).scalar_one())
    try:
        with writer_engine(path).connect() as connection:
            upgrade_connection(connection, AuthorityTags.of(root_keys, deployment_id))
    except DatabaseError as error:
        raise ConfigurationError(
            f"{path} can't be upgraded, and was left as it is: {error.orig}."
        ) from error


def upgrade_connection(connection: Connection, tags: AuthorityTags | None = None) -> None:
    """Bring the database behind `connection` to this version's schema, or leave it as it is."""
    config = _config()
    config.attributes["connection"] = connection
    with connection.begin():  # Alembic leaves a transaction alone that it finds open
        driver_connection(connection).execute("BEGIN IMMEDIATE")
        command.upgrade(config, "head")
        if tags is not None:
            tag_all(connection, tags)


def require_known(path: Path, *, root_keys: RootKeys) -> str:
    """Return the revision of a database that is ours, was made with these root keys, and not newer.

    Nothing is written, whatever is found.

    Raises:
        ConfigurationError: if it is anything else.
    """
    require_file(path)
    try:
        with inspection_engine(path).connect() as connection:
            found = revision_of(connection)
            if found is None:
                raise not_ours(path)
            if found not in known_revisions():
                raise _newer(path)
            _require_no_programs(connection, path=path)
            _require_same_root_keys(connection, root_keys)
    except DatabaseError as error:
        raise not_ours(path) from error
    return found


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


def known_revisions() -> list[str]:
    """Return the revisions that this version knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


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


def _require_same_root_keys(connection: Connection, given: RootKeys) -> None:
    rows = connection.execute(select(root_keys_table.c.version, root_keys_table.c.public_key))
    if {row.version: row.public_key for row in rows} != given.public_halves():
        raise ConfigurationError(
            "The database was made with other root keys than these; nothing was changed. "
            "Start with the root key file that belongs to it: no other opens its records."
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
