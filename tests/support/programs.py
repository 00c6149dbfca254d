"""Programs in processes of their own, forked from one that has imported all that they need.

They have their own arguments, environment, folder, session, files and signals, can be killed, and
end with an exit code. Only the half second is saved in which Python imports gRPC and SQLAlchemy; a
test of how a program begins runs it from the command line instead.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import connection, reduction
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

Main = Callable[[], None]
"""What a program does with the arguments in `sys.argv`: a function that another process finds."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.preloaded"])

PATIENCE = 60.0
"""Seconds after which a program is given up; none comes near it."""

_looking = threading.Lock()
"""`multiprocessing` looks after all its processes whenever it starts one, in whatever thread."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a program runs; what is not said is as it is for the tests."""

    folder: Path = field(default_factory=Path.cwd)
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    umask: int = -1
    session: bool = False
    """Whether it leads a session of its own, which has no terminal."""


class _Handed(Protocol):
    def detach(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Descriptor:
    """A descriptor that its holder's copy in another process has too."""

    number: int

    def __reduce__(self) -> tuple[object, ...]:
        return _received, (reduction.DupFd(self.number),)


class Program:
    """A program that runs, with the methods of `subprocess.Popen`; it never outlives the tests.

    Its files are open ones or `subprocess.DEVNULL`, and for what it writes also `subprocess.PIPE`.
    """

    def __init__(
        self,
        main: Main,
        argv: Sequence[str | Path],
        around: Surroundings | None = None,
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
    ) -> None:
        """Start it."""
        given, _ = _ends(stdin)
        out, self.stdout = _ends(stdout)
        err, self.stderr = _ends(stderr)
        handed = [_Descriptor(number) for number in (given, out, err)]
        texts = [str(argument) for argument in argv]
        self._process = PROCESSES.Process(
            target=_run, args=(main, texts, around or Surroundings(), handed), daemon=True
        )
        with _looking:
            self._process.start()
        for number in (given, out, err):
            os.close(number)

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        with _looking:
            return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal; no effect on a program that has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended, or kill it after so many seconds."""
        connection.wait([self._process.sentinel], timeout)
        if (code := self.returncode) is None:
            self.kill()
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Return what it writes until it ends."""
        with ThreadPoolExecutor(2) as pool:
            out, err = (pool.submit(_rest, pipe) for pipe in (self.stdout, self.stderr))
            self.wait(timeout)
        return out.result(), err.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()


def run(
    main: Main,
    argv: Sequence[str | Path],
    around: Surroundings | None = None,
    *,
    stdin: bytes | int = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; its output goes to pipes."""
    with tempfile.TemporaryFile() as given:
        if isinstance(stdin, bytes):
            given.write(stdin)
            given.seek(0)
        program = Program(main, argv, around, stdin=given if isinstance(stdin, bytes) else stdin)
    out, err = program.communicate(PATIENCE)
    return subprocess.CompletedProcess(argv, program.wait(), out, err)


def _ends(wanted: int | IO[bytes]) -> tuple[int, IO[bytes] | None]:
    """Return a descriptor for the program, and the other end of a pipe if it is one."""
    if wanted == subprocess.PIPE:
        ours, theirs = os.pipe()
        return theirs, os.fdopen(ours, "rb")
    if wanted == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    return os.dup(wanted if isinstance(wanted, int) else wanted.fileno()), None


def _rest(pipe: IO[bytes] | None) -> bytes:
    if pipe is None or pipe.closed:
        return b""
    with pipe:
        return pipe.read()


def _received(handed: _Handed) -> _Descriptor:
    return _Descriptor(handed.detach())


def _run(main: Main, argv: list[str], around: Surroundings, handed: list[_Descriptor]) -> None:
    """Become the program, as if Python had just been started for it."""
    for number, descriptor in enumerate(handed):
        os.dup2(descriptor.number, number)
        os.close(descriptor.number)
    if around.session:
        os.setsid()
    if around.umask != -1:
        os.umask(around.umask)
    os.chdir(around.folder)
    os.environ.clear()
    os.environ.update(around.environment)
    sys.argv = argv
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    main()
