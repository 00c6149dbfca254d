"""The commands about records, one at a time, and `whoami`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Final

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.escaping import visible_line
from sealwire.client.cli.options import (
    FILE,
    if_version_option,
    name_argument,
    namespace_argument,
    output_option,
    profile_option,
    version_option,
)
from sealwire.client.cli.output import JSON, TABLE, moment, print_fields
from sealwire.client.cli.record_fields import record_fields, shown, value_fields
from sealwire.client.cli.times import DURATION
from sealwire.client.cli.values import STREAM, read_value, write_value
from sealwire.client.cli.words import label_pair

RAW: Final = "raw"


@click.command()
@profile_option
@output_option
def whoami(profile: str | None, output: str) -> None:
    """Show who the server takes you for."""
    with connect(profile) as client:
        identity = client.whoami()
    fields = {
        "identity_id": identity.id,
        "name": identity.name,
        "role": identity.role,
        "public_key_id": identity.public_key_id,
        "created_at": moment(identity.created_at),
    }
    print_fields(fields, output)


@click.command()
@namespace_argument
@name_argument
@click.argument("file", type=FILE, default=STREAM)
@if_version_option
@click.option("--ttl", type=DURATION, default=0, metavar="DURATION", help="Gone after 30m, 12h, …")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--content-type", default="", metavar="TYPE", help="Such as application/json.")
@profile_option
@output_option
def put(  # noqa: PLR0913 - click hands over every option
    namespace: str,
    name: str,
    file: Path,
    *,
    if_version: int | None,
    ttl: int,
    labels: tuple[str, ...],
    content_type: str,
    profile: str | None,
    output: str,
) -> None:
    """Store a version of a record: FILE, or standard input.

    Labels and content type belong to this version, and are sealed, too. Whoever writes to a
    namespace that nobody has a claim to may do everything in it.
    """
    pairs, value = dict(map(label_pair, labels)), read_value(file)
    with connect(profile) as client:
        record = client.put(
            namespace,
            name,
            value,
            if_version=if_version,
            ttl_seconds=ttl,
            content_type=content_type,
            labels=pairs,
        )
    (fields,) = shown([record_fields(record)], output)
    print_fields({"namespace": namespace, **fields}, output)


@click.command()
@namespace_argument
@name_argument
@version_option
@click.option("--out", type=FILE, default=STREAM, help="A new file for the value, or - for stdout.")
@click.option(
    "--output",
    type=click.Choice([RAW, JSON]),
    default=RAW,
    show_default=True,
    help="The value alone, or all about it.",
)
@profile_option
def get(
    namespace: str, name: str, version: int | None, out: Path, output: str, profile: str | None
) -> None:
    """Print a record's value: its very bytes, except on a terminal.

    On a terminal, text is shown with its invisible characters escaped, and nothing else is shown.
    In JSON, a value that is no text is `value_base64`.
    """
    with connect(profile) as client:
        response = client.get(namespace, name, version=version or 0)
    value = response.value
    if output == JSON:
        fields = {"namespace": namespace, **record_fields(response.record), **value_fields(value)}
        value = f"{json.dumps(fields, indent=2)}\n".encode("ascii")
    write_value(value, out)


@click.command()
@namespace_argument
@name_argument
@if_version_option
@profile_option
@output_option
def delete(
    namespace: str, name: str, if_version: int | None, profile: str | None, output: str
) -> None:
    """Delete a record; `sealwire undelete` brings it back.

    Its versions stay as long as the namespace keeps them. To have them gone, see: sealwire destroy
    """
    with connect(profile) as client:
        client.delete(namespace, name, if_version=if_version)
    print_fields({"namespace": namespace, "name": name, "deleted": True}, output)
    if output == TABLE:
        again = shlex.join(["sealwire", "undelete", namespace, name])
        click.echo(f"To bring it back: {visible_line(again)}", err=True)
