"""`sealwire-server`, killed before the n-th thing that it does to a file of its deployment."""

from __future__ import annotations

import functools
import os
import signal
import sys
from pathlib import Path

from sealwire.server.cli import main
from tests.server.processes import PROGRAM
from tests.support.programs import Main, run

CHANGES = {
    "os.rename",
    "os.remove",
    "os.link",
    "os.chmod",
    "os.mkdir",
    "os.truncate",
    "sqlite3.connect",
}


def is_killed(directory: Path, *arguments: str | Path, at: int, program: Main = main) -> bool:
    """Run a command until step `at`; tell whether it got that far, or else came to its end."""
    work = functools.partial(_until_killed, program)
    done = run(work, [str(at), directory, *arguments])
    assert done.returncode in {0, -signal.SIGKILL}, done
    return done.returncode != 0


def _until_killed(program: Main) -> None:
    left, directory, *arguments = sys.argv
    steps = iter(range(int(left)))

    def watch(event: str, given: tuple[object, ...]) -> None:
        writes = event == "open" and int(str(given[2])) & (os.O_WRONLY | os.O_RDWR)
        is_step = (writes or event in CHANGES) and directory in str(given[0])
        if is_step and next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = [PROGRAM, *arguments]
    sys.addaudithook(watch)
    program()
