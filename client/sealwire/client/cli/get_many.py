"""`sealwire get-many`: many records as JSON lines; and how they are fetched in few requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.json_lines import addresses
from sealwire.client.cli.options import FILE, profile_option
from sealwire.client.cli.output import JSON, Fields, print_line
from sealwire.client.cli.record_fields import record_fields, value_fields
from sealwire.client.cli.values import STREAM

if TYPE_CHECKING:
    from sealwire.client.client import Client
    from sealwire.v1.records_pb2 import GetRecordResponse

MAX_RECORDS: Final = 1_000

Address = tuple[str, str]


@click.command("get-many")
@click.argument("file", type=FILE, default=STREAM)
@profile_option
@click.option(
    "--output", type=click.Choice([JSON]), default=JSON, help="How to print; there is one way."
)
def get_many(file: Path, profile: str | None, output: str) -> None:
    """Print the records that FILE names, one JSON object a line.

    Or that standard input names. {"namespace": "team", "name": "a"} becomes the same with what is
    known of the record, and with its `value`, or `value_base64` if that is no text; with a
    `version` of 0 and nothing else if there is no such record. Nothing is printed before all of
    them have come and verified.
    """
    with click.open_file(str(file), "rb") as stream:
        wanted = list(addresses(stream))
    with connect(profile) as client:
        found = list(fetch(client, wanted))
    for address, record in zip(wanted, found, strict=True):
        print_line(_fields(address, record), output)


def fetch(client: Client, wanted: Sequence[Address]) -> Iterator[GetRecordResponse]:
    """Yield records in the order that is given; those of one request as of one moment.

    There are as few requests as the server's bounds allow: what is too much for one answer is
    asked for in halves.
    """
    for start in range(0, len(wanted), MAX_RECORDS):
        yield from _halved(client, wanted[start : start + MAX_RECORDS])


def _halved(client: Client, wanted: Sequence[Address]) -> Sequence[GetRecordResponse]:
    from sealwire.client.errors import RemoteError
    from sealwire.core.errors import Code

    try:
        return client.get_many(wanted)
    except RemoteError as error:
        if error.code != Code.RESOURCE_EXHAUSTED or len(wanted) == 1:
            raise
    middle = len(wanted) // 2
    return [*_halved(client, wanted[:middle]), *_halved(client, wanted[middle:])]


def _fields(address: Address, found: GetRecordResponse) -> Fields:
    namespace, name = address
    if not found.HasField("record"):
        return {"namespace": namespace, "name": name, "version": 0}
    record = {key: value for key, value in record_fields(found.record).items() if key != "name"}
    return {"namespace": namespace, "name": name, **record, **value_fields(found.value)}
