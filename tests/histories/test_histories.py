"""What clients see of a real server at the same time is what one after the other would see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.house import open_house
from tests.histories.recording import Plan, Recording, unexplained
from tests.server.processes import init
from tests.support.event_loops import loop_thread

HISTORIES = 40
KILLED = 12


async def violations(directory: Path, plans: Iterator[Plan]) -> list[str]:
    found = []
    async with open_house(directory) as house:
        for plan in plans:
            recording = Recording(house, plan)
            found.append(unexplained(recording, await recording.record()))
    return [text for text in found if text]


# case 70, case 77, case 84
@pytest.mark.timeout(300)
def test_no_history_is_without_an_explanation_also_through_kills(tmp_path: Path) -> None:
    directory = init(tmp_path / "deployment")
    with loop_thread() as loop:
        found = loop.run(violations(directory, Plan.all(HISTORIES, killed=KILLED)))
    assert found == []
