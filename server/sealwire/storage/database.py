"""The database file: how it is made, and how a start finds out that it is not the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import write_new_secret
from sealwire.storage.engine import driver_connection, inspection_engine, memory_engine
from sealwire.storage.revisions import (
    known_revisions,
    not_ours,
    require_current,
    require_file,
    revision_of,
    upgrade_connection,
)
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.schema import deployment, root_keys

_INSERT_DEPLOYMENT: Final = insert(deployment)
_INSERT_ROOT_KEY: Final = insert(root_keys)


def create_database(path: Path, *, deployment_id: str, root_keys: RootKeys) -> None:
    """Create the file, mode 0600, whole or not at all; only public halves of keys go into it.

    Raises:
        ConfigurationError: if the path exists already, or can't be written.
    """
    with memory_engine().connect() as connection:
        upgrade_connection(connection)
        connection.execute(_INSERT_DEPLOYMENT, {"id": deployment_id})
        for version, public_key in root_keys.public_halves().items():
            connection.execute(_INSERT_ROOT_KEY, {"version": version, "public_key": public_key})
        image = driver_connection(connection).serialize()
    write_new_secret(path, image)


def check_database(path: Path, *, root_keys: RootKeys) -> str:
    """Return the deployment's id, if this version and these root keys can serve this file.

    Nothing is written, whatever is found.

    Raises:
        ConfigurationError: if the file is missing, not ours, of another schema, or was made with
            other root keys.
    """
    require_file(path)
    try:
        with inspection_engine(path).connect() as connection:
            require_current(revision_of(connection), path=path, known=known_revisions())
            _require_same_root_keys(connection, root_keys)
            deployment_ids = connection.execute(select(deployment.c.id)).scalars().all()
    except DatabaseError as error:
        raise not_ours(path) from error
    if len(deployment_ids) != 1:
        raise not_ours(path)
    return str(deployment_ids[0])


def _require_same_root_keys(connection: Connection, given: RootKeys) -> None:
    rows = connection.execute(select(root_keys.c.version, root_keys.c.public_key))
    if {row.version: row.public_key for row in rows} != given.public_halves():
        raise ConfigurationError(
            "The database was made with other root keys than these; nothing was changed. "
            "Start with the root key file that belongs to it: no other opens its records."
        )
