"""A real server on a file system whose power goes while clients write to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sealwire.core.clock import system_clock
from sealwire.core.requests import SKEW_MS
from sealwire.server.cli import main
from sealwire.storage import engine
from tests.histories.house import CLIENTS, House, UnansweredError, open_house
from tests.power.filesystem import Filesystem
from tests.power.load import LostError, Writer
from tests.server.processes import init
from tests.support.programs import Main

MOST_ACKNOWLEDGEMENTS = 600


def clock_ahead() -> int:
    """Return the time of clients whose clock is as far ahead as it may be, all but a little.

    A server that may have lost nonces refuses what was signed at up to so much after its start.
    """
    return system_clock() + SKEW_MS - 200


class Outcome(NamedTuple):
    """How often the power went, how many writes were acknowledged by then, and what was lost."""

    cuts: int
    acknowledged: int
    loss: str = ""


def careless_main() -> None:
    """Be a server that acknowledges what it has not synced."""
    settings = vars(engine)
    settings["_WRITER"] = settings["_WRITER"] | {"synchronous": 0}
    main()


async def cut_again_and_again(
    disk: Filesystem, *, cuts: int, seed: int, program: Main = main
) -> Outcome:
    """Cut the power so many times, and compare after each; go no further than a loss."""
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    writers = [
        Writer(number, random.Random(f"{seed} {number}"))  # noqa: S311 - to be repeatable
        for number in range(CLIENTS)
    ]
    directory = await asyncio.to_thread(init, disk.root / "deployment")
    async with open_house(directory, program, clock_ahead) as house:
        for number in range(1, cuts + 1):
            lethal = chance.randint(1, MOST_ACKNOWLEDGEMENTS)
            await _write_until_dark(disk, house, writers, lethal=lethal)
            await house.end()
            disk.unmount()
            disk.mount()
            try:
                await house.begin()
                await _compare(house, writers)
            except AssertionError as error:  # a LostError, or a server that does not start
                return Outcome(number, _count(writers), str(error))
    return Outcome(cuts, _count(writers))


def _count(writers: Sequence[Writer]) -> int:
    return sum(writer.count for writer in writers)


async def _write_until_dark(
    disk: Filesystem, house: House, writers: Sequence[Writer], *, lethal: int
) -> None:
    limit = _count(writers) + lethal

    async def work(writer: Writer) -> None:
        line = await house.line(writer.number)
        with contextlib.suppress(UnansweredError):
            while _count(writers) < limit:
                revision = await writer.write(line)
                if _count(writers) == limit:
                    return  # it is dark: nobody has heard this (filesystem.py)
                writer.acknowledge(revision)
                if _count(writers) == limit:
                    disk.cut()

    await asyncio.gather(*map(work, writers))


async def _compare(house: House, writers: Sequence[Writer]) -> None:
    for writer in writers:
        await writer.compare(await house.line(writer.number))
    last = max(writer.last_revision for writer in writers)
    await asyncio.to_thread(_require_sound, house.server.directory / "sealwire.db", last)


def _require_sound(database: Path, last_revision: int) -> None:
    """Require the file to be whole, and its changes to be without a gap up to the last one told."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        checked = connection.execute("PRAGMA integrity_check").fetchall()
        changes = "SELECT min(revision), max(revision), count(*) FROM changes"
        first, last, count = connection.execute(changes).fetchone()
    if checked != [("ok",)]:
        raise LostError(f"the database is damaged: {checked[0][0]}")
    if (first, count) != (1, last) or last < last_revision:
        raise LostError(
            f"of revisions {first} to {last} there are {count}; {last_revision} was told"
        )
