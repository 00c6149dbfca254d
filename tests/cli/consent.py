"""Somebody at a terminal who is asked whether they mean it."""

from __future__ import annotations

import os
import pty
from pathlib import Path

from sealwire.client.cli import main
from tests.cli.program import Done, User
from tests.support.programs import Program, Surroundings

QUESTION = b"[y/N] "
NAME_WANTED = b" to go on: "


def answer(user: User, *arguments: str | Path, typed: bytes, question: bytes = QUESTION) -> Done:
    """Run a command, wait for its question, and type; its output goes to a pipe."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "r+b", buffering=0) as terminal:
        around = Surroundings(user.home, user.environment())
        argv = ["sealwire", *arguments]
        process = Program(main, argv, around, stdin=follower, stderr=follower)
        os.close(follower)
        shown = b""
        while question not in shown:
            shown += os.read(terminal.fileno(), 1024)
        terminal.write(typed)
        shown += _rest(terminal.fileno())
        out, _ = process.communicate()
    return Done(process.wait(), out, shown.replace(b"\r\n", b"\n").decode())


def _rest(descriptor: int) -> bytes:
    shown = b""
    while True:
        try:
            shown += os.read(descriptor, 1024)
        except OSError:  # Linux says EIO once the other side is closed
            return shown
