"""Clients that write until nothing answers any more, and know what must then be there."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from tests.histories.house import NAMESPACE, Line, UnansweredError
from tests.histories.messages import Place, answer_of
from tests.histories.model import (
    Answer,
    Batch,
    Delete,
    Done,
    Get,
    Head,
    Operation,
    Put,
    State,
    Transact,
    apply,
)

NAMES = ("a", "b", "c", "d", "e")
SIZES = (0, 10, 1_000, 30_000)
MOST_LOOKS = 100
PAUSE_SECONDS = 0.1


class LostError(AssertionError):
    """What was acknowledged is not there, or what is there was never asked for."""


@dataclass(slots=True)
class Writer:
    """One client with records of its own: the last state that was acknowledged, and the next."""

    number: int
    chance: random.Random
    acknowledged: State = field(default_factory=lambda: State(0))
    asked_for: State = field(default_factory=lambda: State(0))
    last_revision: int = 0
    count: int = 0

    async def write(self, line: Line) -> int:
        """Ask for one thing, and return the revision in the answer; UnansweredError without one."""
        operation = self._operation()
        self.asked_for, expected = apply(self.acknowledged, operation)
        statement = await line.ask(*self._place.request(operation, ""))
        if not statement.HasField("body"):
            raise UnansweredError  # it is signed that something is wrong; nothing is acknowledged
        answer = answer_of(operation, statement.body)
        assert isinstance(answer, Done)
        assert isinstance(expected, Done)
        assert answer.found == expected.found
        return answer.revision

    def acknowledge(self, revision: int) -> None:
        """Take note that what was asked for last must be there from now on."""
        self.acknowledged, self.last_revision = self.asked_for, revision
        self.count += 1

    async def compare(self, line: Line) -> None:
        """Require the records to be as acknowledged, or as asked for last; then go on from there.

        Raises:
            LostError: if they are not.
        """
        looking = Get(NAMES)
        for _ in range(MOST_LOOKS):
            statement = await line.ask(*self._place.request(looking, ""))
            if statement.HasField("body"):
                return self.compare_with(answer_of(looking, statement.body))
            await asyncio.sleep(PAUSE_SECONDS)  # until it is sure that this is no replay
        raise LostError(f"writer {self.number} may not look any more")

    def compare_with(self, found: Answer) -> None:
        """Do as `compare` does, with what was found."""
        for state in (self.acknowledged, self.asked_for):
            if _seen(state) == found:
                self.acknowledged = self.asked_for = state
                return
        raise LostError(
            f"writer {self.number} was told {_brief(_seen(self.acknowledged))}, has asked for "
            f"{_brief(_seen(self.asked_for))}, and finds {_brief(found)}"
        )

    @property
    def _place(self) -> Place:
        return Place(NAMESPACE, f"{self.number}/")

    def _operation(self) -> Operation:
        names = self.chance.sample(NAMES, 3)
        match self.chance.randrange(4):
            case 0:
                return self._put(names[0])
            case 1:
                return Batch(tuple(map(self._put, names)))
            case 2:
                return Transact((), (self._put(names[0]), Delete(names[1]), self._put(names[2])))
            case _:
                return Put(names[0], b"", if_version=self.acknowledged.current(names[0]))

    def _put(self, name: str) -> Put:
        return Put(name, self.chance.randbytes(self.chance.choice(SIZES)))


def _seen(state: State) -> Answer:
    return apply(state, Get(NAMES))[1]


def _brief(answer: Answer) -> str:
    """Return an answer in versions and sizes."""
    found = answer.found if isinstance(answer, Done) else ()
    heads = [head if isinstance(head, Head) else Head(0, b"") for head in found]
    return " ".join(f"{head.version}:{len(head.value or b'')}" for head in heads)
