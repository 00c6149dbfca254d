"""`sealwire identity invite`: a file for somebody who is to join, or lost a key."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.confirmation import require_consent
from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import NEW_FILE, output_option, profile_option, yes_option
from sealwire.client.cli.output import Fields, moment, print_fields
from sealwire.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sealwire.client.client import Client

ADMIN: Final = "admin"
MEMBER: Final = "member"
DEFAULT_VALID_HOURS: Final = 24.0
MOST_VALID_HOURS: Final = 720.0
_HOUR_SECONDS: Final = 3_600


class _Hours(click.FloatRange):
    """So many hours; NaN, which no bound keeps out, are none."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or end the command with the reason why it is none."""
        hours = super().convert(value, param, ctx)
        if math.isnan(hours):
            self.fail(f"{value!r} is no number of hours.", param, ctx)
        return hours


@click.command()
@click.argument("identity", metavar="NAME")
@click.option("--out", required=True, type=NEW_FILE, help="The new file; it is a secret.")
@click.option("--role", type=click.Choice([MEMBER, ADMIN]), help="Of somebody new; else: member.")
@click.option(
    "--valid-hours",
    type=_Hours(0, MOST_VALID_HOURS, min_open=True),
    default=DEFAULT_VALID_HOURS,
    show_default=True,
    help="When it ends; 720 at most.",
)
@click.option(
    "--recover",
    is_flag=True,
    help="Give NAME, which lost its key, a new one. Its present keys end when the file is used.",
)
@yes_option
@profile_option
@output_option
def invite(
    identity: str,
    out: Path,
    role: str | None,
    valid_hours: float,
    recover: bool,
    yes: bool,
    profile: str | None,
    output: str,
) -> None:
    """Write an invitation for NAME.

    It is one file, good for one use, for a limited time. Hand it over like a password. It is used
    with: sealwire join FILE
    """
    from sealwire.core.invitation import Invitation
    from sealwire.core.secret_files import write_new_secret

    _require_free(out)
    if recover and role:
        raise click.UsageError("Who is recovered keeps the role; leave --role out.")
    if recover and not yes:
        require_consent(
            f"Whoever uses this invitation becomes {identity}, and the keys that {identity} has "
            "now end then. Make it?"
        )
    seconds = max(1, round(valid_hours * _HOUR_SECONDS))
    with connect(profile) as client:
        data = _made(client, identity, role or MEMBER, seconds, recover=recover)
    invitation = Invitation.from_json(data)
    write_new_secret(out, data)
    fields: Fields = {
        "name": invitation.name,
        "role": None if recover else role or MEMBER,
        "recover": recover,
        "expires_at": moment(invitation.expires_at),
        "file": str(out),
    }
    print_fields(fields, output)


def _made(client: Client, identity: str, role: str, seconds: int, *, recover: bool) -> bytes:
    if recover:
        return client.identities.recover(identity, valid_seconds=seconds)
    return client.identities.invite(identity, role=role, valid_seconds=seconds)


def _require_free(out: Path) -> None:
    """Return if nothing is in the way: an invitation that can't be written would be lost."""
    if os.path.lexists(out):
        raise ConfigurationError(
            f"{out} exists already and was left as it is; choose another place with --out."
        )
    if not out.parent.is_dir():
        raise ConfigurationError(f"{out.parent} is no directory, so nothing can be written there.")
