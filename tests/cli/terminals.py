"""People at a terminal: they wait for a question before they type, and pipes are free meanwhile."""

from __future__ import annotations

import os
import pty
import select
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sealwire.client.cli import main
from tests.cli.program import Done, User
from tests.support.programs import Program, Surroundings

INTERRUPT = b"\x03"
Answer = tuple[str, bytes]
"""A part of the question, and what is typed then."""


def converse(
    user: User, arguments: Sequence[str | Path], *answers: Answer, stdin: bytes = b""
) -> tuple[Done, str]:
    """Run a command beside a terminal; answer its questions; return what the terminal showed.

    The command's own input and output are no terminal.
    """
    leader, follower = pty.openpty()
    with (
        os.fdopen(leader, "r+b", buffering=0),
        os.fdopen(follower, "rb", buffering=0),
        tempfile.TemporaryFile() as given,
    ):
        given.write(stdin)
        given.seek(0)
        around = Surroundings(user.home, user.environment(), session=True)
        argv = [os.ttyname(follower), *arguments]
        with Program(_at_terminal, argv, around, stdin=given) as process:
            try:
                shown = "".join(_answered(leader, process, answer) for answer in answers)
                out, err = process.communicate()
            finally:
                process.kill()
        os.set_blocking(leader, False)
        shown += _rest(leader)
    return Done(process.wait(), out, err.decode()), shown


def _at_terminal() -> None:
    """Run beside the terminal that the first word names.

    A session leader without a terminal gets the first one that it opens (tty_ioctl(4)).
    """
    os.open(sys.argv[0], os.O_RDWR)
    main()


def _answered(leader: int, process: Program, answer: Answer) -> str:
    """Type an answer when its question comes; return what the terminal showed until then."""
    question, typed = answer
    assert process.stderr is not None
    complaint = process.stderr.fileno()
    shown = b""
    while not shown.endswith(b": "):
        ready, _, _ = select.select([leader, complaint], [], [])
        if leader not in ready:  # it ended, or says what is wrong: the test finds that out
            return shown.decode()
        shown += os.read(leader, 1024)
    assert question in shown.decode()
    os.write(leader, typed)
    return shown.decode()


def _rest(leader: int) -> str:
    try:
        return os.read(leader, 65536).decode()
    except BlockingIOError:
        return ""
