"""Where a record's value comes from and goes to: a file or a stream, never the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from sealwire.client.cli.escaping import visible_lines
from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import write_new_secret

STREAM: Final = Path("-")


def read_value(source: Path) -> bytes:
    """Return the bytes of a file, or of standard input for `-`.

    Raises:
        ConfigurationError: if they are more than a record can hold.
        OSError: if the file can't be read.
    """
    from sealwire.core.names import MAX_VALUE_BYTES

    if source == STREAM and sys.stdin.isatty():
        click.echo("Type the value; it ends with Ctrl-D at the start of a line.", err=True)
    with click.open_file(str(source), "rb") as stream:
        value: bytes = stream.read(MAX_VALUE_BYTES + 1)
    if len(value) > MAX_VALUE_BYTES:
        raise ConfigurationError("A record holds at most 1 MiB, and this is more; split it.")
    return value


def write_value(value: bytes, target: Path) -> None:
    """Write `value` to a new file of mode 0600, or to standard output for `-`.

    In a pipe the bytes are what they are. On a terminal, text is shown with its invisible
    characters escaped.

    Raises:
        ConfigurationError: if the file exists, or the value is no text and goes to a terminal.
    """
    if target != STREAM:
        write_new_secret(target, value)
    elif sys.stdout.isatty():
        text = visible_lines(_text(value))
        click.echo(text, nl=not text.endswith("\n"))
    else:
        click.echo(value, nl=False)


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(
            f"The value is {len(value)} bytes that are no text, so it was not shown on the "
            "terminal; write it to a file with --out FILE, or to a pipe."
        )
    return text
