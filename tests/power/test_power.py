from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys

import pytest

from tests.histories.model import Done, Head, State
from tests.power.cutting import careless_main, cut_again_and_again
from tests.power.filesystem import filesystem, why_not
from tests.power.load import LostError, Writer

BEFORE = State(1, (("a", Head(1, b"1")),))
AFTER = BEFORE.changed("a", b"2").changed("b", b"2")


def found(a: Head | None, b: Head | None) -> Done:
    return Done((a, b, None, None, None))


@pytest.fixture
def writer() -> Writer:
    return Writer(0, random.Random(0), acknowledged=BEFORE, asked_for=AFTER)  # noqa: S311


@pytest.mark.parametrize("state", [BEFORE, AFTER])
def test_what_was_asked_for_last_is_there_or_not(writer: Writer, state: State) -> None:
    writer.compare_with(found(state.live("a"), state.live("b")))
    assert writer.acknowledged == writer.asked_for == state


@pytest.mark.parametrize(
    "wrong",
    [
        found(None, None),
        found(Head(1, b"2"), None),
        found(Head(2, b"2"), None),
        found(Head(1, b"1"), Head(1, b"2")),
    ],
    ids=["nothing", "another value", "one half", "the other half"],
)
def test_anything_else_is_a_loss(writer: Writer, wrong: Done) -> None:
    with pytest.raises(LostError):
        writer.compare_with(wrong)


def test_where_no_power_can_be_cut_that_is_said_loudly() -> None:
    nothing_installed = os.environ | {"PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.power"],
        env=nothing_installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("*** SKIPPED: no power was cut, because ")


@pytest.fixture(scope="module")
def power() -> None:
    if reason := why_not():
        pytest.skip(f"NOT TESTED: no power was cut, because {reason}")


# case 71
@pytest.mark.usefixtures("power")
def test_a_power_cut_under_load_takes_nothing_that_was_acknowledged() -> None:
    with filesystem() as disk:
        outcome = asyncio.run(cut_again_and_again(disk, cuts=3, seed=71))
    assert outcome.loss == ""
    assert outcome.acknowledged > 0


@pytest.mark.usefixtures("power")
def test_a_server_that_does_not_sync_is_found_out() -> None:
    with filesystem() as disk:
        outcome = asyncio.run(cut_again_and_again(disk, cuts=5, seed=71, program=careless_main))
    assert outcome.loss
