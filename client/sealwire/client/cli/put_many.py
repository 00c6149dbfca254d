"""`sealwire put-many`: records from a file of JSON lines, in batches that are stored or not."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from sealwire.client.cli.connecting import connect
from sealwire.client.cli.escaping import visible_line
from sealwire.client.cli.json_lines import records
from sealwire.client.cli.options import FILE, output_option, profile_option
from sealwire.client.cli.output import print_fields
from sealwire.client.cli.values import STREAM
from sealwire.core.errors import ConfigurationError, SealwireError

if TYPE_CHECKING:
    from sealwire.client.client import Client
    from sealwire.v1.records_pb2 import RecordInput

MAX_RECORDS: Final = 1_000
MAX_BYTES: Final = 4 * 1024 * 1024 - 64 * 1024
"""How much one batch holds, so that it fits into a message with its signature."""
_FRAMING_BYTES: Final = 8
_LINES: Final = """\b
A line: {"namespace": "team", "name": "a", "value": "text"}
or with "value_base64", for bytes; and perhaps with
"ttl": "12h", "content_type": "text/plain", "labels": {"k": "v"}, "if_version": 0"""


@dataclass(slots=True)
class Batch:
    """Records that are stored together or not at all."""

    records: list[RecordInput] = field(default_factory=list)
    last_line: int = 0
    _size: int = 0
    _addresses: set[tuple[str, str]] = field(default_factory=set)

    def takes(self, record: RecordInput) -> bool:
        """Tell whether there is room for a record, which is not in it yet."""
        return (
            len(self.records) < MAX_RECORDS
            and self._size + _size(record) <= MAX_BYTES
            and (record.namespace, record.name) not in self._addresses
        )

    def add(self, line: int, record: RecordInput) -> None:
        """Take the record of a line."""
        self.records.append(record)
        self.last_line = line
        self._size += _size(record)
        self._addresses.add((record.namespace, record.name))


@dataclass(slots=True)
class _Progress:
    """What is stored so far."""

    lines: int = 0
    stored: int = 0
    batches: int = 0

    def add(self, batch: Batch) -> None:
        self.lines = batch.last_line
        self.stored += len(batch.records)
        self.batches += 1


@click.command("put-many", epilog=_LINES)
@click.argument("file", type=FILE)
@profile_option
@output_option
def put_many(file: Path, profile: str | None, output: str) -> None:
    """Store the records in FILE, one JSON object a line.

    FILE is - for standard input. They go in batches of up to 1,000 records and 4 MiB. Each batch is
    stored as a whole or not at all; if one is not, those before it are, and you are told how to go
    on.
    """
    progress = _Progress()
    with click.open_file(str(file), "rb") as stream, connect(profile) as client:
        try:
            _store_all(client, stream, progress)
        except (SealwireError, KeyboardInterrupt) as error:
            _tell(progress, file, error)
            raise
    print_fields({"stored": progress.stored, "batches": progress.batches}, output)


def batches(numbered: Iterable[tuple[int, RecordInput]]) -> Iterator[Batch]:
    """Yield records in batches, in their order; a record that comes twice is in two of them."""
    batch = Batch()
    for line, record in numbered:
        if not batch.takes(record):
            yield batch
            batch = Batch()
        batch.add(line, record)
    if batch.records:
        yield batch


def _store_all(client: Client, stream: IO[bytes], progress: _Progress) -> None:
    with _progress_bar(stream) as show:
        for batch in batches(records(stream)):
            client.put_many(batch.records)
            progress.add(batch)
            show()


@contextlib.contextmanager
def _progress_bar(stream: IO[bytes]) -> Iterator[Callable[[], object]]:
    """Show on a terminal how much of a stream was read, each time that it is asked to."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("Storing", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    found = os.fstat(stream.fileno())
    total = found.st_size if stat.S_ISREG(found.st_mode) else None
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Storing", total=total)
        yield lambda: bar.update(task, completed=stream.tell() if total else None)


def _tell(progress: _Progress, file: Path, error: BaseException) -> None:
    """Say what is stored, and how to go on behind that."""
    if progress.lines:
        rest = f"tail -n +{progress.lines + 1}"
        if file == STREAM:
            command = f"... | {rest} | sealwire put-many -"
        else:
            command = f"{rest} {shlex.quote(str(file))} | sealwire put-many -"
        stored = f"The lines up to {progress.lines} are stored. To go on behind them: {command}"
    elif _is_settled(error):
        stored = "Nothing was stored."
    else:
        return
    click.echo(visible_line(stored), err=True)


def _is_settled(error: BaseException) -> bool:
    """Tell whether the batch that failed has no effect for certain."""
    from sealwire.client.errors import RemoteError
    from sealwire.core.errors import Code

    refused = isinstance(error, RemoteError) and error.code != Code.UNAVAILABLE
    return refused or isinstance(error, ConfigurationError)


def _size(record: RecordInput) -> int:
    return record.ByteSize() + _FRAMING_BYTES
