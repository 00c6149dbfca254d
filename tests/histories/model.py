"""What records do, in a few lines: operations, and what each makes of a state and answers.

It is what docs/protocol.md says of RecordService, for the names of one namespace in which nothing
else happens. Everything is a value: a state can be remembered and compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Get:
    """Read some records, as of one moment."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """Make a version."""

    name: str
    value: bytes
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the current version."""

    name: str
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Make a version of each, or none."""

    puts: tuple[Put, ...]


@dataclass(frozen=True, slots=True)
class Transact:
    """If each name is at its version, take all steps; else none."""

    conditions: tuple[tuple[str, int], ...]
    steps: tuple[Get | Put | Delete, ...]


Operation = Get | Put | Delete | Batch | Transact


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A demanded version was not the current one; nothing was done."""

    current: int


@dataclass(frozen=True, slots=True)
class Missing:
    """There was nothing to delete."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was made or found, in the order of the request; 0 for a revision if nothing changed."""

    found: tuple[object, ...]
    revision: int = 0


Answer = Done | Mismatch | Missing


class Head(NamedTuple):
    """A record's latest version; without a value, a deleted one."""

    version: int
    value: bytes | None


class State(NamedTuple):
    """All records, in the order of their names, and how many changes there have been."""

    revision: int
    heads: tuple[tuple[str, Head], ...] = ()

    def live(self, name: str) -> Head | None:
        """Return a record that readers may have."""
        head = dict(self.heads).get(name)
        return head if head is not None and head.value is not None else None

    def current(self, name: str) -> int:
        """Return the version that a condition is compared with."""
        head = self.live(name)
        return head.version if head else 0

    def changed(self, name: str, value: bytes | None) -> State:
        """Return the state after a put, or without a value after a deletion."""
        heads = dict(self.heads)
        before = heads[name].version if name in heads else 0
        heads[name] = Head(before if value is None else before + 1, value)
        return State(self.revision + 1, tuple(sorted(heads.items())))


def apply(state: State, operation: Operation) -> tuple[State, Answer]:
    """Return the state after an operation, and its answer."""
    match operation:
        case Get(names):
            return state, Done(tuple(state.live(name) for name in names))
        case Put() | Delete():
            return _alone(state, operation)
        case Batch(puts):
            return _together(state, (), puts)
        case Transact(conditions, steps):
            return _together(state, conditions, steps)


def _alone(state: State, operation: Put | Delete) -> tuple[State, Answer]:
    current = state.current(operation.name)
    if operation.if_version not in (None, current):
        return state, Mismatch(current)
    if isinstance(operation, Delete) and not current:
        return state, Missing()
    after, found = _step(state, operation)
    return after, Done((found,), after.revision)


def _together(
    before: State,
    conditions: tuple[tuple[str, int], ...],
    steps: tuple[Get | Put | Delete, ...],
) -> tuple[State, Answer]:
    for name, version in conditions:
        if before.current(name) != version:
            return before, Mismatch(before.current(name))
    state, results = before, []
    for step in steps:
        if isinstance(step, Put) and step.if_version not in (None, state.current(step.name)):
            return before, Mismatch(state.current(step.name))
        state, found = _step(state, step)
        results.append(found)
    return state, Done(tuple(results), state.revision if state != before else 0)


def _step(state: State, step: Get | Put | Delete) -> tuple[State, object]:
    match step:
        case Get(names):
            return state, tuple(state.live(name) for name in names)
        case Put(name, value):
            after = state.changed(name, value)
            return after, after.current(name)
        case Delete(name):
            if not state.current(name):
                return state, False
            return state.changed(name, None), True
