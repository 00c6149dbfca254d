"""No change of authority is acknowledged before it is in the journal, whatever happens to either.

A real server is stopped between its commit and its line by holding the journal's lock.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import itertools
import json
import random
import resource
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealwire.client import TransportError
from sealwire.storage import JournalLine
from sealwire.storage.journal_lines import encode
from tests.server.cast import Actor, outcome, refused
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.server.restoring import ahead, back_up, put_back, take_up
from tests.support.programs import PATIENCE

NAMESPACE = "team/x"
ROUNDS = 15
MOST_LABELS = 30


@dataclass(frozen=True)
class Scene:
    """A server process, an admin at work, and a member who is to be revoked."""

    server: ServerProcess
    root: Actor
    bob: Member

    @property
    def directory(self) -> Path:
        return self.server.directory

    @property
    def journal(self) -> Path:
        return self.directory / "authority.journal"

    def sequence(self) -> int:
        """Return how many changes are committed."""
        with contextlib.closing(sqlite3.connect(self.directory / "sealwire.db")) as database:
            (sequence,) = database.execute("SELECT sequence FROM authority").fetchone()
        return int(sequence)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text("ascii").splitlines()]

    def revoke(self) -> str:
        """Revoke bob's key, and return the answer."""
        return outcome(self.root.client.keys.revoke, self.bob.key.public_key.key_id)


@pytest.fixture
def scene(directory: Path) -> Iterator[Scene]:
    with ServerProcess(directory) as server, contextlib.ExitStack() as stack:
        root = enrol(invite(server.deployment, "root", role="admin"))
        bob = enrol(invite(server.deployment, "bob"))
        yield Scene(server, Actor(root, stack.enter_context(root.client())), bob)


def await_sequence(scene: Scene, wanted: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while scene.sequence() < wanted:
        assert time.monotonic() < deadline


# case 98
def test_killed_between_its_commit_and_its_line_it_has_acknowledged_nothing_and_loses_nothing(
    scene: Scene,
) -> None:
    backup = back_up(scene.directory)
    before = scene.sequence()
    with (
        concurrent.futures.ThreadPoolExecutor() as pool,
        scene.journal.open("rb") as journal,
    ):
        fcntl.flock(journal, fcntl.LOCK_EX)
        answer = pool.submit(scene.revoke)
        await_sequence(scene, before + 1)
        assert not answer.done()
        assert scene.lines()[-1]["sequence"] == before
        scene.server.kill()
        with pytest.raises(TransportError):
            answer.result()
    with ServerProcess(scene.directory) as again:
        (last,) = scene.lines()[before:]
        assert (last["sequence"], last["to"]["state"]) == (before + 1, "revoked")
        bob = scene.bob.at(again.identity)
        with bob.client() as client:
            assert refused(client.whoami) == "UNAUTHENTICATED"
        assert again.terminate().code == 0
    put_back(backup, scene.directory)
    assert "revoked" in take_up(scene.directory).out
    with ServerProcess(scene.directory) as again, ahead(scene.bob, again.identity).client() as bobs:
        assert refused(bobs.whoami) == "UNAUTHENTICATED"


@contextlib.contextmanager
def no_room(scene: Scene, *, left: int) -> Iterator[None]:
    """Let no file of the server grow beyond so many bytes more than its journal, the longest."""
    pid, size = scene.server.process.pid, scene.journal.stat().st_size
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + left, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.fixture
def long_journal(scene: Scene) -> Iterator[Scene]:
    """The same, after its journal was begun anew with a line longer than any other file."""
    assert scene.server.terminate().code == 0
    first = JournalLine(scene.sequence(), 0, {"change": "begins", "table": "x" * 8_000_000})
    scene.journal.write_bytes(encode(first))
    with ServerProcess(scene.directory) as server:
        root, bob = (member.at(server.identity) for member in (scene.root.member, scene.bob))
        with root.client() as client:
            yield Scene(server, Actor(root, client), bob)


# case 72
def test_without_room_for_the_line_a_change_is_in_force_but_not_acknowledged(
    long_journal: Scene,
) -> None:
    scene, before = long_journal, long_journal.sequence()
    client = scene.root.client
    client.put(NAMESPACE, "record", b"value")
    with scene.bob.client() as bobs, no_room(scene, left=10):
        assert scene.revoke() == "UNAVAILABLE"
        assert refused(bobs.whoami) == "UNAUTHENTICATED"
        # Asking again confirms nothing, and no write is acknowledged; reading goes on.
        assert scene.revoke() == "UNAVAILABLE"
        assert outcome(client.put, NAMESPACE, "record", b"newer") == "UNAVAILABLE"
        assert client.get(NAMESPACE, "record").value == b"value"
    assert scene.revoke() == "OK"
    assert client.put(NAMESPACE, "record", b"newer").version == 2
    revoked = [line for line in scene.lines() if line.get("to", {}).get("state") == "revoked"]
    assert [line["rows"][0]["public_key_id"] for line in revoked] == [
        scene.bob.key.public_key.key_id
    ]
    assert scene.lines()[-1]["sequence"] == scene.sequence() > before
    assert scene.server.terminate().code == 0


def test_a_server_that_ends_without_room_has_the_line_written_by_the_next(
    long_journal: Scene,
) -> None:
    scene = long_journal
    with no_room(scene, left=0):
        assert scene.revoke() == "UNAVAILABLE"
        scene.server.kill()
    before = scene.lines()[-1]["sequence"]
    with ServerProcess(scene.directory) as again:
        assert scene.lines()[-1]["sequence"] == scene.sequence() == before + 1
        assert again.terminate().code == 0


# case 70, case 98
@pytest.mark.timeout(300)
def test_killed_again_and_again_its_journal_has_all_that_was_acknowledged(scene: Scene) -> None:
    """An admin labels bob with one number after the other; the server dies in the middle of it."""
    chance = random.Random(98)  # noqa: S311 - to be repeatable
    numbers = itertools.count(1)
    told: list[int] = []
    assert scene.server.terminate().code == 0
    for _ in range(ROUNDS):
        with ServerProcess(scene.directory) as server:
            assert scene.lines()[-1]["sequence"] == scene.sequence()
            assert set(told) <= set(labelled := labels(scene))
            assert labelled == sorted(set(labelled))
            root = scene.root.member.at(server.identity)
            told += label_until_killed(server, root, numbers, chance.randint(1, MOST_LABELS))
        assert set(told) <= set(labels(scene))
    assert [line["sequence"] for line in scene.lines()] == list(range(1, len(scene.lines()) + 1))


def labels(scene: Scene) -> list[int]:
    """Return the numbers that the journal says bob was labelled with."""
    texts = [line["to"]["labels"] for line in scene.lines() if "labels" in line.get("to", {})]
    return [int(json.loads(text)["number"]) for text in texts]


def label_until_killed(
    server: ServerProcess, root: Member, numbers: Iterator[int], lethal: int
) -> list[int]:
    """Kill the server after so many acknowledgements; return what was acknowledged."""
    told: list[int] = []

    def label() -> None:
        with root.client() as client, contextlib.suppress(TransportError):
            for number in numbers:
                client.identities.set_labels("bob", {"number": str(number)})
                told.append(number)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        labelling = pool.submit(label)
        while len(told) < lethal:
            assert not labelling.done(), labelling.result()
        server.kill()
        labelling.result(PATIENCE)
    return told
