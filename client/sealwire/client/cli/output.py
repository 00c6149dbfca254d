"""What commands print: one JSON document, or text that people read.

On a terminal the text is styled; in a pipe it is aligned with spaces, and nothing else. JSON is
ASCII. Text from elsewhere is always escaped.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import click

from sealwire.client.cli.escaping import visible_name

JSON: Final = "json"
TABLE: Final = "table"

Value: TypeAlias = "str | int | bool | Sequence[str | int] | Mapping[str, Value] | None"
Fields = Mapping[str, Value]
Line = Sequence[str]

_LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999


def print_fields(fields: Fields, form: str) -> None:
    """Print one thing: a JSON object, or a line for each field."""
    if form == JSON:
        _print_json(fields)
    else:
        _print_table((), [(_heading(name), _cell(value)) for name, value in fields.items()])


def print_rows(subject: Fields, key: str, rows: Sequence[Fields], form: str) -> None:
    """Print many things: a JSON object of `subject` and, under `key`, the rows; or a table."""
    if form == JSON:
        _print_json({**subject, key: rows})
    elif rows:
        lines = [[_cell(value) for value in row.values()] for row in rows]
        _print_table([_heading(name) for name in rows[0]], lines)


def print_line(fields: Fields, form: str) -> None:
    """Print one of many things that come one after the other: a JSON object, or its cells."""
    if form == JSON:
        click.echo(json.dumps(fields, ensure_ascii=True))
    else:
        click.echo("  ".join(map(_cell, fields.values())))


def print_fields_and_rows(fields: Fields, key: str, rows: Sequence[Fields], form: str) -> None:
    """Print one thing and, under `key`, what belongs to it."""
    if form == TABLE:
        print_fields(fields, form)
        if rows:
            click.echo()
    print_rows(fields, key, rows, form)


def moment_if_any(milliseconds: int) -> str | None:
    """Return `moment`, or None for 0, which stands for no moment."""
    return moment(milliseconds) if milliseconds else None


def moment(milliseconds: int) -> str:
    """Return milliseconds since the Unix epoch in the form of RFC 3339, UTC."""
    within = min(max(milliseconds, 0), _LATEST_MS)
    time = datetime.datetime.fromtimestamp(within / 1000, tz=datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print_json(document: Mapping[str, object]) -> None:
    click.echo(json.dumps(document, ensure_ascii=True, indent=2))


def _print_table(headings: Line, lines: Sequence[Line]) -> None:
    if sys.stdout.isatty():
        _print_styled(headings, lines)
        return
    for line in _aligned([headings, *lines] if headings else lines):
        click.echo(line)


def _aligned(lines: Sequence[Line]) -> Iterator[str]:
    """Yield each line with its cells padded, all but the last."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for *cells, last in lines:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        yield "  ".join([*padded, last])


def _print_styled(headings: Line, lines: Sequence[Line]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, show_header=bool(headings), pad_edge=False)
    for line in lines:
        # Text, not str: what looks like rich's markup in a name stays a name.
        table.add_row(*(Text(cell, overflow="fold") for cell in line))
    Console(highlight=False).print(table)


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return _cell([f"{name}={text}" for name, text in value.items()])
    if isinstance(value, str | int):
        return visible_name(str(value))
    return ", ".join(visible_name(str(item)) for item in value) or "-"
