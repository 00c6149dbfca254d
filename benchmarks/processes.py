"""The two servers that are compared, each in a process of its own, and what they cost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server, its address, and its accounts in /proc."""

    pid: int
    address: str

    def cpu_seconds(self) -> float:
        """Return the processor time, user and system, that the process has used so far."""
        # Fields 14 and 15; the name in field 2 may hold spaces, so count from behind it.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def resident_mib(self) -> float:
        """Return the resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * _PAGE_BYTES / 2**20


@contextlib.contextmanager
def running(module: str, *arguments: str) -> Iterator[ServerProcess]:
    """Run a module that prints one line ending in HOST:PORT once it answers; stop it at the end."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline().split() if process.stdout else []
        try:
            if not line:
                raise RuntimeError(f"{module} did not start")
            yield ServerProcess(process.pid, line[-1])
        finally:
            process.terminate()
