"""`sealwire-server` as an operator runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sealwire.core.invitation import ServerIdentity
from sealwire.server.cli import main
from sealwire.server.deployment import Deployment, load_deployment
from tests.server.served import HOST, reached_at
from tests.support.programs import PATIENCE, Main, Program, Surroundings, run

PROGRAM = "sealwire-server"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def assert_refused(self, sentence: str) -> None:
        """Fail unless the command printed nothing but a line about what is wrong."""
        assert (self.code, self.out, self.err.count("\n")) == (1, "", 1), self
        assert self.err.startswith("sealwire-server: "), self
        assert sentence in self.err
        assert "a fault in Sealwire itself" not in self.err


def operate(*arguments: str | Path, umask: int = -1) -> Done:
    """Run a command to its end, with nobody to ask."""
    return _done(run(main, [PROGRAM, *arguments], Surroundings(umask=umask)))


def operate_at_terminal(typed: bytes, *arguments: str | Path) -> Done:
    """Run a command to its end, with somebody at a terminal who has typed ahead."""
    leader, follower = pty.openpty()
    try:
        os.write(leader, typed)
        return _done(run(main, [PROGRAM, *arguments], stdin=follower))
    finally:
        os.close(leader)
        os.close(follower)


def begin(*arguments: str | Path, stderr: int = subprocess.PIPE) -> Program:
    """Start a command."""
    return Program(main, [PROGRAM, *arguments], stderr=stderr)


def _done(ended: subprocess.CompletedProcess[bytes]) -> Done:
    return Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def init(directory: Path) -> Path:
    """Make a deployment that takes any free port."""
    done = operate("init", directory, "--host", HOST, "--listen", f"{HOST}:0")
    assert done.code == 0, done.err
    return directory


class ServerProcess:
    """A served deployment; leaving the `with` block kills what is left of it."""

    def __init__(self, directory: Path, program: Main = main) -> None:
        """Start, and return once the server says that it answers."""
        self.directory = directory
        self.log_file = directory.with_name(f"{directory.name}.log")
        with self.log_file.open("ab") as log:
            self.process = Program(program, [PROGRAM, "serve", directory], stderr=log)
        self.announcement = self._announcement()
        address = self.announcement.rstrip("\n").rpartition(" ")[2]
        self.deployment: Deployment = reached_at(load_deployment(directory), address)

    @property
    def identity(self) -> ServerIdentity:
        """What clients know of the server."""
        return self.deployment.server_identity

    def terminate(self) -> Done:
        """Stop the server as an operator would, and return what it left behind."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> Done:
        """Return when the server has ended."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        log = self.log_file.read_text()
        return Done(self.process.wait(), self.announcement + out.decode(), log)

    def kill(self) -> None:
        """End the server as a crash would."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log, each of which is one JSON object."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.kill()  # no effect on one that has ended, but closes the pipe

    def _announcement(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"the server did not start: {self.log_file.read_text()}")
        return line
