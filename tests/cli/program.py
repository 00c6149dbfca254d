"""Running `sealwire` as a user does: a process of its own, a configuration directory of its own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.home,
            env=self.environment(**extra),
            input=stdin,
            capture_output=True,
            check=False,
            start_new_session=True,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def start(self, *arguments: str | Path, umask: int = -1) -> subprocess.Popen[bytes]:
        """Start a command, and leave it running."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            umask=umask,
        )

    def run_on_terminal(self, *arguments: str | Path, typed: bytes = b"") -> Done:
        """Run a command on a terminal of its own; only what is an error goes to a pipe."""
        leader, follower = pty.openpty()
        with os.fdopen(leader, "r+b", buffering=0) as terminal:
            terminal.write(typed)
            with subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.home,
                env=self.environment(COLUMNS="200", TERM="xterm"),
                stdin=follower,
                stdout=follower,
                stderr=subprocess.PIPE,
            ) as process:
                os.close(follower)
                shown = _read_terminal(terminal.fileno())
                _, err = process.communicate()
        return Done(process.returncode, shown, err.decode())


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
