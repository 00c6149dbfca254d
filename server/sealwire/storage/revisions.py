"""The schema's revisions: what a database is at, what this version expects, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.storage.engine import driver_connection, inspection_engine, writer_engine

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


def upgrade(path: Path) -> None:
    """Bring the database to this version's schema, in one transaction; there is no way back.

    Raises:
        ConfigurationError: if it is not one of ours, or a newer version's.
    """
    found = current_revision(path)
    if found is None:
        raise not_ours(path)
    if found not in known_revisions():
        raise _newer(path)
    with writer_engine(path).connect() as connection:
        upgrade_connection(connection)


def upgrade_connection(connection: Connection) -> None:
    """Bring the database behind `connection` to this version's schema, or leave it as it is."""
    config = _config()
    config.attributes["connection"] = connection
    with connection.begin():  # Alembic leaves a transaction alone that it finds open
        driver_connection(connection).execute("BEGIN IMMEDIATE")
        command.upgrade(config, "head")


def require_current(found: str | None, *, path: Path, known: Sequence[str]) -> None:
    """Return if `found` is the last of the `known` revisions, which are in order.

    Raises:
        ConfigurationError: if it is an older one, a newer one, or none.
    """
    if found is None:
        raise not_ours(path)
    if found not in known:
        raise _newer(path)
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


def _newer(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} was made by a newer version of Sealwire; it was left as it is. "
        "Install that version again."
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    return config
