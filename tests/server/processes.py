"""`sealwire-server` as an operator runs it: the installed program, in a process of its own."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sealwire.core.invitation import ServerIdentity
from sealwire.server.deployment import Deployment, load_deployment
from tests.server.served import HOST, reached_at

PROGRAM = Path(sysconfig.get_path("scripts")) / "sealwire-server"
PATIENCE = 60.0
"""Seconds after which a program is given up; none comes near it."""


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
    """Run a command to its end."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        umask=umask,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def init(directory: Path) -> Path:
    """Make a deployment that takes any free port."""
    done = operate("init", directory, "--host", HOST, "--listen", f"{HOST}:0")
    assert done.code == 0, done.err
    return directory


class ServerProcess:
    """A served deployment; leaving the `with` block kills what is left of it."""

    def __init__(self, directory: Path) -> None:
        """Start, and return once the server says that it answers."""
        self.directory = directory
        self.log_file = directory.with_name(f"{directory.name}.log")
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", directory], stdout=subprocess.PIPE, stderr=log, text=True
            )
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
        return Done(self.process.returncode, self.announcement + out, self.log_file.read_text())

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
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"the server did not start: {self.log_file.read_text()}")
        return line
