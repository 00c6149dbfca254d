"""Resealing what is sealed beside versions of records: name keys of namespaces, and answers.

As reseal.py does it: a look at a few rows, and a transaction for those that need it, again and
again; killed at any moment, it goes on when it is run again.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.tagging import NAMESPACES
from sealwire.storage.transaction import Transaction

UNIT_ROWS: Final = 100
_PAUSES: Final = 2.0  # times the unit before; without, a server's writer would wait for long


@dataclass(frozen=True, slots=True)
class OtherStep:
    """What was done since the last step, and how long it took of the writers' time.

    `damaged` are the tables and rowids of what does not open.
    """

    resealed: int
    damaged: tuple[tuple[str, int], ...]
    seconds: float


class _Page(Protocol):
    """Returns some rowids, in order, from behind one."""

    def __call__(self, tx: Transaction, *, after: int) -> list[int]:
        """Return them; none behind the last."""
        ...


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rows of a table: those behind one, in order; and resealing one, unless it is as it should be.

    `reseal` tells whether it had to, and raises SealError for a row that does not open.
    """

    table: str
    page: _Page
    reseal: Callable[[Transaction, int], bool]


def reseal_others(
    store: Store, *, pause: Callable[[float], None] = time.sleep
) -> Iterator[OtherStep]:
    """Reseal every name key and answer that needs it, and yield after each unit of work.

    What does not open is left as it is, and so is what was sealed to an erased identity.

    Raises:
        UnavailableError: if the database can't be used for long, or the current root key is not at
            hand.
        SealError: if the file itself is damaged.
    """
    for kind in _KINDS:
        for rowids in _pages(store, kind):
            unit = functools.partial(_reseal, kind=kind, rowids=rowids)
            step = patiently(store.write_blocking, unit)
            yield step
            pause(step.seconds * _PAUSES)


def _pages(store: Store, kind: _Kind) -> Iterator[list[int]]:
    after = 0
    while rowids := patiently(store.read_blocking, functools.partial(kind.page, after=after)):
        yield rowids
        after = rowids[-1]


def _reseal(tx: Transaction, *, kind: _Kind, rowids: Sequence[int]) -> OtherStep:
    began, resealed, damaged = time.monotonic(), 0, []
    for rowid in rowids:
        try:
            resealed += kind.reseal(tx, rowid)
        except ErasedError:
            continue
        except SealError:
            damaged.append((kind.table, rowid))
    return OtherStep(resealed, tuple(damaged), time.monotonic() - began)


def _namespaces(tx: Transaction, *, after: int) -> list[int]:
    return tx.authority.rowids(NAMESPACES, after=after, limit=UNIT_ROWS)


def _answers(tx: Transaction, *, after: int) -> list[int]:
    return tx.answers.rowids(after=after, limit=UNIT_ROWS)


def _reseal_name_key(tx: Transaction, rowid: int) -> bool:
    namespace = tx.namespaces.find_by_id(rowid)
    return namespace is not None and tx.namespaces.reseal(namespace)


_KINDS: Final = (
    _Kind(
        NAMESPACES.table.name,
        page=_namespaces,
        reseal=_reseal_name_key,
    ),
    _Kind(
        "answers",
        page=_answers,
        reseal=lambda tx, rowid: tx.answers.reseal(rowid),
    ),
)
