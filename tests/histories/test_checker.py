from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from tests.histories.checker import Event, explanation
from tests.histories.model import (
    Answer,
    Batch,
    Delete,
    Done,
    Get,
    Head,
    Mismatch,
    Missing,
    Operation,
    Put,
    State,
    Transact,
    apply,
)

START = State(0)
ONE, TWO = Put("a", b"1"), Put("a", b"2")
BOTH = Batch((Put("a", b"3"), Put("b", b"3")))
READ, READ_BOTH = Get(("a",)), Get(("a", "b"))
SOME: tuple[Operation, ...] = (ONE, TWO, BOTH, READ, READ_BOTH, Delete("a"), Delete("b"))


def at(begun: float, ended: float, operation: Operation, answer: Answer) -> Event:
    return Event(operation, begun, ended, answer)


def put(version: int, revision: int) -> Done:
    return Done((version,), revision)


def found(*heads: tuple[int, bytes] | None) -> Done:
    return Done(tuple(head and Head(*head) for head in heads))


GOOD: dict[str, list[Event]] = {
    "one after the other": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, READ, found((1, b"1"))),
        at(4, 5, Delete("a"), Done((True,), 2)),
        at(6, 7, READ, found(None)),
        at(8, 9, Delete("a"), Missing()),
        at(10, 11, TWO, put(2, 3)),
    ],
    "at once, the later one first": [at(0, 5, ONE, put(2, 2)), at(1, 4, TWO, put(1, 1))],
    "a read beside a put sees it or does not": [
        at(0, 9, ONE, put(1, 1)),
        at(1, 2, READ, found(None)),
        at(3, 4, READ, found((1, b"1"))),
    ],
    "one without an answer happened": [Event(ONE, 0), at(1, 2, READ, found((1, b"1")))],
    "one without an answer did not": [Event(ONE, 0), at(1, 2, READ, found(None))],
    "one without an answer happened late": [
        Event(ONE, 0),
        at(1, 2, READ, found(None)),
        at(3, 4, READ, found((1, b"1"))),
    ],
    "of two that demand one version one is refused": [
        at(0, 3, Put("a", b"1", if_version=0), put(1, 1)),
        at(0, 3, Put("a", b"2", if_version=0), Mismatch(1)),
    ],
    "a transaction reads what it put": [
        at(0, 1, Transact((("a", 0),), (ONE, READ)), Done((1, (Head(1, b"1"),)), 1)),
        at(2, 3, Transact((("a", 0),), (TWO,)), Mismatch(1)),
        at(4, 5, Transact((), (Delete("b"), READ)), Done((False, (Head(1, b"1"),)), 0)),
    ],
}

BAD: dict[str, list[Event]] = {
    "a stale read": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, TWO, put(2, 2)),
        at(4, 5, READ, found((1, b"1"))),
    ],
    "a read of nothing behind a put": [at(0, 1, ONE, put(1, 1)), at(2, 3, READ, found(None))],
    "a read of what nobody put": [at(0, 1, READ, found((1, b"1")))],
    "a lost update": [
        at(0, 3, Put("a", b"1", if_version=0), put(1, 1)),
        at(0, 3, Put("a", b"2", if_version=0), put(1, 2)),
    ],
    "an acknowledged put that is gone": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, TWO, put(1, 1)),
    ],
    "half a batch": [at(0, 1, BOTH, Done((1, 1), 2)), at(2, 3, READ_BOTH, found((1, b"3"), None))],
    "half a batch without an answer": [
        Event(BOTH, 0),
        at(2, 3, READ_BOTH, found((1, b"3"), None)),
    ],
    "one that happened and then had not": [
        Event(ONE, 0),
        at(1, 2, READ, found((1, b"1"))),
        at(3, 4, READ, found(None)),
    ],
    "one effect twice": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, READ, found((2, b"1"))),
    ],
    "an effect before it was asked for": [
        at(0, 1, READ, found((1, b"1"))),
        at(2, 3, ONE, put(1, 1)),
    ],
    "a gap in the revisions": [at(0, 1, ONE, put(1, 1)), at(2, 3, TWO, put(2, 3))],
    "two readers who see two orders": [
        at(0, 9, ONE, put(1, 1)),
        at(0, 9, Put("b", b"1"), put(1, 2)),
        at(1, 2, READ_BOTH, found((1, b"1"), None)),
        at(1, 2, READ_BOTH, found(None, (1, b"1"))),
    ],
    "a transaction whose condition did not hold": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, Transact((("a", 0),), (TWO,)), Done((2,), 2)),
    ],
    "a refusal for no reason": [
        at(0, 1, ONE, put(1, 1)),
        at(2, 3, Put("a", b"2", if_version=1), Mismatch(0)),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_may_have_happened_is_explained(name: str) -> None:
    order = explanation(GOOD[name], START)
    assert order is not None
    assert {id(event) for event in GOOD[name] if event.answer} <= {id(event) for event in order}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_have_happened_is_found_out(name: str) -> None:
    assert explanation(BAD[name], START) is None


def by_trying_all_orders(history: Sequence[Event]) -> bool:
    """Do what the checker does, without any thought."""
    answered = [event for event in history if event.answer]
    unanswered = [event for event in history if not event.answer]
    for count in range(len(unanswered) + 1):
        for some in itertools.combinations(unanswered, count):
            for order in itertools.permutations([*answered, *some]):
                if in_time(order) and all_told(order):
                    return True
    return False


def in_time(order: Sequence[Event]) -> bool:
    return all(later.ended >= earlier.begun for earlier, later in itertools.combinations(order, 2))


def all_told(order: Sequence[Event]) -> bool:
    state = START
    for event in order:
        state, answer = apply(state, event.operation)
        if event.answer not in (None, answer):
            return False
    return True


def history_by_chance(chance: random.Random) -> list[Event]:
    """Let operations happen at moments, answer some of them, and falsify an answer now and then."""
    state, history = START, []
    for number in range(5):
        moment = 10.0 * number
        operation = chance.choice(SOME)
        state, answer = apply(state, operation)
        begun, ended = moment - chance.uniform(1, 25), moment + chance.uniform(1, 25)
        if chance.random() < 0.2:
            history.append(Event(operation, begun))
        else:
            history.append(Event(operation, begun, ended, answer))
    first, second = chance.sample(range(5), 2)
    if chance.random() < 0.5 and history[first].answer and history[second].answer:
        told, other = history[first], history[second]
        history[first] = Event(told.operation, told.begun, told.ended, other.answer)
    return history


def test_it_finds_what_trying_all_orders_finds() -> None:
    chance = random.Random(54)  # noqa: S311 - to be repeatable
    histories = [history_by_chance(chance) for _ in range(300)]
    expected = [by_trying_all_orders(history) for history in histories]
    assert [explanation(history, START) is not None for history in histories] == expected
    assert 50 < expected.count(False) < 250
