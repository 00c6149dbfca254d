"""Running `sealwire` as a user does: a process of its own, a configuration directory of its own."""

from __future__ import annotations

import json
import os
import pty
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealwire.client.cli import main
from tests.support.programs import Program, Surroundings, run

COMMAND = (sys.executable, "-m", "sealwire.client.cli")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: bytes
    err: str

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass(frozen=True)
class User:
    """Somebody with a home of their own, in which nothing is set up."""

    home: Path

    @property
    def profiles(self) -> Path:
        return self.home / "config" / "sealwire" / "profiles"

    def environment(self, **extra: str) -> dict[str, str]:
        ours = ("SEALWIRE_", "GRPC_", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "XDG_CONFIG_HOME": str(self.home / "config"), **extra}

    def run(self, *arguments: str | Path, stdin: bytes = b"", **extra: str) -> Done:
        """Run a command whose output goes to pipes, with no terminal anywhere."""
        around = Surroundings(self.home, self.environment(**extra), session=True)
        done = run(main, ["sealwire", *arguments], around, stdin=stdin)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def start(self, *arguments: str | Path, umask: int = -1) -> Program:
        """Start a command, and leave it running."""
        around = Surroundings(self.home, self.environment(), umask)
        return Program(main, ["sealwire", *arguments], around)

    def run_on_terminal(self, *arguments: str | Path, typed: bytes = b"") -> Done:
        """Run a command on a terminal of its own; only what is an error goes to a pipe."""
        leader, follower = pty.openpty()
        with os.fdopen(leader, "r+b", buffering=0) as terminal:
            terminal.write(typed)
            around = Surroundings(self.home, self.environment(COLUMNS="200", TERM="xterm"))
            argv = ["sealwire", *arguments]
            with Program(main, argv, around, stdin=follower, stdout=follower) as process:
                os.close(follower)
                shown = _read_terminal(terminal.fileno())
                _, err = process.communicate()
        return Done(process.wait(), shown, err.decode())


def _read_terminal(descriptor: int) -> bytes:
    shown = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO once the other side is closed
            return shown
        if not piece:
            return shown
        shown += piece
