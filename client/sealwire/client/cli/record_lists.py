"""`sealwire list`: the records of a namespace, a level at a time or all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.options import namespace_argument, output_option, profile_option
from sealwire.client.cli.output import JSON, Fields, print_rows
from sealwire.client.cli.record_fields import record_fields, shown

if TYPE_CHECKING:
    from sealwire.client.record_operations import Prefix
    from sealwire.v1.records_pb2 import RecordInfo


@click.command("list")
@namespace_argument
@click.option("--prefix", default="", metavar="P", help="Only names that begin with P.")
@click.option("--recursive", is_flag=True, help="All names, not only up to the next '/'.")
@click.option("--deleted", is_flag=True, help="Records, too, that can be undeleted.")
@profile_option
@output_option
def list_records(
    namespace: str, prefix: str, recursive: bool, deleted: bool, profile: str | None, output: str
) -> None:
    """List the records of a namespace, in the order of their names.

    Names that hold a '/' behind the prefix are summed up: what they have in common up to the next
    '/' comes once, and ends with it. Go on with --prefix, or list all with --recursive. Nothing is
    printed before every page has come and verified.
    """
    with connect(profile) as client:
        listing = client.list_records if recursive else client.list_level
        entries = list(listing(namespace, prefix=prefix, show_deleted=deleted))
    rows = [_fields(entry) for entry in entries]
    records = [row for row in rows if row["version"] is not None]
    if output == JSON:
        prefixes = [str(row["name"]) for row in rows if row["version"] is None]
        print_rows({"namespace": namespace, "prefixes": prefixes}, "records", records, output)
    else:
        print_rows({}, "records", shown(rows, output), output)


def _fields(entry: RecordInfo | Prefix) -> Fields:
    """Return what is known of a record; of a prefix, the name and nothing else."""
    from sealwire.client.record_operations import Prefix
    from sealwire.v1.records_pb2 import RecordInfo

    if not isinstance(entry, Prefix):
        return record_fields(entry)
    return {**dict.fromkeys(record_fields(RecordInfo())), "name": entry.name}
