"""Work in a process of its own that is killed at one of its steps: kill -9, nothing cleaned up.

A step is whatever changes a file, every request (it needs a nonce), and every look at the clock.
Between two steps nothing changes on disk, and at most one answer comes, so every state that a kill
can leave is left by a kill at some step.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sealwire.client.renewal import Means
from sealwire.core.clock import system_clock
from tests.support.programs import PROCESSES

Work = Callable[[Path, Means], object]

_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}


@dataclass
class _Steps:
    until: int
    taken: int = 0

    def take(self) -> None:
        self.taken += 1
        if self.taken == self.until:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count what changes files (sys.addaudithook)."""
        created = event == "open" and int(str(arguments[2])) & os.O_CREAT
        if event in _CHANGES or created:
            self.take()

    def clock(self) -> int:
        self.take()
        return system_clock()

    def random(self, size: int) -> bytes:
        self.take()
        return os.urandom(size)


def is_killed(work: Work, folder: Path, *, at: int) -> bool:
    """Do `work` until step `at`; tell whether it got that far, as otherwise it came to its end."""
    process = PROCESSES.Process(target=_work, args=(work, folder, at))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def _work(work: Work, folder: Path, until: int) -> None:
    steps = _Steps(until)
    sys.addaudithook(steps.audit)
    work(folder, Means(steps.clock, steps.random))
