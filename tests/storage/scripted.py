"""A workload in a few steps, and what may be found after each of them failed or did not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.core.errors import UnavailableError, UnknownOutcomeError, VersionMismatchError
from sealwire.core.keys import PrivateKey
from sealwire.storage import Namespace, NewRecord, Store, Transaction
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
from tests.storage.builders import NOW, new_identity, opened, plain, private_key


@dataclass(frozen=True, slots=True)
class Enrol:
    """Make an identity: a salt beside the database, and a line in the journal."""

    number: int

    @property
    def key(self) -> PrivateKey:
        """The key of the identity to be, which it is named after."""
        return private_key(self.number)


Step = Operation | Enrol

FIRST: Final[tuple[Step, ...]] = (
    Put("a", b"1"),
    Enrol(1),
    Batch((Put("a", b"2"), Put("b", b"2"), Put("c", b"2", if_version=0))),
    Put("b", b"3", if_version=1),
    Delete("a"),
    Transact((("b", 2),), (Put("a", b"4"), Delete("c"), Put("d", b"4" * 9000))),
)
SECOND: Final[tuple[Step, ...]] = (
    Enrol(2),
    Delete("d", if_version=1),
    Put("e", b"5"),
    Transact((("c", 0),), (Get(("a",)), Put("c", b"6"), Put("e", b"6", if_version=1))),
)
"""After the store was closed, which empties the log, and opened again."""

NAMES: Final = "abcde"


@dataclass(slots=True)
class Witness:
    """Takes the steps, and knows which states there can be after them."""

    namespace: Namespace
    possible: set[tuple[State, frozenset[str]]]
    refused: int = 0

    def take_all(self, store: Store, steps: Iterable[Step]) -> None:
        """Take steps, one after the other."""
        for step in steps:
            self.take(store, step)

    def take(self, store: Store, step: Step) -> None:
        """Take one step: what is acknowledged was done, what is refused was not."""
        try:
            answer = store.write_blocking(lambda tx: perform(tx, self.namespace, step))
        except UnknownOutcomeError:
            self.refused += 1
            self.possible |= {after(found, step)[0] for found in self.possible}
        except UnavailableError:
            self.refused += 1
        except VersionMismatchError as error:
            self._narrow(step, Mismatch(error.current_version))
        else:
            self._narrow(step, answer)

    def look(self, store: Store) -> None:
        """Require the store to show one of the states."""
        assert look(store, self.namespace) in self.possible

    def settle(self, store: Store) -> None:
        """Require the store to show one of the states; from here on it is that one."""
        found = look(store, self.namespace)
        assert found in self.possible
        self.possible = {found}

    def _narrow(self, step: Step, answer: Answer) -> None:
        told = [after(found, step) for found in self.possible]
        self.possible = {found for found, expected in told if expected == answer}
        assert self.possible, (step, answer)


def after(
    found: tuple[State, frozenset[str]], step: Step
) -> tuple[tuple[State, frozenset[str]], Answer]:
    """Return what a step makes of a state, and answers."""
    state, identities = found
    if isinstance(step, Enrol):
        return (state, identities | {step.key.public_key.key_id}), Done(())
    changed, answer = apply(state, step)
    return (changed, identities), answer


def perform(tx: Transaction, namespace: Namespace, step: Step) -> Answer:
    """Take a step in a transaction."""
    match step:
        case Enrol():
            tx.identities.create(new_identity(step.key), NOW)
            return Done(())
        case Get(names):
            return Done(tuple(head(tx, namespace, name) for name in names))
        case Put():
            row, revision = tx.records.put(namespace, _new(step), now=NOW)
            return Done((row.version,), revision)
        case Delete(name, if_version):
            deleted = tx.records.delete(namespace, name, if_version=if_version, now=NOW)
            return Missing() if deleted is None else Done((True,), deleted)
        case Batch(puts):
            items = [(namespace, _new(put)) for put in puts]
            rows, revision = tx.records.put_all(items, now=NOW)
            return Done(tuple(row.version for row in rows), revision)
        case Transact():
            return _transact(tx, namespace, step)


def _transact(tx: Transaction, namespace: Namespace, step: Transact) -> Answer:
    for name, version in step.conditions:
        current = tx.records.current_version(namespace, name, now=NOW)
        if current != version:
            return Mismatch(current)
    before = tx.changes.last()
    answers = [perform(tx, namespace, each) for each in step.steps]
    found = tuple(_of_step(each) for each in answers)
    last = tx.changes.last()
    return Done(found, last if last > before else 0)


def _of_step(answer: Answer) -> object:
    if isinstance(answer, Missing):
        return False
    assert isinstance(answer, Done)
    return answer.found if not answer.revision else answer.found[0]


def _new(put: Put) -> NewRecord:
    return NewRecord(put.name, put.value, if_version=put.if_version)


def head(tx: Transaction, namespace: Namespace, name: str) -> Head | None:
    """Return a record as readers have it."""
    found = tx.records.get(namespace, name, now=NOW)
    return Head(found[0].version, found[1]) if found else None


def look(store: Store, namespace: Namespace) -> tuple[State, frozenset[str]]:
    """Return all that there is, after checking that the changes are without a gap."""

    def unit(tx: Transaction) -> tuple[State, frozenset[str]]:
        heads = {}
        for name in NAMES:
            rows = tx.records.versions(namespace, name, before=100, limit=100, now=NOW)
            assert [row.version for row in rows] == list(range(len(rows), 0, -1))
            if rows:
                live = head(tx, namespace, name)
                assert live is None or live.version == rows[0].version
                heads[name] = Head(rows[0].version, live.value if live else None)
        last = tx.changes.last()
        page = tx.changes.page(start=1, limit=1000)
        assert [change.revision for change in page] == list(range(1, last + 1))
        keys = [step.key.public_key.key_id for step in (Enrol(1), Enrol(2))]
        enrolled = frozenset(key for key in keys if tx.identities.find_by_key(key))
        return State(last, tuple(sorted(heads.items()))), enrolled

    return store.read_blocking(unit)


def found_in(path: Path, namespace: Namespace) -> tuple[State, frozenset[str]]:
    """Open a database that was left by whatever happened, require it to be sound, and look."""
    with plain(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with opened(path, seed=str(path)) as store:
        return look(store, namespace)
