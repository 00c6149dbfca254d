"""Somebody else writes to the database: what was altered is refused, and nothing of it is shown."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from sealwire.client import Client, RemoteError
from sealwire.core.sealing import HEADER_BYTES
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from sealwire.v1.records_pb2 import GetRecordRequest, PutRecordRequest
from tests.core.edwards import SMALL_ORDER, add, base_times
from tests.server.members import Member
from tests.server.served import Served
from tests.server.wire import DAMAGED, FORBIDDEN, GET, PUT, WHOAMI, Wire, wire_of

VALUE = b"forty-one thousand a year"


@dataclass(frozen=True)
class Tampering:
    """A namespace of alice's, her connection, and somebody with write access to the file."""

    alice: Member
    namespace: str
    line: Wire
    database: sqlite3.Connection

    def execute(self, statement: str, *parameters: object) -> None:
        """Change exactly one row."""
        assert self.database.execute(statement, parameters).rowcount == 1

    def blob(self, name: str) -> bytes:
        """Return what is stored in place of a record's value."""
        (stored,) = self.database.execute(
            "SELECT blob FROM record_versions AS v JOIN namespaces ON namespace_id = namespaces.id "
            "WHERE namespaces.name = ? AND v.name = ? ORDER BY v.version DESC",
            (self.namespace, name),
        ).fetchone()
        return bytes(stored)

    def replace(self, name: str, blob: bytes) -> None:
        """Store other bytes in that place."""
        self.execute(
            "UPDATE record_versions SET blob = ? WHERE (namespace_id, name, version) = ("
            "SELECT namespace_id, v.name, max(version) FROM record_versions AS v JOIN namespaces "
            "ON namespace_id = namespaces.id WHERE v.name = ? AND namespaces.name = ?)",
            blob,
            name,
            self.namespace,
        )

    def get(self, name: str) -> SignedMessage:
        """Return a signed request for a record."""
        request = GetRecordRequest(namespace=self.namespace, name=name)
        return self.alice.signed(GET, request)

    def refusal(self, name: str) -> Status:
        """Return how the record is refused."""
        return self.line.refusal(GET, self.get(name))


@pytest.fixture
def tampering(server: Served, alice: Member, namespace: str) -> Iterator[Tampering]:
    with alice.client() as client:
        for name in ("march", "april"):
            client.put(namespace, name, VALUE + name.encode())
    with wire_of(alice) as line, opened(server) as database:
        yield Tampering(alice, namespace, line, database)


@contextlib.contextmanager
def opened(server: Served) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(server.deployment.database, isolation_level=None, timeout=20)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA ignore_check_constraints = 1")  # which nobody has to keep
    try:
        yield database
    finally:
        database.close()


# case 62
def test_a_sealed_value_altered_at_any_byte_is_refused(tampering: Tampering) -> None:
    sealed = tampering.blob("march")
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 0x01
        tampering.replace("march", bytes(altered))
        assert tampering.refusal("march") == DAMAGED
    tampering.replace("march", sealed)
    assert tampering.line.answer(GET, tampering.get("march")).HasField("body")


# case 63
def test_a_sealed_value_cut_at_any_length_or_grown_is_refused(tampering: Tampering) -> None:
    sealed = tampering.blob("march")
    for size in range(len(sealed)):
        tampering.replace("march", sealed[:size])
        assert tampering.refusal("march") == DAMAGED
    for longer in (sealed + b"\0", sealed + sealed, sealed + sealed[HEADER_BYTES:]):
        tampering.replace("march", longer)
        assert tampering.refusal("march") == DAMAGED


# case 69
@pytest.mark.parametrize("index", [4, 5], ids=["format version", "suite"])
def test_an_unknown_format_or_suite_is_refused(tampering: Tampering, index: int) -> None:
    sealed = tampering.blob("march")
    for value in set(range(256)) - {sealed[index]}:
        tampering.replace("march", sealed[:index] + bytes([value]) + sealed[index + 1 :])
        assert tampering.refusal("march") == DAMAGED


# case 60
def test_two_records_whose_sealed_values_were_swapped_are_both_refused(
    tampering: Tampering,
) -> None:
    march, april = tampering.blob("march"), tampering.blob("april")
    tampering.replace("march", april)
    tampering.replace("april", march)
    assert tampering.refusal("march") == tampering.refusal("april") == DAMAGED


# case 60
def test_the_sealed_value_of_an_older_version_is_refused_in_a_newer_row(
    tampering: Tampering,
) -> None:
    old = tampering.blob("march")
    put = PutRecordRequest(namespace=tampering.namespace, name="march", value=b"new")
    assert tampering.line.answer(PUT, tampering.alice.signed(PUT, put)).HasField("body")
    tampering.replace("march", old)
    assert tampering.refusal("march") == DAMAGED


# case 60
def test_a_sealed_value_of_another_namespace_or_owner_is_refused(
    tampering: Tampering, alice: Member, bob: Member
) -> None:
    for member, namespace in (
        (alice, f"{tampering.namespace}/a"),
        (bob, f"{tampering.namespace}-of-bob"),
    ):
        with member.client() as client:
            client.put(namespace, "march", VALUE + b"march")
        (foreign,) = tampering.database.execute(
            "SELECT blob FROM record_versions JOIN namespaces ON namespace_id = namespaces.id "
            "WHERE namespaces.name = ?",
            (namespace,),
        ).fetchone()
        tampering.replace("march", foreign)
        assert tampering.refusal("march") == DAMAGED


# case 60
@pytest.mark.parametrize(
    ("statement", "namespace", "name"),
    [
        ("UPDATE record_versions SET version = 7 WHERE namespace_id = :id", "{0}", "march"),
        (
            "UPDATE record_versions SET name = 'may' WHERE namespace_id = :id AND name = 'march'",
            "{0}",
            "may",
        ),
        ("UPDATE namespaces SET name = name || '/below' WHERE id = :id", "{0}/below", "march"),
    ],
    ids=["another version", "another name", "another namespace"],
)
def test_a_row_that_was_altered_is_refused(
    tampering: Tampering, statement: str, namespace: str, name: str
) -> None:
    (number,) = tampering.database.execute(
        "SELECT id FROM namespaces WHERE name = ?", (tampering.namespace,)
    ).fetchone()
    tampering.database.execute(statement, {"id": number})
    request = GetRecordRequest(namespace=namespace.format(tampering.namespace), name=name)
    assert tampering.line.refusal(GET, tampering.alice.signed(GET, request)) == DAMAGED


# case 60
def test_whoever_is_made_the_owner_in_the_database_can_not_read_what_was_there(
    tampering: Tampering, bob: Member
) -> None:
    tampering.execute(
        "UPDATE namespaces SET owner_id = ? WHERE name = ?", bob.identity.id, tampering.namespace
    )
    request = GetRecordRequest(namespace=tampering.namespace, name="march")
    with wire_of(bob) as line:
        assert line.refusal(GET, bob.signed(GET, request)) == FORBIDDEN
        # Nor can anybody read it for bob: it is not sealed to him.
        alice = tampering.alice
        assert tampering.line.refusal(GET, alice.signed(GET, request)) == DAMAGED


def test_a_salt_that_was_altered_or_exchanged_opens_nothing(own_server: Served) -> None:
    alice, bob = own_server.enrol("alice"), own_server.enrol("bob")
    kept = own_server.deployment.salts
    file, own = kept.path / alice.identity.id, kept.read(alice.identity.id)
    with alice.client() as client:
        client.put("n", "r", VALUE)
        request = GetRecordRequest(namespace="n", name="r")
        for salt in (kept.read(bob.identity.id), bytes(32), own[:31], own + b"1"):
            file.write_bytes(salt)
            # Keys that were derived before are remembered for a minute at most.
            own_server.monotonic.advance(61_000)
            with wire_of(alice) as line:
                assert line.refusal(GET, alice.signed(GET, request)) == DAMAGED
        file.write_bytes(own)
        own_server.monotonic.advance(61_000)
        assert client.get("n", "r").value == VALUE


# case 37, case 40
@pytest.mark.parametrize(
    "point",
    [*SMALL_ORDER, add(base_times(7), SMALL_ORDER[1]), base_times(7)],
    ids=bytes.hex,
)
def test_a_key_that_was_altered_in_the_database_lets_nobody_in(
    own_server: Served, point: bytes
) -> None:
    mallory = own_server.enrol("mallory")
    with opened(own_server) as database, wire_of(mallory) as line:
        database.execute("UPDATE keys SET public_key = ?", (point,))
        forged = mallory.signed_bytes(WHOAMI, b"")
        forged.signature = SMALL_ORDER[0] + bytes(32)
        assert line.refusal(WHOAMI, forged) == DAMAGED
        assert line.refusal(WHOAMI, mallory.signed_bytes(WHOAMI, b"")) == DAMAGED


# case 65
def test_a_record_sealed_by_another_deployment_is_refused(
    tampering: Tampering, own_server: Served
) -> None:
    elsewhere = own_server.enrol("alice")
    with elsewhere.client() as client, opened(own_server) as database:
        client.put(tampering.namespace, "march", VALUE + b"march")
        (foreign,) = database.execute("SELECT blob FROM record_versions").fetchone()
    tampering.replace("march", foreign)
    assert tampering.refusal("march") == DAMAGED


Attempt = Callable[[Client], object]


def gets(client: Client) -> object:
    return client.get("team", "march")


def lists(client: Client) -> object:
    return list(client.list_records("team"))


def puts(client: Client) -> object:
    return client.put("team", "march", VALUE)


def watches(client: Client) -> object:
    return next(iter(client.watch("team", from_revision=1)))


# case 62
@pytest.mark.parametrize(
    ("column", "content", "attempts"),
    [
        ("record_versions.size", -1, [gets, lists]),
        ("record_versions.size", 2**63 - 1, [gets, lists]),
        ("record_versions.created_at", -(2**63), [gets, lists, puts]),
        ("record_versions.version", -1, [gets, lists, puts]),
        ("record_versions.version", 2**63 - 1, [gets, lists, puts]),
        ("changes.kind", "painted", [watches]),
        ("changes.version", -7, [watches]),
        ("changes.revision", 2**63 - 1, [watches, puts]),
    ],
)
def test_what_no_server_writes_is_damage_to_whoever_meets_it(
    own_server: Served, column: str, content: object, attempts: list[Attempt]
) -> None:
    table, _, name = column.partition(".")
    edit = f"UPDATE {table} SET {name} = ? WHERE name = 'march'"  # noqa: S608 - ours
    with own_server.enrol("alice").client() as client, opened(own_server) as database:
        for record in ("march", "april"):
            client.put("team", record, VALUE)
        assert database.execute(edit, (content,)).rowcount == 1
        for attempt in attempts:
            with pytest.raises(RemoteError, match="A stored record is damaged"):
                attempt(client)
        assert client.whoami().name == "alice"


def test_a_record_that_is_damaged_can_be_put_anew_and_deleted(tampering: Tampering) -> None:
    for name in ("march", "april"):
        tampering.replace(name, b"")
    with tampering.alice.client() as client:
        assert client.put(tampering.namespace, "march", b"new").version == 2
        assert client.get(tampering.namespace, "march").value == b"new"
        client.delete(tampering.namespace, "april")
        assert [record.name for record in client.list_records(tampering.namespace)] == ["march"]
