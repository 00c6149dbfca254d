"""The database file: how it is made, and how a start finds out that it is not the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import insert, select, true
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import write_new_secret
from sealwire.storage.engine import driver_connection, inspection_engine, memory_engine
from sealwire.storage.old_pages import require_wiped
from sealwire.storage.revisions import (
    known_revisions,
    not_ours,
    require_current,
    require_known,
    upgrade_connection,
)
from sealwire.storage.root_keys import RootKeys, RootKeySource
from sealwire.storage.root_rows import add_root_key
from sealwire.storage.schema import authority, deployment

_INSERT_DEPLOYMENT: Final = insert(deployment)
_SELF: Final = select(deployment.c.id, authority.c.sequence).join_from(
    deployment, authority, true()
)


def create_database(path: Path, *, deployment_id: str, root_keys: RootKeys) -> None:
    """Create the file, mode 0600, whole or not at all; only public halves of keys go into it.

    Raises:
        ConfigurationError: if the path exists already, or can't be written.
    """
    with memory_engine().connect() as connection:
        upgrade_connection(connection)
        connection.execute(_INSERT_DEPLOYMENT, {"id": deployment_id})
        driver = driver_connection(connection)
        for version, public_key in root_keys.public_halves().items():
            add_root_key(driver, version, public_key=public_key)
        image = driver.serialize()
    write_new_secret(path, image)


class Checked(NamedTuple):
    """What a database says about itself: whose it is, and how often authority has changed."""

    deployment_id: str
    sequence: int
    root_keys: RootKeys


def check_database(path: Path, *, root_keys: RootKeySource) -> Checked:
    """Return what the file says, if this version and these root keys can serve it.

    Nothing is written, whatever is found.

    Raises:
        ConfigurationError: if the file is missing, not ours, of another schema, or was made with
            other root keys.
    """
    known = require_known(path, root_keys=root_keys)
    require_current(known.revision, path=path, known=known_revisions())
    try:
        require_wiped(path)
        with inspection_engine(path).connect() as connection:
            found = connection.execute(_SELF).all()
    except DatabaseError as error:
        raise not_ours(path) from error
    if len(found) != 1:
        raise not_ours(path)
    return Checked(*found[0], known.root_keys)


def require_not_older(path: Path, found: Checked, *, journalled: int) -> None:
    """Return if the database knows all that stands in the journal, up to `journalled`.

    Raises:
        ConfigurationError: if it is an older one.
    """
    if found.sequence < journalled:
        raise ConfigurationError(
            f"{path} is older than what this deployment has acknowledged: it knows "
            f"{found.sequence} changes of who may do what, and the journal {journalled}. Put the "
            "newest database back. If this one was restored on purpose, from a backup, then run: "
            f"sealwire-server restored {path.parent}"
        )
