"""The arguments and options that several commands share, and the forms that they take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from sealwire.client.cli.key_ids import unmarked
from sealwire.client.cli.output import JSON, TABLE
from sealwire.client.profile_names import profile_names, user_directory
from sealwire.core.errors import MalformedError

FILE: Final = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)


class _Namespace(click.ParamType[str]):
    """A namespace that the server would take; checked here, so that a slip costs no round trip."""

    name = "namespace"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the namespace, or end the command with the reason why it is none."""
        from sealwire.core.names import check_namespace

        try:
            return check_namespace(value)
        except MalformedError as error:
            self.fail(str(error), param, ctx)


class _RecordName(click.ParamType[str]):
    """The name of a record, checked likewise."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or end the command with the reason why it is none."""
        from sealwire.core.names import check_record_name

        try:
            return check_record_name(value)
        except MalformedError as error:
            self.fail(str(error), param, ctx)


class _KeyId(click.ParamType[str]):
    """The id of a key."""

    name = "key id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id, or end the command."""
        from sealwire.core.keys import is_key_id

        value = unmarked(value)
        if not is_key_id(value):
            self.fail(
                "A key id has 43 letters, digits, '-' and '_'; see: sealwire key list", param, ctx
            )
        return value


class _IdentityName(click.ParamType[str]):
    """The name of an identity or group, or the id of a key."""

    name = "identity"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as the server is to be given it."""
        return unmarked(value)


class _ProfileName(click.ParamType[str]):
    """The name of a profile; the shell completes those that there are."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the profiles whose names begin so."""
        try:
            names = profile_names(user_directory())
        except OSError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


KEY_ID: Final = _KeyId()
IDENTITY: Final = _IdentityName()
PROFILE_NAME: Final = _ProfileName()

profile_option = click.option(
    "--profile",
    type=PROFILE_NAME,
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
if_version_option = click.option(
    "--if-version",
    type=click.IntRange(0),
    metavar="N",
    help="Only if N is the current version; 0: only if there is no such record.",
)
version_option = click.option(
    "--version", type=click.IntRange(1), metavar="N", help="This version, not the latest."
)
yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")
namespace_argument = click.argument("namespace", type=_Namespace())
name_argument = click.argument("name", type=_RecordName())
identity_argument = click.argument("identity", type=IDENTITY, metavar="IDENTITY")
