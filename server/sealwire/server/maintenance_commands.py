"""`sealwire-server reseal`, `backup` and `restored`: what keeps a deployment's database well."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click

_DIRECTORY: Final = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)
_OUTPUT: Final = click.option(
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What standard output is given.",
)

Progress = Callable[[int, int], None]
"""Given how much is done, and how much there is to do."""


@click.command()
@_DIRECTORY
@_OUTPUT
def reseal(directory: Path, form: str) -> None:
    """Seal every record in DIR to its owner's newest key, under the newest root key.

    What was sealed before a rotation opens without it; this ends the need for the old keys. The
    server may be running. Killed at any moment, it is finished by running it again. A record that
    does not open is named, left as it is, and makes the exit status 1.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.server.invitations import open_store
    from sealwire.storage import reseal_records

    records, resealed, damaged = 0, 0, 0
    with open_store(load_deployment(directory), random=os.urandom) as store:
        total = store.read_blocking(lambda tx: tx.headers.count())
        with _progress_bar("Resealing") as progress:
            for step in reseal_records(store):
                for blob in step.damaged:
                    _complain(blob.namespace, blob.position.name)
                records += step.looked_at
                resealed += step.resealed
                damaged += len(step.damaged)
                progress(records, max(records, total))
    _print(
        form,
        [f"{resealed} of {records} records were resealed; {damaged} do not open."],
        {"records": records, "resealed": resealed, "damaged": damaged},
    )
    if damaged:
        sys.exit(1)


@click.command()
@_DIRECTORY
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@_OUTPUT
def backup(directory: Path, file: Path, form: str) -> None:
    """Copy the database in DIR to FILE, which must not exist; the server may be running.

    The copy is one committed state, and is checked before it appears. It opens with the root keys
    only, which are not in it: keep a copy of roots/ elsewhere.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.storage import back_up

    deployment = load_deployment(directory)
    with _progress_bar("Copying") as progress:
        back_up(deployment.database, file, root_keys=deployment.root_keys, progress=progress)
    size = file.stat().st_size
    _print(
        form,
        [f"The database was copied to {file} ({size} bytes), and the copy checked."],
        {"file": str(file), "bytes": size},
    )


@click.command()
@_DIRECTORY
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask.")
@_OUTPUT
def restored(directory: Path, *, confirmed: bool, form: str) -> None:
    """Take up the database in DIR after it was put back from a backup.

    Whatever authority.journal says has ended since the backup ends in it again: keys, certificates,
    identities, roles, invitations, memberships, grants. What was given since is listed, and has to
    be given again. The next start refuses requests from before it. The server must be stopped.
    """
    from sealwire.core.clock import system_clock
    from sealwire.server.confirmation import confirm, without_asking
    from sealwire.server.deployment import load_deployment
    from sealwire.server.restored import take_up

    deployment = load_deployment(directory)
    ask = without_asking if confirmed else confirm
    report = take_up(deployment, confirm=ask, clock=system_clock)
    lines = [
        *_section("Ended again", report.reapplied),
        *_section("Given since the backup, and lost", report.lost),
        *_section("Without a key now; invite them with --recover", report.locked_out),
    ]
    if report.incomplete:
        lines.append("The journal does not go back to the backup: more may have ended since.")
    summary = f"Endings applied again: {len(report.reapplied)}. The server may be started."
    _print(
        form,
        [*lines, summary],
        {
            "reapplied": report.reapplied,
            "lost": report.lost,
            "locked_out": report.locked_out,
            "incomplete": report.incomplete,
        },
    )


COMMANDS: Final = (reseal, backup, restored)


def _complain(namespace: str, name: str) -> None:
    # As JSON: whoever could write to the database chose the names.
    place = f"{json.dumps(name)} in {json.dumps(namespace)}"
    click.echo(f"The record {place} does not open, and was left as it is.", err=True)


def _section(heading: str, phrases: Sequence[str]) -> list[str]:
    return [f"{heading}:", *(f"  {phrase}" for phrase in phrases)] if phrases else []


def _print(form: str, lines: Sequence[str], document: dict[str, object]) -> None:
    click.echo("\n".join(lines) if form == "text" else json.dumps(document, indent=2))


@contextlib.contextmanager
def _progress_bar(title: str) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(title, *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
