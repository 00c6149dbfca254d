"""`sealwire-server root`: the keys that everything is sealed under."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwire.server.command_line import DIRECTORY, OUTPUT

if TYPE_CHECKING:  # a command loads what it needs when it is run
    from sealwire.storage import RootVersion


@click.group()
def root() -> None:
    """The root keys, from which every sealing key follows."""


@root.command()
@DIRECTORY
def rotate(directory: Path) -> None:
    """Add a version of the root key to the deployment in DIR; it seals from now on.

    The server may be running: it seals under the new version from its next transaction on. What is
    sealed under older ones stays readable, and is moved by `reseal`. Killed midway, it is finished
    by running it again.
    """
    from sealwire.server.root_rotation import rotate_root_key

    rotated = rotate_root_key(directory, random=os.urandom)
    if rotated.was_there:
        click.echo(f"The key of version {rotated.version} had been made before, and is used.")
    click.echo(f"Root key version {rotated.version} seals from now on. Copy it to where you keep")
    click.echo("the others; without it, what is sealed from now on is lost.")
    click.echo("What is sealed under older versions is moved to it with:")
    click.echo(f"  sealwire-server reseal {directory}")


@root.command("list")
@DIRECTORY
@OUTPUT
def list_versions(directory: Path, form: str) -> None:
    """Show the versions of the root key in DIR, and how much depends on each.

    It changes nothing; the server may be running.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.storage import root_versions

    deployment = load_deployment(directory)
    versions = root_versions(deployment.database, root_keys=deployment.root_keys)
    if form == "json":
        click.echo(json.dumps({"versions": [_document(found) for found in versions]}, indent=2))
        return
    for found in versions:
        click.echo(f"version {found.version}" + (", which seals" if found.is_current else ""))
        click.echo(f"  public key  {found.public_key.hex()}")
        for kind, count in sorted(found.dependants.items()):
            click.echo(f"  {count:>10}  {kind}")
        if not found.dependants:
            click.echo("  nothing depends on it")


@root.command()
@DIRECTORY
@click.argument("version", type=click.IntRange(min=1))
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask.")
def retire(directory: Path, version: int, *, confirmed: bool) -> None:
    """Destroy the root key VERSION of the deployment in DIR, on which nothing depends any more.

    As long as anything does, it refuses, and says how much. The server may be running. The file is
    overwritten with zeros; copies of it that a disk, a file system or a backup keeps are not.
    Killed midway, it is finished by running it again.
    """
    from sealwire.server.confirmation import confirm, without_asking
    from sealwire.server.root_rotation import retire_root_key

    ask = without_asking if confirmed else confirm
    retired = retire_root_key(directory, version, confirm=ask)
    click.echo(f"Root key version {version} is not used any more.")
    if retired.is_destroyed:
        click.echo("Its file was overwritten and removed.")
    elif retired.by_hand is not None:
        click.echo(f"Remove it from {retired.by_hand}: that can't be done from here.")


@root.command()
@DIRECTORY
def wrap(directory: Path) -> None:
    """Put the root keys of the deployment in DIR under a passphrase.

    `root_keys.passphrase` in sealwire.toml says where that comes from; by default a terminal. It is
    needed whenever the server, or a command that opens the database, starts. Lose it, and every
    record is lost. Killed midway, it is finished by running it again.
    """
    from sealwire.server.root_wrapping import wrap_root_keys

    versions = wrap_root_keys(directory, random=os.urandom)
    click.echo(_told(versions, "put under the passphrase"))
    if versions:
        click.echo("Start the server again: without the passphrase, it can't take up a rotation.")


@root.command()
@DIRECTORY
def unwrap(directory: Path) -> None:
    """Take the root keys of the deployment in DIR from under their passphrase."""
    from sealwire.server.root_wrapping import unwrap_root_keys

    click.echo(_told(unwrap_root_keys(directory), "taken from under the passphrase"))


def _told(versions: list[int], what: str) -> str:
    if not versions:
        return "There was nothing to do."
    return f"Root keys that were {what}: version {', '.join(map(str, versions))}."


def _document(found: RootVersion) -> dict[str, object]:
    return {
        "version": found.version,
        "current": found.is_current,
        "public_key": found.public_key.hex(),
        "dependants": found.dependants,
    }
