"""`sealwire namespace`: which there are, and how long they keep versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import namespace_argument, output_option, profile_option
from sealwire.client.cli.output import Fields, moment, print_fields, print_rows
from sealwire.client.cli.times import DURATION_OR_EVER, EVER, duration_text

if TYPE_CHECKING:
    from sealwire.v1.namespaces_pb2 import Namespace

ALL: Final = "all"
_MOST_VERSIONS: Final = 2**32 - 1


class _Count(click.IntRange):
    """How many, or all, which is 0."""

    name = "count"

    def convert(self, value: int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or end the command with the reason why it is none."""
        return 0 if str(value) == ALL else super().convert(value, param, ctx)


keep_versions_option = click.option(
    "--keep-versions",
    type=_Count(1, _MOST_VERSIONS),
    metavar=f"N|{ALL}",
    help="How many versions of a record are kept; 10 in a new namespace.",
)
keep_for_option = click.option(
    "--keep-for",
    type=DURATION_OR_EVER,
    metavar=f"DURATION|{EVER}",
    help=f"How long a version is kept behind its successor, such as 30d; {EVER} in a new one.",
)


@click.group("namespace")
def namespace_group() -> None:
    """Make, show and list namespaces, and say what they keep."""


@namespace_group.command()
@namespace_argument
@keep_versions_option
@keep_for_option
@click.option("--sealed-names", is_flag=True, help="Seal the names of its records, too, for good.")
@profile_option
@output_option
def create(
    namespace: str,
    keep_versions: int | None,
    keep_for: int | None,
    sealed_names: bool,
    profile: str | None,
    output: str,
) -> None:
    """Make NAMESPACE before anything is put there; it is yours, as if you had written there first.

    With --sealed-names, a stolen database shows no names of records. Lists cost more then: the
    server opens every name of the namespace for each page.
    """
    with connect(profile) as client:
        made = client.namespaces.create(
            namespace,
            keep_versions=keep_versions,
            keep_seconds=keep_for or 0,
            sealed_names=sealed_names,
        )
    print_fields(_fields(made), output)


@namespace_group.command()
@namespace_argument
@profile_option
@output_option
def show(namespace: str, profile: str | None, output: str) -> None:
    """Show whose NAMESPACE is, and how long it keeps versions."""
    with connect(profile) as client:
        found = client.namespaces.get(namespace)
    print_fields(_fields(found), output)


@namespace_group.command("set")
@namespace_argument
@keep_versions_option
@keep_for_option
@profile_option
@output_option
def change(
    namespace: str,
    keep_versions: int | None,
    keep_for: int | None,
    profile: str | None,
    output: str,
) -> None:
    """Change how long NAMESPACE keeps versions.

    What is kept no longer is gone for good soon after.
    """
    if keep_versions is None and keep_for is None:
        raise click.UsageError("Say what to change: --keep-versions, --keep-for, or both.")
    with connect(profile) as client:
        changed = client.namespaces.update(
            namespace, keep_versions=keep_versions, keep_seconds=keep_for
        )
    print_fields(_fields(changed), output)


@namespace_group.command("list")
@click.argument("under", required=False, default="", metavar="[NAMESPACE]")
@profile_option
@output_option
def list_namespaces(under: str, profile: str | None, output: str) -> None:
    """List the namespaces that you may list, in the order of their names.

    All of them, or NAMESPACE and those below it.
    """
    with connect(profile) as client:
        namespaces = [_fields(namespace) for namespace in client.namespaces.list(under=under)]
    print_rows({}, "namespaces", namespaces, output)


def _fields(namespace: Namespace) -> Fields:
    return {
        "owner": namespace.owner,
        "created_at": moment(namespace.created_at),
        "keep_versions": namespace.keep_versions or ALL,
        "keep_for": duration_text(namespace.keep_seconds) if namespace.keep_seconds else EVER,
        "sealed_names": namespace.sealed_names,
        "name": namespace.name,
    }
