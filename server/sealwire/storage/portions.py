"""How much one unit of housekeeping removes, so that it holds nobody up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

MAX_ROWS: Final = 200
"""How many versions of records."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""How many bytes of their values: what is freed is overwritten."""


class Place(NamedTuple):
    """One version of a record, and how many bytes its value has, or had."""

    namespace_id: int
    stored_name: str
    version: int
    size: int


def portion(rows: Iterable[tuple[Any, ...]]) -> Iterator[Place]:
    """Yield the first of the places in `rows`, and as many more as one unit may remove with it."""
    count, size = 0, 0
    for row in rows:
        place = Place(*row)
        count, size = count + 1, size + place.size
        if count > 1 and (count > MAX_ROWS or size > MAX_BYTES):
            return
        yield place
