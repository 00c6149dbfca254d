"""Is a history linearizable: can each operation have happened at one moment between its two ends?

Wing and Gong's search with Lowe's memory of where it has been: a set of operations that are done,
and the state that they lead to, is tried once ("Testing for linearizability", 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.histories.model import Answer, Operation, State, apply

NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Event:
    """An operation, when it was asked for, and when it was answered, in any unit of time.

    One without an answer may have happened at any moment since it was asked for, or not at all.
    """

    operation: Operation
    begun: float
    ended: float = NEVER
    answer: Answer | None = None


def explanation(history: Sequence[Event], start: State) -> list[Event] | None:
    """Return an order in which the operations may have happened; None if there is none."""
    return _Search(sorted(history, key=lambda event: event.begun)).order(start)


@dataclass(slots=True)
class _Search:
    events: Sequence[Event]
    _order: list[Event] = field(default_factory=list)
    _seen: set[tuple[int, State]] = field(default_factory=set)

    def order(self, start: State) -> list[Event] | None:
        return self._order if self._goes_on(0, start) else None

    def _goes_on(self, done: int, state: State) -> bool:
        """Tell whether what is not done yet, one bit for each event, can follow on a state."""
        if (done, state) in self._seen:
            return False
        self._seen.add((done, state))
        left = [(bit, event) for bit, event in enumerate(self.events) if not done >> bit & 1]
        horizon = min((event.ended for _, event in left), default=NEVER)
        if horizon == NEVER:
            return True
        for bit, event in left:
            if event.begun > horizon:  # something had ended before this began
                break
            after, answer = apply(state, event.operation)
            if event.answer in (None, answer):
                self._order.append(event)
                if self._goes_on(done | 1 << bit, after):
                    return True
                self._order.pop()
        return False
