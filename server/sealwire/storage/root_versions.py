"""The versions of root keys in a database file: looked at, added and retired, with its own doors.

Each is a transaction of its own, beside whoever else has the database open.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.storage.dependants import dependants
from sealwire.storage.engine import driver_connection, writer_engine
from sealwire.storage.revisions import known_revisions, ours, require_current
from sealwire.storage.root_keys import RootKeySource, load_named
from sealwire.storage.root_rows import add_root_key, named_root_keys, remove_root_key
from sealwire.storage.schema import deployment
from sealwire.storage.tagging import AuthorityTags


class RootVersion(NamedTuple):
    """A version that the database names; `dependants` says how many of what need it."""

    version: int
    is_current: bool
    public_key: bytes
    dependants: dict[str, int]


def root_versions(path: Path, *, root_keys: RootKeySource) -> list[RootVersion]:
    """Return every version that the database names, from the oldest, as one state has them.

    It needs the key of the highest, no other, and changes nothing.

    Raises:
        ConfigurationError: if it is not one of ours, of another version's schema, or names another
            key.
    """
    with ours(path) as (connection, revision):
        require_current(revision, path=path, known=known_revisions())
        driver = driver_connection(connection)
        named = named_root_keys(driver)
        highest = load_named(root_keys, {version: named[version] for version in [*named][-1:]})
        deployment_id = connection.execute(select(deployment.c.id)).scalar_one()
        needed = dependants(driver, AuthorityTags.of(highest, deployment_id))
    return [
        RootVersion(version, version == max(named), public_key, needed.get(version, {}))
        for version, public_key in named.items()
    ]


def add_root_version(path: Path, version: int, *, public_key: bytes) -> None:
    """Name the version behind the highest; from the commit on it is the one that seals.

    Raises:
        ConfigurationError: if another one was added meanwhile, or the database can't be written.
    """
    with _changing(path) as driver:
        if version != max(named_root_keys(driver)) + 1:
            raise ConfigurationError("The root keys were changed meanwhile; look, and try again.")
        add_root_key(driver, version, public_key=public_key)


def remove_root_version(path: Path, version: int) -> None:
    """Name a version no more on which nothing depends, as `root_versions` said.

    Nothing can have come to depend on it since, for every writer seals under the highest version
    that it finds in its own transaction.

    Raises:
        ConfigurationError: if it is the one that seals, or the database can't be written.
    """
    with _changing(path) as driver:
        if version >= max(named_root_keys(driver)):
            raise ConfigurationError(f"Root key version {version} seals; it can't be removed.")
        remove_root_key(driver, version)


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with writer_engine(path).connect() as connection:
            driver = driver_connection(connection)
            driver.execute("BEGIN IMMEDIATE")
            yield driver
            driver.execute("COMMIT")
    except (DatabaseError, sqlite3.Error) as error:
        why = error.orig if isinstance(error, DatabaseError) else error
        raise ConfigurationError(
            f"{path} can't be written now: {why}. Look what became of it, and try again."
        ) from error
