"""What a verification finds, and how it goes from one bounded unit of reading to the next."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sealwire.core.errors import ErasedError, SealError, UnavailableError
from sealwire.storage.failures import translated
from sealwire.storage.inspection import LAST_ROWID, Inspected, StoredAnswer
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

P = TypeVar("P")
T = TypeVar("T")

UNIT_ROWS: Final = 200
"""How many rows one unit looks at."""
UNIT_BYTES: Final = 4 * 1024 * 1024
"""How many bytes of values it opens, unless one value alone has more."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as the server left it: what kind of thing, which one, and why.

    `place` says which by names and numbers, `problem` is a sentence; neither holds a value.
    """

    kind: str
    place: Mapping[str, str | int]
    problem: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at in one unit: how many of what, and which of them are damaged.

    `erased` of them were sealed to identities that were erased since: nobody can open them.
    """

    what: str
    looked_at: int
    damage: tuple[Damage, ...] = ()
    erased: int = 0


def portions(
    store: Store, look: Callable[[P, Transaction], tuple[Finding, P | None]], start: P
) -> Iterator[Finding]:
    """Yield what one unit after the other finds, each from where the one before ended.

    Raises:
        UnavailableError: if the database can't be used for long.
        SealError: if the file itself is damaged.
    """
    position: P | None = start
    while position is not None:
        finding, position = patiently(store.read_blocking, whole(functools.partial(look, position)))
        yield finding


def whole(look: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """Return a unit that looks with `look`, and which no text ends, whatever its bytes."""

    def unit(tx: Transaction) -> T:
        with tx.inspection.any_text():
            return look(tx)

    return unit


def behind(rowid: int) -> int | None:
    """Return the rowid from which to go on behind one; None if there can be none."""
    return None if rowid == LAST_ROWID else rowid + 1


def behind_page(page: Sequence[Inspected] | Sequence[StoredAnswer]) -> int | None:
    """Return the rowid from which to go on behind a page; None at the end.

    A page that is not full is the last: what is written meanwhile is not chased.
    """
    return behind(page[-1].rowid) if len(page) == UNIT_ROWS else None


def examined(
    kind: str, place: Mapping[str, str | int], look: Callable[[], Iterable[Damage]]
) -> list[Damage]:
    """Return what `look` finds out about one row; that the row is damaged, if it can't tell.

    Raises:
        ErasedError, UnavailableError, sqlite3.Error: as `look`, where that is not the row's doing.
    """
    try:
        return list(look())
    except (ErasedError, UnavailableError):
        raise
    except SealError as error:
        return [Damage(kind, place, str(error))]
    except Exception as error:
        # Whoever can write to the file must not be able to end a verification with one cell: so
        # whatever it is that a cell leads to, the row is named, and the rows behind are looked at.
        if translated(error) is not error:
            raise
        return [Damage(kind, place, f"What it holds can't be understood ({type(error).__name__}).")]
