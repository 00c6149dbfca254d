"""The commands about a record's versions: what there are, what comes back, what goes for good."""

from __future__ import annotations

import click

from sealwire.client.cli.confirmation import require_consent
from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import (
    name_argument,
    namespace_argument,
    output_option,
    profile_option,
    version_option,
    yes_option,
)
from sealwire.client.cli.output import Fields, print_fields, print_rows
from sealwire.client.cli.record_fields import record_fields, shown


@click.command("versions")
@namespace_argument
@name_argument
@profile_option
@output_option
def list_versions(namespace: str, name: str, profile: str | None, output: str) -> None:
    """List the versions of a record, newest first.

    Also those that were deleted, destroyed or have expired, as long as they are known. Nothing is
    printed before every page has come and verified.
    """
    with connect(profile) as client:
        versions = [record_fields(version) for version in client.versions(namespace, name)]
    rows = [{key: row[key] for key in row if key != "name"} for row in shown(versions, output)]
    print_rows({"namespace": namespace, "name": name}, "versions", rows, output)


@click.command()
@namespace_argument
@name_argument
@version_option
@profile_option
@output_option
def undelete(
    namespace: str, name: str, version: int | None, profile: str | None, output: str
) -> None:
    """Bring a deleted record back.

    Unless it was destroyed, or has expired, since then.
    """
    with connect(profile) as client:
        record = client.undelete(namespace, name, version=version or 0)
    (fields,) = shown([record_fields(record)], output)
    print_fields({"namespace": namespace, **fields}, output)


@click.command()
@namespace_argument
@name_argument
@click.option(
    "--version",
    "versions",
    type=click.IntRange(1),
    multiple=True,
    required=True,
    metavar="N",
    help="May be repeated.",
)
@yes_option
@profile_option
@output_option
def destroy(
    namespace: str,
    name: str,
    versions: tuple[int, ...],
    yes: bool,
    profile: str | None,
    output: str,
) -> None:
    """Destroy versions of a record for good."""
    numbers = sorted(set(versions))
    if not yes:
        which = "Version" if len(numbers) == 1 else "Versions"
        require_consent(
            f"{which} {', '.join(map(str, numbers))} of {name} in {namespace} can never be read "
            "again. Destroy?"
        )
    with connect(profile) as client:
        client.destroy(namespace, name, numbers)
    fields: Fields = {"namespace": namespace, "name": name, "destroyed": numbers}
    print_fields(fields, output)
