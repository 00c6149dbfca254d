"""The commands about records, and `whoami`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import (
    FILE,
    name_argument,
    namespace_argument,
    output_option,
    profile_option,
)
from sealwire.client.cli.output import moment, print_fields, print_rows
from sealwire.client.cli.values import STREAM, read_value, write_value

if TYPE_CHECKING:
    from sealwire.v1.records_pb2 import RecordInfo


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
@profile_option
@output_option
def put(namespace: str, name: str, file: Path, profile: str | None, output: str) -> None:
    """Store a record: the contents of FILE, or of standard input.

    Whoever writes to a namespace that nobody has a claim to may do everything in it.
    """
    value = read_value(file)
    with connect(profile) as client:
        record = client.put(namespace, name, value)
    print_fields({"namespace": namespace, **_record_fields(record)}, output)


@click.command()
@namespace_argument
@name_argument
@click.option("--out", type=FILE, default=STREAM, help="A new file for the value, or - for stdout.")
@profile_option
def get(namespace: str, name: str, out: Path, profile: str | None) -> None:
    """Print a record's value: its very bytes, except on a terminal.

    On a terminal, text is shown with its invisible characters escaped, and nothing else is shown.
    """
    with connect(profile) as client:
        response = client.get(namespace, name)
    write_value(response.value, out)


@click.command("list")
@namespace_argument
@profile_option
@output_option
def list_records(namespace: str, profile: str | None, output: str) -> None:
    """List the records of a namespace, in the order of their names.

    Nothing is printed before every page has come and verified.
    """
    with connect(profile) as client:
        records = [_record_fields(record) for record in client.list_records(namespace)]
    print_rows({"namespace": namespace}, "records", records, output)


@click.command()
@namespace_argument
@name_argument
@profile_option
@output_option
def delete(namespace: str, name: str, profile: str | None, output: str) -> None:
    """Delete a record."""
    with connect(profile) as client:
        client.delete(namespace, name)
    print_fields({"namespace": namespace, "name": name, "deleted": True}, output)


def _record_fields(record: RecordInfo) -> dict[str, str | int]:
    return {
        "version": record.version,
        "size": record.size,
        "created_at": moment(record.created_at),
        "updated_at": moment(record.updated_at),
        "name": record.name,
    }
