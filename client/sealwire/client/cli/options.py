"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from sealwire.client.cli.output import JSON, TABLE
from sealwire.core.errors import MalformedError
from sealwire.core.names import check_namespace, check_record_name

FILE: Final = click.Path(path_type=Path, dir_okay=False, allow_dash=True)

profile_option = click.option(
    "--profile",
    metavar="NAME",
    envvar="SEALWIRE_PROFILE",
    show_envvar=True,
    help="The profile to use, if not the one in use.",
)
output_option = click.option(
    "--output",
    type=click.Choice([TABLE, JSON]),
    default=TABLE,
    show_default=True,
    help="How to print.",
)


class _CheckedName(click.ParamType[str]):
    """A name that the server would take; checked here, so that a slip costs no round trip."""

    name = "name"

    def __init__(self, check: Callable[[str], str]) -> None:
        self._check = check

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or end the command with the reason why it is none."""
        try:
            return self._check(value)
        except MalformedError as error:
            self.fail(str(error), param, ctx)


namespace_argument = click.argument("namespace", type=_CheckedName(check_namespace))
name_argument = click.argument("name", type=_CheckedName(check_record_name))
