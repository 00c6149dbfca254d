"""Runs `sealwire-server migrate` in one child after the other; each dies before another step.

A step is a statement, or what makes a file durable or gives it its name.

A program of its own, because a process with gRPC's threads must not be forked. Given a deployment
and the database that it begins with, it prints what each child left behind, as a line of JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import sealwire.server.deployment  # noqa: F401 - or each child imports it anew
from sealwire.server.cli import cli
from sealwire.storage.engine import memory_engine
from sealwire.storage.revisions import upgrade_connection

NEVER = sys.maxsize


def migrate(directory: Path, *, fatal: int) -> bool:
    """Migrate in a child that dies before its step of this number; tell whether it did."""
    child = os.fork()
    if child == 0:
        _die_before(fatal)
        with contextlib.redirect_stdout(io.StringIO()):
            cli(["migrate", str(directory)], standalone_mode=False)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, status
    return killed


def _die_before(fatal: int) -> None:
    connect, link, fsync, numbers = sqlite3.connect, os.link, os.fsync, itertools.count(1)

    def count(_statement: str) -> None:
        if next(numbers) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_link(*args: Any, **options: Any) -> None:
        count("link")
        link(*args, **options)

    def counted_fsync(descriptor: int) -> None:
        count("fsync")
        fsync(descriptor)

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
    os.link, os.fsync = counted_link, counted_fsync  # type: ignore[assignment]


def state(database: Path) -> dict[str, Any]:
    """Return the revision that the database says it has, a digest of all that is in it, its salts.

    And whether the file says that old pages may hold more.
    """
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        (marked,) = connection.execute("PRAGMA user_version").fetchone()
        dump = "\n".join(connection.iterdump())
    finally:
        connection.close()
    digest = hashlib.sha256(dump.encode()).hexdigest()
    salts = {path.name: path.read_bytes().hex() for path in database.parent.glob("salts/[!.]*")}
    return {"revision": revision, "digest": digest, "salts": salts, "marked": marked}


def main(directory: Path, first: Path) -> None:
    """Let one die before every third step that there is, and the next one finish."""
    with memory_engine().connect() as connection:
        upgrade_connection(connection)  # so that the children find all that it takes loaded
    database = directory / "sealwire.db"
    for fatal in itertools.count(1, 3):
        for path in directory.glob("sealwire.db*"):
            path.unlink()
        shutil.rmtree(directory / "salts", ignore_errors=True)
        shutil.copyfile(first, database)
        killed = migrate(directory, fatal=fatal)
        left = state(database)
        migrate(directory, fatal=NEVER)
        print(json.dumps({"killed": killed, "left": left, "then": state(database)}), flush=True)
        if not killed:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
