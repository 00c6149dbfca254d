"""`sealwire-server reseal`, `backup` and `restored`: what keeps a deployment's database well."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from sealwire.server.command_line import DIRECTORY, OUTPUT, complain, print_outcome, progress_bar


@click.command()
@DIRECTORY
@OUTPUT
def reseal(directory: Path, form: str) -> None:
    """Seal everything in DIR to its owner's newest key, under the newest root key.

    What was sealed before a rotation opens without it; this ends the need for the old keys. Rows
    that have a tag come to have one under the newest root key. The server may be running. Killed at
    any moment, it is finished by running it again. A record that does not open, or a row that was
    altered, is named, left as it is, and makes the exit status 1.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.server.invitations import open_store
    from sealwire.server.resealing import reseal_everything

    with (
        open_store(load_deployment(directory), random=os.urandom) as store,
        progress_bar("Resealing") as progress,
    ):
        done = reseal_everything(store, progress=progress, complain=complain)
    lines = [
        f"{done.resealed} of {done.records} records were resealed; {done.damaged} do not open."
    ]
    if done.others or done.retagged or done.altered:
        lines.append(
            f"{done.others} name keys and answers were resealed, and {done.retagged} rows tagged "
            f"anew; {done.altered} were altered."
        )
    print_outcome(form, lines, dataclasses.asdict(done))
    if not done.is_whole:
        sys.exit(1)


@click.command()
@DIRECTORY
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@OUTPUT
def backup(directory: Path, file: Path, form: str) -> None:
    """Copy the database in DIR to FILE, which must not exist; the server may be running.

    The copy is one committed state, and is checked before it appears. It opens only with the root
    keys and the identities' salts, which are not in it: keep a copy of roots/ elsewhere, and copy
    salts/ after each backup, in the place of the copy before.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.storage import back_up

    deployment = load_deployment(directory)
    with progress_bar("Copying") as progress:
        back_up(deployment.database, file, root_keys=deployment.root_keys, progress=progress)
    size = file.stat().st_size
    print_outcome(
        form,
        [f"The database was copied to {file} ({size} bytes), and the copy checked."],
        {"file": str(file), "bytes": size},
    )


@click.command()
@DIRECTORY
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask.")
@OUTPUT
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
    print_outcome(
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


def _section(heading: str, phrases: Sequence[str]) -> list[str]:
    return [f"{heading}:", *(f"  {phrase}" for phrase in phrases)] if phrases else []
