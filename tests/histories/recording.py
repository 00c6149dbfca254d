"""Four clients at work on three records, and what they write down."""

from __future__ import annotations

import asyncio
import itertools
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.histories.checker import Event, explanation
from tests.histories.house import CLIENTS, NAMESPACE, House, Line, UnansweredError
from tests.histories.messages import Place, answer_of, refusal_of
from tests.histories.model import (
    Answer,
    Batch,
    Delete,
    Done,
    Get,
    Head,
    Mismatch,
    Operation,
    Put,
    State,
    Transact,
)

NAMES = ("a", "b", "c")
OPERATIONS = 8
MOST_ATTEMPTS = 20
"""How often an operation is asked for; the server is away twice at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen in one history. All chance follows from `number`.

    The server is killed after so many answers, 0 for never. With `request_ids`, what was not
    answered is asked for again under the same id, and sometimes twice at the same time.
    """

    number: int
    killed_after: int
    request_ids: bool

    @classmethod
    def all(cls, count: int, *, killed: int, first: int = 0) -> Iterator[Plan]:
        """Return plans, `killed` of them with a kill, each second one with request ids."""
        for number in range(first, first + count):
            chance = random.Random(number)  # noqa: S311 - to be repeatable
            after = chance.randint(1, CLIENTS * OPERATIONS - CLIENTS)
            if number >= first + killed:
                after = 0
            yield cls(number, after, number % 2 == 0)


@dataclass(slots=True)
class Recording:
    """One history, as it comes about."""

    house: House
    plan: Plan
    events: list[Event] = field(default_factory=list)
    _answers: int = 0
    _moments: Iterator[int] = field(default_factory=itertools.count)
    _values: Iterator[int] = field(default_factory=itertools.count)

    async def record(self) -> State:
        """Let all clients do their work, then look; return the state that it began with."""
        first = await self._ask(0, Put("first", b""), "")
        assert isinstance(first, Done)
        workers = [asyncio.create_task(self._work(number)) for number in range(CLIENTS)]
        await asyncio.gather(*workers)
        await self._do(0, Get(NAMES), "")
        return State(first.revision, (("first", Head(1, b"")),))

    async def _work(self, number: int) -> None:
        chance = random.Random(f"{self.plan.number} {number}")  # noqa: S311 - to be repeatable
        seen: dict[str, int] = {}
        for _ in range(OPERATIONS):
            operation = self._operation(chance, seen)
            request_id = ""
            if self.plan.request_ids and not isinstance(operation, Get):
                request_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            answer = await self._do(number, operation, request_id)
            _learn(seen, operation, answer)

    async def _do(self, number: int, operation: Operation, request_id: str) -> Answer | None:
        begun = next(self._moments)
        answer = await self._ask(number, operation, request_id)
        if answer is None:
            self.events.append(Event(operation, begun))
            return None
        self.events.append(Event(operation, begun, next(self._moments), answer))
        self._answers += 1
        if self._answers == self.plan.killed_after:
            await self.house.kill()
        return answer

    async def _ask(self, number: int, operation: Operation, request_id: str) -> Answer | None:
        """Return the answer; None if there is none, and it can't be asked for again."""
        for _ in range(MOST_ATTEMPTS):
            line = await self.house.line(number)
            try:
                if request_id and self.plan.number % 4 == 0:
                    return await self._ask_twice(line, operation, request_id)
                return await self._ask_once(line, operation, request_id)
            except UnansweredError:
                if not request_id and not isinstance(operation, Get):
                    return None
        raise AssertionError("the server does not answer any more")

    async def _ask_once(self, line: Line, operation: Operation, request_id: str) -> Answer:
        place = Place(NAMESPACE, f"{self.plan.number}/")
        statement = await line.ask(*place.request(operation, request_id))
        if statement.HasField("body"):
            return answer_of(operation, statement.body)
        refusal = refusal_of(statement.status)
        assert refusal is not None, statement.status
        return refusal

    async def _ask_twice(self, line: Line, operation: Operation, request_id: str) -> Answer:
        """Deliver one request twice at the same time: there is one effect, and one answer."""
        answers = await asyncio.gather(
            *(self._ask_once(line, operation, request_id) for _ in range(2)),
            return_exceptions=True,
        )
        told = [answer for answer in answers if not isinstance(answer, BaseException)]
        if not told:
            raise UnansweredError
        done = {answer for answer in told if isinstance(answer, Done)}
        assert len(done) <= 1
        # A refusal is not remembered: the second delivery may find what the first did not.
        return done.pop() if done else told[0]

    def _operation(self, chance: random.Random, seen: dict[str, int]) -> Operation:
        names = chance.sample(NAMES, len(NAMES))
        match chance.choices(range(6), weights=(20, 15, 20, 10, 10, 25))[0]:
            case 0:
                return Get(tuple(names[: chance.randint(1, 3)]))
            case 1:
                return self._put(names[0])
            case 2:
                return self._put(names[0], if_version=seen.get(names[0], 0))
            case 3:
                return Delete(names[0], chance.choice([None, seen.get(names[0], 0)]))
            case 4:
                return Batch(tuple(self._put(name) for name in names[: chance.randint(2, 3)]))
            case _:
                return self._transact(chance, names, seen)

    def _transact(
        self, chance: random.Random, names: Sequence[str], seen: dict[str, int]
    ) -> Transact:
        conditions = [(name, seen.get(name, 0)) for name in names[: chance.randint(0, 1)]]
        steps: list[Get | Put | Delete] = []
        for name in names[: chance.randint(1, 2)]:
            demanded = chance.choice([None, seen.get(name, 0)])
            put = self._put(name, if_version=demanded)
            steps.append(put if chance.random() < 0.5 else Delete(name))
        steps.insert(chance.randint(0, len(steps)), Get((chance.choice(NAMES),)))
        return Transact(tuple(conditions), tuple(steps))

    def _put(self, name: str, *, if_version: int | None = None) -> Put:
        return Put(name, str(next(self._values)).encode(), if_version)


def _learn(seen: dict[str, int], operation: Operation, answer: Answer | None) -> None:
    """Take note of the versions that a client has seen, so that it may demand them."""
    match operation, answer:
        case ((Put(name) | Delete(name)), Mismatch(current)):
            seen[name] = current
        case Put(name), Done((int(version),)):
            seen[name] = version
        case Delete(name), _:
            seen[name] = 0
        case Get(names), Done(found):
            for name, head in zip(names, found, strict=True):
                seen[name] = head.version if isinstance(head, Head) else 0


def unexplained(recording: Recording, start: State) -> str:
    """Return a history as text if it can't be explained; nothing if it can."""
    if explanation(recording.events, start) is not None:
        return ""
    events = sorted(recording.events, key=lambda event: event.begun)
    return "\n".join([f"{recording.plan}, from {start}:", *map(repr, events)])
