"""The commands of `sealwire`. Each one imports what it needs: `--help` loads no gRPC."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwire.client.cli.options import (
    FILE,
    name_argument,
    namespace_argument,
    output_option,
    profile_option,
)
from sealwire.client.cli.output import Fields, moment, print_fields, print_rows
from sealwire.client.cli.values import STREAM, read_value, write_value
from sealwire.core.clock import system_clock

if TYPE_CHECKING:
    from sealwire.client.client import Client
    from sealwire.v1.records_pb2 import RecordInfo

DEFAULT_PROFILE = "default"

EXIT_CODES = """\b
Exit codes: 0 done; 1 an error on this machine; 2 the server refused, could not be
reached, or gave an answer that does not verify; 130 interrupted."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="sealwire", prog_name="sealwire")
def cli() -> None:
    """Keep records on a Sealwire server: every request signed, every answer verified.

    A value comes from a file or standard input, never from the command line.
    """


@cli.command()
@click.argument("file", type=FILE)
@profile_option
@output_option
def join(file: Path, profile: str | None, output: str) -> None:
    """Join a server with the invitation in FILE.

    The keys are made on this machine, and the private ones stay on it. The profile is named
    "default" unless --profile names it.
    """
    from sealwire.client.enrolment import join as enrol
    from sealwire.client.profiles import Profiles
    from sealwire.core.invitation import Invitation
    from sealwire.core.secret_files import read_secret

    profiles = Profiles.of_user()
    invitation = Invitation.from_json(read_secret(file))
    name = profile or DEFAULT_PROFILE
    joined = enrol(invitation, profiles, name, clock=system_clock, random=os.urandom)
    fields: Fields = {
        "profile": joined.name,
        "in_use": profiles.in_use() == joined.name,
        "server": joined.server.address,
        "server_key_id": joined.server.public_key.key_id,
        "identity_id": joined.identity_id,
        "name": joined.identity_name,
        "public_key_id": joined.key.public_key.key_id,
        "certificate_ends": moment(joined.certificate_ends),
    }
    print_fields(fields, output)


@cli.command()
@profile_option
@output_option
def whoami(profile: str | None, output: str) -> None:
    """Show who the server takes you for."""
    with _connect(profile) as client:
        identity = client.whoami()
    fields = {
        "identity_id": identity.id,
        "name": identity.name,
        "role": identity.role,
        "public_key_id": identity.public_key_id,
        "created_at": moment(identity.created_at),
    }
    print_fields(fields, output)


@cli.command()
@namespace_argument
@name_argument
@click.argument("file", type=FILE, default=STREAM)
@profile_option
@output_option
def put(namespace: str, name: str, file: Path, profile: str | None, output: str) -> None:
    """Store a record: the contents of FILE, or of standard input.

    The first to write to a namespace owns it.
    """
    value = read_value(file)
    with _connect(profile) as client:
        record = client.put(namespace, name, value)
    print_fields({"namespace": namespace, **_record_fields(record)}, output)


@cli.command()
@namespace_argument
@name_argument
@click.option("--out", type=FILE, default=STREAM, help="A new file for the value, or - for stdout.")
@profile_option
def get(namespace: str, name: str, out: Path, profile: str | None) -> None:
    """Print a record's value: its very bytes, except on a terminal.

    On a terminal, text is shown with its invisible characters escaped, and nothing else is shown.
    """
    with _connect(profile) as client:
        response = client.get(namespace, name)
    write_value(response.value, out)


@cli.command("list")
@namespace_argument
@profile_option
@output_option
def list_records(namespace: str, profile: str | None, output: str) -> None:
    """List the records of a namespace, in the order of their names.

    Nothing is printed before every page has come and verified.
    """
    with _connect(profile) as client:
        records = [_record_fields(record) for record in client.list_records(namespace)]
    print_rows({"namespace": namespace}, "records", records, output)


@cli.command()
@namespace_argument
@name_argument
@profile_option
@output_option
def delete(namespace: str, name: str, profile: str | None, output: str) -> None:
    """Delete a record."""
    with _connect(profile) as client:
        client.delete(namespace, name)
    print_fields({"namespace": namespace, "name": name, "deleted": True}, output)


@cli.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("identity.key"),
    show_default=True,
    help="The new private key file; the public key goes beside it, with .pub at the end.",
)
@output_option
def keygen(out: Path, output: str) -> None:
    """Make an Ed25519 key pair, in the form that ssh-keygen uses."""
    from sealwire.client.key_pairs import write_new_key_pair

    pair = write_new_key_pair(out, random=os.urandom)
    fields = {
        "public_key_id": pair.public_key.key_id,
        "private_key_file": str(pair.private_key_file),
        "public_key_file": str(pair.public_key_file),
    }
    print_fields(fields, output)


def _connect(profile: str | None) -> Client:
    from sealwire.client.profiles import Profiles

    profiles = Profiles.of_user()
    return profiles.load(profile or profiles.in_use()).connect()


def _record_fields(record: RecordInfo) -> dict[str, str | int]:
    return {
        "version": record.version,
        "size": record.size,
        "created_at": moment(record.created_at),
        "updated_at": moment(record.updated_at),
        "name": record.name,
    }
