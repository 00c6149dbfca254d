"""Record histories of a real server, half of them through a `kill -9`, and check each.

    python -m tests.histories --count 200

Prints what was found. Ends with 0 if every history can be explained, with 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.histories.checker import Event
from tests.histories.house import open_house
from tests.histories.recording import Plan, Recording, unexplained
from tests.server.processes import init


async def record(directory: Path, count: int, *, first: int) -> int:
    """Record `count` histories, and return how many can't be explained."""
    kinds: Counter[str] = Counter()
    violations = 0
    async with open_house(directory) as house:
        for plan in Plan.all(count, killed=count // 2, first=first):
            recording = Recording(house, plan)
            start = await recording.record()
            kinds.update(map(_kind, recording.events))
            if text := unexplained(recording, start):
                violations += 1
                print(text, file=sys.stderr)
    print(f"{count} histories, {count // 2} through kill -9 and restart, {violations} violations")
    print("of their operations:", ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds)))
    return violations


def _kind(event: Event) -> str:
    return type(event.answer).__name__.lower() if event.answer else "unanswered"


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number that chance begins with")
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        directory = init(Path(folder) / "deployment")
        violations = asyncio.run(record(directory, arguments.count, first=arguments.first))
    print(f"in {time.monotonic() - begun:.0f} s")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
