from __future__ import annotations

import time

from sealwire.core.clock import system_clock


def test_the_system_clock_counts_milliseconds_since_the_unix_epoch() -> None:
    before = time.time_ns()
    now = system_clock()
    after = time.time_ns()
    assert before // 1_000_000 <= now <= after // 1_000_000
