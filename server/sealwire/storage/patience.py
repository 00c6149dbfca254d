"""Waiting for the database while other processes write to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sealwire.core.errors import UnavailableError
from sealwire.storage.transaction import Transaction

T = TypeVar("T")

_ATTEMPTS: Final = 12  # each waits for the database for as long as a writer does


def patiently(
    run: Callable[[Callable[[Transaction], T]], T], unit: Callable[[Transaction], T]
) -> T:
    """Return what the unit returns, once other processes let go of the database.

    Raises:
        UnavailableError: if they do not for a minute, or it can't be used for another reason.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return run(unit)
        except UnavailableError:
            continue
    return run(unit)
