"""A real `sealwire-server`, in a process of its own."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sealwire.server.cli import main
from tests.support.programs import Program, run

PROGRAM = "sealwire-server"
HOST = "127.0.0.1"


@dataclass
class Server:
    """A deployment in a directory, served until the `with` block ends."""

    directory: Path
    address: str
    _process: Program | None = None

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Make a deployment on a port that is free now: its invitations must name it."""
        with socket.create_server((HOST, 0)) as held:
            address = f"{HOST}:{held.getsockname()[1]}"
        operate("init", directory, "--host", HOST, "--listen", address)
        return cls(directory, address)

    def __enter__(self) -> Self:
        log = (self.directory / "server.log").open("wb")
        self._process = Program(main, [PROGRAM, "serve", self.directory], stderr=log)
        log.close()
        assert self._process.stdout is not None
        assert self.address in self._process.stdout.readline().decode()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate()

    def invite(self, name: str, out: Path, *options: str) -> Path:
        """Return the file of a new invitation."""
        operate("invite", self.directory, name, "--out", out, *options)
        return out


def operate(*arguments: str | Path) -> None:
    """Run an operator's command that must succeed."""
    done = run(main, [PROGRAM, *arguments])
    assert done.returncode == 0, done.stderr.decode()
