"""kill -9, again and again, while clients write: what was acknowledged is there, and is whole.

When the server dies is counted in acknowledgements, drawn from a seeded generator, so that the
test does not depend on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest

from sealwire.client import AsyncClient, Client, MissingError, TransportError
from sealwire.client.connection import open_async_channel
from sealwire.core.envelope import digest
from sealwire.core.responses import open_response
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.records_pb2 import PutRecordRequest
from tests.server.members import TIMEOUT, Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.server.wire import PUT, UNAUTHENTICATED, wire_of
from tests.support.event_loops import LoopThread

ROUNDS = 50
WRITERS = 4
NAMES_PER_WRITER = 5
MOST_ACKNOWLEDGEMENTS = 80
NAMESPACE = "team"


class Stored(NamedTuple):
    """A record as it should be; without a value, it was deleted, and its number goes on."""

    version: int
    value: bytes | None


State = Stored | None


@dataclass
class Ledger:
    """What clients know: the last state that was acknowledged, and what they asked for since."""

    acknowledged: dict[str, State] = field(default_factory=dict)
    unanswered: dict[str, State] = field(default_factory=dict)
    count: int = 0

    def acknowledge(self, name: str) -> None:
        """Take note that the latest request about a record was answered."""
        self.acknowledged[name] = self.unanswered.pop(name)
        self.count += 1

    def compare(self, actual: dict[str, Stored]) -> None:
        """Require every record to be as acknowledged, or as it would be after the open request."""
        names = self.acknowledged.keys() | self.unanswered.keys()
        assert actual.keys() <= names
        known: dict[str, State] = {}
        for name in names:
            before = self.acknowledged.get(name)
            after = self.unanswered.get(name, before)
            possible = [state for state in (after, before) if visible(state) == actual.get(name)]
            assert possible, name
            known[name] = possible[0]
        self.acknowledged = known
        self.unanswered = {}


def visible(state: State) -> State:
    """Return what readers are given of a state."""
    return None if state is None or state.value is None else state


@dataclass
class Round:
    """One life of the server, which ends when `lethal` acknowledgements have come."""

    server: ServerProcess
    alice: Member
    ledger: Ledger
    chance: random.Random
    lethal: int
    captured: SignedMessage = field(default_factory=SignedMessage)

    async def run(self) -> None:
        """Write on several connections at once until the server is gone."""
        async with contextlib.AsyncExitStack() as stack:
            writers = [
                self._write(await stack.enter_async_context(self.alice.async_client()), number)
                for number in range(WRITERS)
            ]
            await asyncio.gather(*writers)

    async def _write(self, client: AsyncClient, writer: int) -> None:
        with contextlib.suppress(TransportError):
            while True:
                name = f"{writer}/{self.chance.randrange(NAMES_PER_WRITER)}"
                await self._change(client, name)
                self.ledger.acknowledge(name)
                if self.ledger.count == self.lethal:
                    self.captured = await self._put_by_hand()
                    self.server.process.kill()

    async def _change(self, client: AsyncClient, name: str) -> None:
        """Put, or now and then delete, a record that no other writer touches."""
        before = self.ledger.acknowledged.get(name)
        if before is not None and visible(before) and self.chance.random() < 0.2:
            self.ledger.unanswered[name] = Stored(before.version, None)
            await client.delete(NAMESPACE, name)
            return
        version, value = self._next(before)
        self.ledger.unanswered[name] = Stored(version, value)
        info = await client.put(NAMESPACE, name, value)
        assert info.version == version

    def _next(self, before: State) -> tuple[int, bytes]:
        value = self.chance.randbytes(self.chance.choice([0, 10, 1_000, 100_000]))
        return before.version + 1 if before else 1, value

    async def _put_by_hand(self) -> SignedMessage:
        """Return a request that is answered immediately before the server dies."""
        version, value = self._next(self.ledger.acknowledged.get("last"))
        self.ledger.unanswered["last"] = Stored(version, value)
        request = PutRecordRequest(namespace=NAMESPACE, name="last", value=value)
        signed = self.alice.signed(PUT, request)
        async with open_async_channel(self.alice.server, self.alice.tls) as channel:
            send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PUT)
            answer = await send(signed.SerializeToString(), timeout=TIMEOUT)
            open_response(
                answer,
                server_key=self.alice.server.public_key,
                method=PUT,
                request_digests={digest(signed.payload)},
            )
            self.ledger.acknowledge("last")
        return signed


def stored(client: Client) -> dict[str, Stored]:
    """Return every record, opened."""
    found = {}
    for listed in client.list_records(NAMESPACE, page_size=1000):
        record = client.get(NAMESPACE, listed.name)
        assert (record.record, record.record.size) == (listed, len(record.value))
        found[listed.name] = Stored(listed.version, record.value)
    return found


@pytest.fixture
def founder(directory: Path) -> Member:
    """The member that every life of the server knows."""
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put(NAMESPACE, "first", b"")
            client.delete(NAMESPACE, "first")
        assert server.terminate().code == 0
    return alice


# case 20, case 70
@pytest.mark.timeout(300)
def test_a_server_killed_fifty_times_loses_nothing_that_it_acknowledged(
    directory: Path, founder: Member, loop: LoopThread
) -> None:
    chance = random.Random(70)  # noqa: S311 - to be repeatable
    ledger, captured = Ledger(), SignedMessage()
    for number in range(ROUNDS + 1):
        with ServerProcess(directory) as server:
            alice = founder.at(server.identity)
            with alice.client() as client:
                ledger.compare(stored(client))
            if number > 0:
                with wire_of(alice) as line:
                    assert line.refusal(PUT, captured) == UNAUTHENTICATED
            if number == ROUNDS:
                assert server.terminate().code == 0
                break
            lethal = ledger.count + chance.randint(1, MOST_ACKNOWLEDGEMENTS)
            life = Round(server, alice, ledger, chance, lethal)
            loop.run(life.run())
            captured = life.captured
    assert ledger.count > ROUNDS
    database = sqlite3.connect(directory / "sealwire.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    revisions = "SELECT min(revision), max(revision) - count(*) FROM changes"
    assert database.execute(revisions).fetchone() == (1, 0)
    versions = "SELECT name, max(version) FROM record_versions GROUP BY name ORDER BY name"
    puts = "SELECT name, count(*) FROM changes WHERE kind = 'put' GROUP BY name ORDER BY name"
    assert database.execute(versions).fetchall() == database.execute(puts).fetchall()
    database.close()


# case 20, case 70
def test_the_last_word_before_a_crash_is_kept_and_can_not_be_said_twice(directory: Path) -> None:
    request = PutRecordRequest(namespace=NAMESPACE, name="record", value=b"value")
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        signed = alice.signed(PUT, request)
        with wire_of(alice) as line:
            assert line.answer(PUT, signed).HasField("body")
            server.kill()
    with ServerProcess(directory) as again, wire_of(alice.at(again.identity)) as line:
        assert line.refusal(PUT, signed) == UNAUTHENTICATED
        with alice.at(again.identity).client() as client:
            found = client.get(NAMESPACE, "record")
            assert (found.record.version, found.value) == (1, b"value")
            with pytest.raises(MissingError):
                client.get(NAMESPACE, "another")
