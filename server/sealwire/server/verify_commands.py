"""`sealwire-server verify`: whether everything that is stored is there, opens, and fits."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sealwire.server.command_line import DIRECTORY, OUTPUT, complain, print_outcome, progress_bar

if TYPE_CHECKING:  # a command loads what it needs when it is run
    from sealwire.storage import Damage


@click.command()
@DIRECTORY
@OUTPUT
def verify(directory: Path, form: str) -> None:
    """Open everything in DIR, and check that all of it fits together; nothing is changed.

    Every value, metadata, name, name key and answer is opened; every tag, salt, version and change
    is checked. The server may be running. What is damaged is named on standard error, and makes the
    exit status 1; where names are sealed, records are named as they are stored.
    """
    from sealwire.server.deployment import load_deployment
    from sealwire.server.invitations import open_store
    from sealwire.storage import count_verified
    from sealwire.storage import verify as verified

    looked_at: Counter[str] = Counter()
    damaged: list[Damage] = []
    erased = 0
    with (
        open_store(load_deployment(directory), random=os.urandom) as store,
        progress_bar("Verifying") as progress,
    ):
        total = store.read_blocking(count_verified)
        for found in verified(store):
            for damage in found.damage:
                complain(_sentence(damage))
            looked_at[found.what] += found.looked_at
            damaged += found.damage
            erased += found.erased
            progress(looked_at.total(), max(looked_at.total(), total))
    document: dict[str, object] = {
        "looked_at": {what: looked_at[what] for what in _WALKED},
        "erased": erased,
        "damaged": [dataclasses.asdict(damage) for damage in damaged],
    }
    print_outcome(form, _summary(looked_at, erased=erased, damaged=len(damaged)), document)
    if damaged:
        sys.exit(1)


COMMANDS: Final = (verify,)
_WALKED: Final = ("rows", "versions", "changes", "answers")


def _sentence(damage: Damage) -> str:
    # As JSON: whoever could write to the database chose the names.
    place = f" {json.dumps(dict(damage.place))}" if damage.place else ""
    return f"Damaged: {damage.kind}{place}. {damage.problem}"


def _summary(looked_at: Counter[str], *, erased: int, damaged: int) -> list[str]:
    *counts, last = (f"{looked_at[what]} {what}" for what in _WALKED)
    outcome = f"{damaged} faults were found" if damaged else "nothing is damaged"
    lines = [f"{', '.join(counts)} and {last} were checked; {outcome}."]
    if erased:
        lines.append(f"{erased} are sealed to identities that were erased: nobody can open them.")
    return lines
