"""`sealwire-server signing-key`: the key that signs every answer."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.group("signing-key")
def signing_key() -> None:
    """The key that signs every answer, and that clients pin."""


@signing_key.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask.")
def rotate(directory: Path, *, confirmed: bool) -> None:
    """Make a new signing key for the deployment in DIR, announced by the one in use.

    Clients follow the announcement by themselves. The old private key is overwritten with zeros;
    copies of it that a disk, a file system or a backup keeps are not. Killed midway, it is
    finished by running it again.
    """
    from sealwire.core.clock import system_clock
    from sealwire.server.confirmation import confirm
    from sealwire.server.signing_key_rotation import rotate_signing_key

    if not confirmed:
        confirm("The signing key in use is overwritten and can't be used any more.")
    key = rotate_signing_key(directory, clock=system_clock, random=os.urandom)
    click.echo(f"Server key id: {key.key_id}")
    click.echo("It takes effect when the server is started again; do that now.")
    click.echo(
        "Invitations that were not used yet ask for the old key: make them anew, after that."
    )
