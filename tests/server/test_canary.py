"""No file of a deployment ever holds a value, from the first put to the last backup."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwire.client import Client, RemoteError
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess
from tests.support.programs import PATIENCE

# Long enough that no chance puts it anywhere, and compressible, in case something compresses.
CANARIES = [(b"canary %d sings in the deep coal mine " % number) * 40 for number in range(4)]


def forms(value: bytes) -> Iterator[bytes]:
    """Yield what a value may look like in a file."""
    piece = value[:24]
    yield piece
    yield piece[::-1]
    yield piece.hex().encode()
    yield piece.hex().upper().encode()
    for shift in range(3):
        yield base64.b64encode(piece[shift : shift + 21])
        yield base64.urlsafe_b64encode(piece[shift : shift + 21])
    yield piece.decode("latin-1").encode("utf-16-le")


def holding(directory: Path, *needles: bytes) -> list[str]:
    """Return the files in which one of the needles is found."""
    return [
        str(path.relative_to(directory))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


@pytest.fixture
def running(directory: Path) -> Iterator[ServerProcess]:
    with ServerProcess(directory) as process:
        yield process


@pytest.fixture
def client(running: ServerProcess) -> Iterator[Client]:
    with enrol(invite(running.deployment, "alice")).client() as connected:
        yield connected


# case 66
def test_no_file_holds_a_value_at_any_time(
    running: ServerProcess, client: Client, tmp_path: Path
) -> None:
    needles = [form for canary in CANARIES for form in forms(canary)]
    client.put("team", "a findable name", CANARIES[0])
    assert "deployment/sealwire.db-wal" in holding(tmp_path, b"a findable name")
    assert holding(tmp_path, *needles) == []
    for canary in CANARIES[1:]:
        client.put("team", "a findable name", canary)
    assert client.get("team", "a findable name").value == CANARIES[-1]
    back_up(running.directory / "sealwire.db", tmp_path / "backup.db")
    assert "backup.db" in holding(tmp_path, b"a findable name")
    assert holding(tmp_path, *needles) == []
    client.delete("team", "a findable name")
    assert holding(tmp_path, *needles) == []
    assert running.terminate().code == 0
    assert holding(tmp_path, *needles) == []


# case 66
def test_what_a_killed_server_leaves_holds_no_value(
    running: ServerProcess, client: Client, tmp_path: Path
) -> None:
    needles = [form for canary in CANARIES for form in forms(canary)]
    for number, canary in enumerate(CANARIES):
        client.put("team", f"record {number}", canary)
    running.kill()
    assert "deployment/sealwire.db-wal" in holding(tmp_path, b"record 3")
    assert holding(tmp_path, *needles) == []


# case 66
@pytest.mark.parametrize("place", ["in a file", "on a terminal"])
def test_the_log_of_a_damaged_record_shows_where_and_neither_values_nor_keys(
    directory: Path, place: str
) -> None:
    log = logged if place == "in a file" else shown
    with log(directory) as (server, text):
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put("team", "march", CANARIES[0])
            salt = (directory / "salts" / alice.identity.id).read_bytes()
            with contextlib.closing(sqlite3.connect(directory / "sealwire.db")) as database:
                database.execute("UPDATE record_versions SET size = size + 1")
                database.commit()
            with pytest.raises(RemoteError, match="damaged"):  # after it was opened
                client.get("team", "march")
        server.process.terminate()
        said = text()
    assert "Traceback" in said
    assert "does not fit its value" in said
    for secret in (*CANARIES[:1], salt):
        needles = {form.decode("latin-1") for form in forms(secret)} | {repr(secret)[2:18]}
        assert [needle for needle in needles if needle in said] == []
    # Nor bytes of whatever else, as `repr` shows them: these are no source line's.
    assert re.findall(r"""b(?:'[^'\n]{8,}|"[^"\n]{8,})""", said) == []


Text = Callable[[], str]
"""What a server wrote until it ended."""


@contextlib.contextmanager
def logged(directory: Path) -> Iterator[tuple[ServerProcess, Text]]:
    """Serve with the log in a file."""
    with ServerProcess(directory) as server:
        yield server, lambda: server.wait().err


@contextlib.contextmanager
def shown(directory: Path) -> Iterator[tuple[ServerProcess, Text]]:
    """Serve with the log on a terminal."""
    leader, follower = pty.openpty()
    directory.with_name(f"{directory.name}.log").symlink_to(os.ttyname(follower))
    with ThreadPoolExecutor(1) as pool, ServerProcess(directory) as server:
        os.close(follower)
        text = pool.submit(read_to_the_end, leader)
        yield server, lambda: re.sub(r"\x1b\[[0-9;]*m", "", text.result(PATIENCE))


def read_to_the_end(leader: int) -> str:
    seen = b""
    with contextlib.suppress(OSError), os.fdopen(leader, "rb", buffering=0) as terminal:
        while piece := terminal.read(4096):  # which fails when nobody has the terminal open
            seen += piece
    return seen.decode()


def back_up(database: Path, copy: Path) -> None:
    """Copy a database that is in use, as `.backup` of the sqlite3 program does."""
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
