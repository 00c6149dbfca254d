"""No file of a deployment ever holds a value, from the first put to the last backup."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client import Client
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess

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
    yield piece.decode().encode("utf-16-le")


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


def back_up(database: Path, copy: Path) -> None:
    """Copy a database that is in use, as `.backup` of the sqlite3 program does."""
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
