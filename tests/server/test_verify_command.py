"""`sealwire-server verify` beside a server, and on what somebody did to the files.

What it finds, deed by deed: tests/storage/test_verification.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealwire.core.clock import system_clock
from sealwire.server.invitations import open_store
from sealwire.storage import DEFAULT_KEEP_VERSIONS, NewRecord, Transaction
from tests.server.members import Member, enrol, invite
from tests.server.processes import Done, ServerProcess, begin, operate
from tests.support.programs import PATIENCE

RECORDS = 300


@dataclass(frozen=True)
class House:
    """A server with records of alice's, in a namespace of each kind."""

    server: ServerProcess
    alice: Member

    @property
    def directory(self) -> Path:
        return self.server.directory

    def execute(self, statement: str, *parameters: object) -> None:
        """Change rows as any program can."""
        with contextlib.closing(sqlite3.connect(self.directory / "sealwire.db")) as database:
            assert database.execute(statement, parameters).rowcount > 0
            database.commit()

    def verified(self) -> tuple[int, dict[str, Any]]:
        """Return the exit status, and what was printed as JSON."""
        done = operate("verify", self.directory, "--output", "json")
        return done.code, json.loads(done.out)


@pytest.fixture
def house(directory: Path) -> Iterator[House]:
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put("team", "first", b"value")

        now = system_clock()

        def unit(tx: Transaction) -> None:
            plain = tx.namespaces.find("team")
            assert plain is not None
            sealed = tx.namespaces.create_with_sealed_names(
                "secret",
                owner_id=plain.owner_id,
                now=now,
                keep_versions=DEFAULT_KEEP_VERSIONS,
                keep_ms=0,
            )
            for number in range(RECORDS):
                for space in (plain, sealed):
                    tx.records.put(space, NewRecord(f"{number:03}", b"%d" % number), now=now)

        with open_store(server.deployment, random=os.urandom) as store:
            store.write_blocking(unit)
        yield House(server, alice)


def test_beside_a_server_it_looks_at_everything_and_finds_nothing(house: House) -> None:
    done = operate("verify", house.directory)
    assert (done.code, done.err) == (0, "")
    versions = 2 * RECORDS + 1
    assert f", {versions} versions, {versions} changes and 1 answers were checked;" in done.out
    assert done.out.endswith("; nothing is damaged.\n")
    code, document = house.verified()
    assert (code, document["damaged"], document["erased"]) == (0, [], 0)
    assert document["looked_at"]["versions"] == versions
    assert house.server.terminate().code == 0


def test_it_needs_no_server_and_changes_no_file(house: House) -> None:
    assert house.server.terminate().code == 0
    before = {path: path.read_bytes() for path in house.directory.rglob("*") if path.is_file()}
    assert house.verified()[0] == 0
    after = {path: path.read_bytes() for path in house.directory.rglob("*") if path.is_file()}
    assert after == before


def test_what_is_written_meanwhile_is_no_damage(house: House) -> None:
    ended = threading.Event()

    def write() -> None:
        with house.alice.client() as client:
            while not ended.is_set():
                for name in ("first", "001", "busy"):
                    client.put("team", name, b"newer")
                    client.delete("team", name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        outcomes = [house.verified() for _ in range(2)]
    finally:
        ended.set()
        writer.join(PATIENCE)
    assert [(code, document["damaged"]) for code, document in outcomes] == [(0, [])] * 2


# case 61, case 62, case 63
def test_what_is_damaged_is_named_by_namespace_and_name(house: House) -> None:
    for statement in (
        "UPDATE record_versions SET blob = zeroblob(150) WHERE name = '007'",
        "UPDATE record_versions SET size = 9 WHERE name = '008'",
        "DELETE FROM record_versions WHERE name = '009'",
    ):
        house.execute(statement)
    done = operate("verify", house.directory)
    assert done.code == 1
    assert done.out.endswith(" were checked; 3 faults were found.\n")
    seven, eight, nine = done.err.splitlines()
    place = 'version {"namespace": "team", "name": "%s", "version": 1}. Its value does not open.'
    assert seven.startswith("Damaged: " + place % "007")
    assert eight.startswith("Damaged: " + place % "008")
    assert nine.startswith(
        'Damaged: record {"namespace": "team", "name": "009", "version": 1}. All of it is missing'
    )


# case 66
def test_where_names_are_sealed_records_are_named_as_they_are_stored(house: House) -> None:
    house.execute(
        "UPDATE record_versions SET blob = NULL WHERE rowid = (SELECT max(rowid)"
        " FROM record_versions WHERE sealed_name IS NOT NULL)"
    )
    code, document = house.verified()
    (damage,) = document["damaged"]
    assert (code, damage["kind"], damage["place"]["namespace"]) == (1, "record", "secret")
    assert len(damage["place"]["stored_name"]) == 43
    assert f"{RECORDS - 1:03}" not in damage["problem"]


# case 93
def test_a_name_that_an_intruder_wrote_shows_as_text_and_does_nothing(house: House) -> None:
    house.execute("UPDATE record_versions SET name = ? WHERE name = '007'", "\x1b[2J\u202ename")
    done = operate("verify", house.directory)
    assert done.code == 1
    assert '"name": "\\u001b[2J\\u202ename"' in done.err
    assert "\x1b" not in done.err + done.out


def test_a_salt_that_is_lost_is_named_by_its_identity(house: House) -> None:
    salt = house.directory / "salts" / house.alice.identity.id
    kept = salt.read_bytes()
    salt.unlink()
    code, document = house.verified()
    kinds = {damage["kind"] for damage in document["damaged"]}
    assert (code, kinds) == (1, {"salt", "version", "answer", "row of namespaces"})
    salt.write_bytes(kept)
    salt.chmod(0o600)
    assert house.verified()[0] == 0


def test_what_an_erased_identity_left_is_counted_and_is_no_damage(house: House) -> None:
    admin = enrol(invite(house.server.deployment, "admin", role="admin"))
    with admin.client() as client:
        client.identities.erase("alice")
    code, document = house.verified()
    assert (code, document["damaged"]) == (0, [])
    done = operate("verify", house.directory)
    assert done.code == 0


# case 75
def test_a_file_that_is_damaged_is_said_to_be(house: House) -> None:
    assert house.server.terminate().code == 0
    database = house.directory / "sealwire.db"
    data = bytearray(database.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'record_versions'"
        ).fetchone()
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    database.write_bytes(bytes(data))
    done = operate("verify", house.directory)
    assert done.code == 1
    assert 'Damaged: file {"part": "versions"}. Not all of it can be read.' in done.err
    assert "a fault in Sealwire itself" not in done.err


def test_on_a_terminal_it_shows_how_far_it_is(house: House) -> None:
    leader, follower = pty.openpty()
    with begin("verify", house.directory, stderr=follower) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError), os.fdopen(leader, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):  # which fails when nobody has the terminal open
                shown += piece
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out.count(b"\n")) == (0, 1)
    assert b"Verifying" in shown


def test_a_directory_that_is_no_deployment_is_refused(tmp_path: Path) -> None:
    done: Done = operate("verify", tmp_path)
    done.assert_refused("sealwire-server init")
