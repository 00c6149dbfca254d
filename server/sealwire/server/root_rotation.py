"""Rotating and retiring root keys; either may be killed at any moment, and is run again then.

Rotating:  1  roots/N.key is written      2  the database names the version, which seals from now on
Retiring:  1  the database names the version no more      2  its file is overwritten and removed

A key that the database does not name is not used. Killed between the steps, the command leaves such
a file; run again, rotating uses it, and retiring destroys it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import Random
from sealwire.server.change_lock import change_lock
from sealwire.server.deployment import Deployment, load_deployment
from sealwire.storage import (
    RootVersion,
    add_root_version,
    check_database,
    public_half,
    remove_root_version,
    root_versions,
)

Confirm = Callable[[str], None]
"""Given what will happen; raises unless somebody agrees."""


class Rotated(NamedTuple):
    """The version that seals from now on; `was_there` says that its key had been made before."""

    version: int
    was_there: bool


class Retired(NamedTuple):
    """Whether the key itself was destroyed; `by_hand` is where somebody has to remove it, if so."""

    is_destroyed: bool
    by_hand: str | None


def rotate_root_key(directory: Path, *, random: Random) -> Rotated:
    """Add a version of the root key; whatever is sealed from now on is sealed under it.

    That includes a server that is running. If an earlier rotation was killed, it is finished.

    Raises:
        ConfigurationError: if the root keys in use are not at hand, the new one can't be made or
            written, or another change of the deployment's keys is under way.
    """
    with change_lock(directory):
        deployment = load_deployment(directory)
        present = check_database(deployment.database, root_keys=deployment.root_keys).root_keys
        version = present.current + 1
        key, was_there = deployment.root_keys.provide(version, random=random)
        add_root_version(deployment.database, version, public_key=public_half(key))
    return Rotated(version, was_there)


def retire_root_key(directory: Path, version: int, *, confirm: Confirm) -> Retired:
    """Use a version of the root key no more, and destroy its key, if nothing depends on it.

    If an earlier attempt was killed, it is finished.

    Raises:
        ConfigurationError: if something depends on the version, or it is the one that seals; if
            there is none of it; or its key can't be destroyed.
    """
    with change_lock(directory):
        deployment = load_deployment(directory)
        versions = root_versions(deployment.database, root_keys=deployment.root_keys)
        named = {found.version: found for found in versions}
        if version in named:
            _require_unneeded(named[version], deployment)
            confirm(
                f"Root key version {version} is destroyed for good. Backups that were made while "
                "anything was sealed under it do not open without it."
            )
            remove_root_version(deployment.database, version)
        elif version >= max(named):
            raise _unknown(version, deployment)
        keys = deployment.root_keys
        is_destroyed = keys.discard(version)
    if version not in named and not is_destroyed:
        raise _unknown(version, deployment)
    return Retired(is_destroyed, None if keys.is_writable else keys.name)


def _require_unneeded(found: RootVersion, deployment: Deployment) -> None:
    if found.is_current:
        raise ConfigurationError(
            f"Root key version {found.version} seals, so it can't be retired; first run: "
            f"sealwire-server root rotate {deployment.directory}"
        )
    if found.dependants:
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(found.dependants.items()))
        raise ConfigurationError(
            f"Root key version {found.version} is needed for what is sealed or tagged under it: "
            f"{what}. Nothing was changed; first run: sealwire-server reseal "
            f"{deployment.directory}"
        )


def _unknown(version: int, deployment: Deployment) -> ConfigurationError:
    return ConfigurationError(
        f"There is no root key version {version} in use; look with: sealwire-server root list "
        f"{deployment.directory}"
    )
