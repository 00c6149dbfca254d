"""What a verification finds, and how it goes from one bounded unit of reading to the next."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

P = TypeVar("P")

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
        finding, position = patiently(store.read_blocking, functools.partial(look, position))
        yield finding
