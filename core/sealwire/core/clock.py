"""Time as a parameter: every reader of the clock is handed one of these."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns milliseconds since the Unix epoch."""


def system_clock() -> int:
    """Return the wall clock's milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
