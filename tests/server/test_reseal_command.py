"""`sealwire-server reseal` beside a server that is written to, and killed again and again.

When it dies is counted in records that it has resealed, drawn from a seeded generator, so that the
test does not depend on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.client import AsyncClient
from sealwire.server.invitations import open_store
from sealwire.storage import NewRecord, Transaction
from tests.server.keyring import rotated
from tests.server.members import Member, enrol, invite
from tests.server.processes import Done, ServerProcess, begin, operate
from tests.support.event_loops import LoopThread
from tests.support.programs import PATIENCE

NAMESPACE = "team"
RECORDS = 4_000
WRITERS = 3
KILLS = 12
ANSWER_TOO = "1 name keys and answers were resealed, and 0 rows tagged anew; 0 were altered.\n"
"""What is said of the answer to the one request that came through the server."""


@dataclass(frozen=True)
class House:
    """A server with records that were sealed to alice's first key; she has another one now."""

    server: ServerProcess
    alice: Member

    @property
    def directory(self) -> Path:
        return self.server.directory

    def resealed(self) -> int:
        """Return how many of the records are sealed to the new key."""
        with contextlib.closing(sqlite3.connect(self.directory / "sealwire.db")) as database:
            (count,) = database.execute(
                "SELECT count(*) FROM record_versions"
                " WHERE substr(blob, 11, 32) = ? AND name < 'w'",
                (self.alice.key.public_key.raw,),
            ).fetchone()
        return int(count)

    def listed(self) -> list[tuple[object, ...]]:
        """Return all about the records but what is sealed."""
        with contextlib.closing(sqlite3.connect(self.directory / "sealwire.db")) as database:
            return database.execute(
                "SELECT name, version, size, created_at, updated_at FROM record_versions"
                " WHERE name < 'w' ORDER BY name, version"
            ).fetchall()


def value_of(number: int) -> bytes:
    """Return what a record holds: few bytes, or now and then many."""
    return b"%d " % number * (3_000 if number % 100 == 0 else 3)


@pytest.fixture
def house(directory: Path) -> Iterator[House]:
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put(NAMESPACE, "0", value_of(0))

        def unit(tx: Transaction) -> None:
            namespace = tx.namespaces.find(NAMESPACE)
            assert namespace is not None
            for number in range(1, RECORDS):
                tx.records.put(namespace, NewRecord(str(number), value_of(number)), now=1)

        with open_store(server.deployment, random=os.urandom) as store:
            store.write_blocking(unit)
        yield House(server, rotated(alice))


@contextlib.asynccontextmanager
async def writers(alice: Member) -> AsyncIterator[list[int]]:
    """Write and read on several connections until the block ends; count what was acknowledged."""
    counts, ended = [0] * WRITERS, asyncio.Event()

    async def write(client: AsyncClient, number: int) -> None:
        while not ended.is_set():
            counts[number] += 1
            info = await client.put(NAMESPACE, f"w{number}", b"%d" % counts[number])
            assert info.version == counts[number]
            base = counts[number] * 37 % RECORDS
            assert (await client.get(NAMESPACE, str(base))).value == value_of(base)

    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(alice.async_client()) for _ in counts]
        tasks = [asyncio.create_task(write(client, n)) for n, client in enumerate(clients)]
        yield counts
        ended.set()
        await asyncio.gather(*tasks)


def killed_at(house: House, wanted: int) -> None:
    """Reseal until so many records were, then kill."""
    with begin("reseal", house.directory) as process:
        deadline = time.monotonic() + PATIENCE
        while house.resealed() < wanted and process.returncode is None:
            assert time.monotonic() < deadline
        process.kill()
        process.communicate(timeout=PATIENCE)


# case 70, case 99
@pytest.mark.timeout(300)
def test_killed_again_and_again_beside_a_loaded_server_it_loses_and_repeats_nothing(
    house: House, loop: LoopThread
) -> None:
    before = house.listed()
    chance = random.Random(99)  # noqa: S311 - to be repeatable
    kills = sorted(chance.sample(range(1, RECORDS), KILLS))

    async def run() -> int:
        async with writers(house.alice) as counts:
            for wanted in kills:
                done = house.resealed()
                await asyncio.to_thread(killed_at, house, max(wanted, done + 1))
                assert house.resealed() >= done
            left = RECORDS - house.resealed()
            last = await asyncio.to_thread(operate, "reseal", house.directory, "--output", "json")
            assert (last.code, last.err) == (0, "")
            document = json.loads(last.out)
            assert (document["resealed"], document["damaged"]) == (left, 0)
            return min(counts)

    assert loop.run(run()) > KILLS
    assert house.resealed() == RECORDS
    assert house.listed() == before
    with house.alice.client() as client:
        for number in range(0, RECORDS, 50):
            assert client.get(NAMESPACE, str(number)).value == value_of(number)
    assert house.server.terminate().code == 0


def test_two_at_once_reseal_each_record_once(house: House) -> None:
    both = [begin("reseal", house.directory, "--output", "json") for _ in range(2)]
    outcomes = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(outcome["resealed"] for outcome in outcomes) == RECORDS
    assert house.resealed() == RECORDS


def damage(house: House, *names: str) -> None:
    with contextlib.closing(sqlite3.connect(house.directory / "sealwire.db")) as database:
        for name in names:
            database.execute(
                "UPDATE record_versions SET blob = zeroblob(50) WHERE name = ?", (name,)
            )
        database.commit()


def test_a_record_that_does_not_open_is_named_and_the_others_are_resealed(house: House) -> None:
    damage(house, "7", "8")
    done = operate("reseal", house.directory)
    assert done == Done(
        1,
        f"{RECORDS - 2} of {RECORDS} records were resealed; 2 do not open.\n{ANSWER_TOO}",
        'The record "7" in "team" does not open, and was left as it is.\n'
        'The record "8" in "team" does not open, and was left as it is.\n',
    )
    assert operate("reseal", house.directory).code == 1


def test_it_needs_no_server_and_says_nothing_but_what_it_did(house: House) -> None:
    assert house.server.terminate().code == 0
    first, second = (operate("reseal", house.directory) for _ in range(2))
    sentence = "{} of {} records were resealed; 0 do not open.\n"
    assert first == Done(0, sentence.format(RECORDS, RECORDS) + ANSWER_TOO, "")
    assert second == Done(0, sentence.format(0, RECORDS), "")


def test_on_a_terminal_it_shows_how_far_it_is(house: House) -> None:
    leader, follower = pty.openpty()
    with begin("reseal", house.directory, stderr=follower) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError), os.fdopen(leader, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):  # which fails when nobody has the terminal open
                shown += piece
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    sentence = f"{RECORDS} of {RECORDS} records were resealed; 0 do not open.\n{ANSWER_TOO}"
    assert out.decode() == sentence
    assert b"Resealing" in shown
    assert b"%d/%d" % (RECORDS, RECORDS) in shown


def test_a_directory_that_is_no_deployment_is_refused(tmp_path: Path) -> None:
    operate("reseal", tmp_path).assert_refused("sealwire-server init")
