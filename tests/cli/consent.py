"""Somebody at a terminal who is asked whether they mean it."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

from tests.cli.program import COMMAND, Done, User

QUESTION = b"[y/N] "


def answer(user: User, *arguments: str | Path, typed: bytes) -> Done:
    """Run a command, wait for its question, and type; its output goes to a pipe."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "r+b", buffering=0) as terminal:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=user.home,
            env=user.environment(),
            stdin=follower,
            stdout=subprocess.PIPE,
            stderr=follower,
        )
        os.close(follower)
        shown = b""
        while QUESTION not in shown:
            shown += os.read(terminal.fileno(), 1024)
        terminal.write(typed)
        shown += _rest(terminal.fileno())
        out, _ = process.communicate()
    return Done(process.returncode, out, shown.replace(b"\r\n", b"\n").decode())


def _rest(descriptor: int) -> bytes:
    shown = b""
    while True:
        try:
            shown += os.read(descriptor, 1024)
        except OSError:  # Linux says EIO once the other side is closed
            return shown
