"""What the numbers in rows may be. Rows of records and changes have no tags: a cell holds anything.

What is beyond is refused where a row is taken from the database, so that nothing behind reckons
with it.
"""

from __future__ import annotations

from typing import Final

MAX_NUMBER: Final = 2**63 - 2
"""One less than SQLite and the protocol hold, so that there is a number behind each."""


def are_within(least: int, *numbers: object) -> bool:
    """Tell whether these are all numbers, neither under `least` nor over `MAX_NUMBER`."""
    return all(isinstance(number, int) and least <= number <= MAX_NUMBER for number in numbers)
