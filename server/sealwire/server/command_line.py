"""What the operator's commands have in common: arguments, what they print, how far they are."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click

DIRECTORY: Final = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)
OUTPUT: Final = click.option(
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What standard output is given.",
)

Progress = Callable[[int, int], None]
"""Given how much is done, and how much there is to do."""


def complain(sentence: str) -> None:
    """Print a sentence where it is no part of what was asked for."""
    click.echo(sentence, err=True)


def print_outcome(form: str, lines: Sequence[str], document: dict[str, object]) -> None:
    """Print the lines, or the document as JSON."""
    click.echo("\n".join(lines) if form == "text" else json.dumps(document, indent=2))


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only who shows a bar waits for it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(title, *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
