"""Putting a backup back, as docs/operations.md says it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from sealwire.core.clock import system_clock
from sealwire.core.invitation import ServerIdentity
from tests.server.members import Member
from tests.server.processes import Done, operate

SKEW_MS = 10_000
"""How far ahead a client's clock may be; for as long, the next start refuses what came before."""


def back_up(directory: Path, name: str = "backup.db") -> Path:
    """Make a backup beside the deployment, whether it is being served or not."""
    target = directory.with_name(name)
    done = operate("backup", directory, target)
    assert (done.code, done.err) == (0, ""), done
    return target


def put_back(backup: Path, directory: Path) -> None:
    """Put a backup in the place of the database, and what belongs to the old one out of the way."""
    for path in directory.glob("sealwire.db*"):
        path.unlink()
    shutil.copyfile(backup, directory / "sealwire.db")
    (directory / "sealwire.db").chmod(0o600)


def take_up(directory: Path, *options: str) -> Done:
    """Tell that it was put back on purpose."""
    return operate("restored", directory, "--yes", *options)


def ahead(member: Member, server: ServerIdentity) -> Member:
    """Return a member whose clock is as far ahead as may be: nobody waits for that time to pass."""
    return dataclasses.replace(member.at(server), clock=lambda: system_clock() + SKEW_MS)
