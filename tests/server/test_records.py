"""Records through every way in: the two clients, and stubs of one's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from sealwire.client import (
    AsyncClient,
    Client,
    InvalidRequestError,
    MissingError,
    SigningChannel,
)
from sealwire.client.connection import open_channel
from sealwire.core.encoding import base64url
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    PutRecordRequest,
    RecordInfo,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.members import Member
from tests.server.served import Served
from tests.server.wire import DELETE, GET, LIST, PUT, wire_of
from tests.support.event_loops import LoopThread

MIB = 1024 * 1024


class Records(Protocol):
    """What every way in can do."""

    def put(self, namespace: str, name: str, value: bytes) -> RecordInfo: ...

    def get(self, namespace: str, name: str) -> GetRecordResponse: ...

    def list_records(self, namespace: str) -> list[RecordInfo]: ...

    def delete(self, namespace: str, name: str) -> None: ...


@dataclasses.dataclass
class Blocking:
    """`Client`."""

    client: Client

    def put(self, namespace: str, name: str, value: bytes) -> RecordInfo:
        return self.client.put(namespace, name, value)

    def get(self, namespace: str, name: str) -> GetRecordResponse:
        return self.client.get(namespace, name)

    def list_records(self, namespace: str) -> list[RecordInfo]:
        return list(self.client.list_records(namespace, page_size=2))

    def delete(self, namespace: str, name: str) -> None:
        self.client.delete(namespace, name)


@dataclasses.dataclass
class Asyncio:
    """`AsyncClient`."""

    client: AsyncClient
    loop: LoopThread

    def put(self, namespace: str, name: str, value: bytes) -> RecordInfo:
        return self.loop.run(self.client.put(namespace, name, value))

    def get(self, namespace: str, name: str) -> GetRecordResponse:
        return self.loop.run(self.client.get(namespace, name))

    def list_records(self, namespace: str) -> list[RecordInfo]:
        async def listed() -> list[RecordInfo]:
            return [record async for record in self.client.list_records(namespace, page_size=2)]

        return self.loop.run(listed())

    def delete(self, namespace: str, name: str) -> None:
        self.loop.run(self.client.delete(namespace, name))


@dataclasses.dataclass
class GeneratedStub:
    """The generated stub, on a channel that signs."""

    stub: RecordServiceStub

    def put(self, namespace: str, name: str, value: bytes) -> RecordInfo:
        request = PutRecordRequest(namespace=namespace, name=name, value=value)
        record: RecordInfo = self.stub.PutRecord(request, timeout=20).record
        return record

    def get(self, namespace: str, name: str) -> GetRecordResponse:
        request = GetRecordRequest(namespace=namespace, name=name)
        response: GetRecordResponse = self.stub.GetRecord(request, timeout=20)
        return response

    def list_records(self, namespace: str) -> list[RecordInfo]:
        found: list[RecordInfo] = []
        token = ""
        while not found or token:
            page = self.stub.ListRecords(
                ListRecordsRequest(namespace=namespace, page_size=2, page_token=token), timeout=20
            )
            found, token = [*found, *page.records], page.next_page_token
        return found

    def delete(self, namespace: str, name: str) -> None:
        self.stub.DeleteRecord(DeleteRecordRequest(namespace=namespace, name=name), timeout=20)


@pytest.fixture(params=["Client", "AsyncClient", "stub"])
def records(request: pytest.FixtureRequest, alice: Member, loop: LoopThread) -> Iterator[Records]:
    if request.param == "Client":
        with alice.client() as client:
            yield Blocking(client)
    elif request.param == "AsyncClient":

        async def connect() -> AsyncClient:
            return alice.async_client()

        asynchronous = loop.run(connect())
        yield Asyncio(asynchronous, loop)
        loop.run(asynchronous.close())
    else:
        with open_channel(alice.server, alice.tls) as channel:
            signing = SigningChannel(
                channel,
                alice.key,
                audience=alice.server.audience,
                server_key=alice.server.public_key,
                clock=alice.clock,
            )
            yield GeneratedStub(RecordServiceStub(signing))


def test_a_record_is_put_read_listed_and_deleted(
    records: Records, namespace: str, server: Served
) -> None:
    values = {name: name.encode() * 100 for name in ("a", "b/c", "d", "e", "f")}
    for name, value in values.items():
        info = records.put(namespace, name, value)
        now = server.clock()
        assert info == RecordInfo(
            name=name, version=1, size=len(value), created_at=now, updated_at=now
        )
    for name, value in values.items():
        found = records.get(namespace, name)
        assert (found.record.name, found.value) == (name, value)
    assert [record.name for record in records.list_records(namespace)] == sorted(values)
    records.delete(namespace, "b/c")
    with pytest.raises(MissingError):
        records.get(namespace, "b/c")
    with pytest.raises(MissingError):
        records.delete(namespace, "b/c")
    assert [record.name for record in records.list_records(namespace)] == ["a", "d", "e", "f"]


def test_each_put_is_the_next_version_whatever_was_deleted_meanwhile(
    records: Records, namespace: str
) -> None:
    for version in (1, 2, 3):
        assert records.put(namespace, "r", b"%d" % version).version == version
        found = records.get(namespace, "r")
        assert (found.record.version, found.value) == (version, b"%d" % version)
    records.delete(namespace, "r")
    assert records.put(namespace, "r", b"new").version == 4
    assert records.get(namespace, "r").value == b"new"


def test_times_tell_when_a_record_was_made_and_when_it_was_last_put(own_server: Served) -> None:
    member = own_server.enrol("alice")
    with member.client() as client:
        made = client.put("n", "r", b"1").created_at
        own_server.clock.advance(1234)
        changed = client.put("n", "r", b"2")
        own_server.clock.advance(1234)
        found = client.get("n", "r").record
    assert (changed.created_at, changed.updated_at) == (made, made + 1234)
    assert found == changed


# Values.


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, MIB - 1, MIB])
def test_a_value_of_up_to_one_mebibyte_comes_back(alice: Member, namespace: str, size: int) -> None:
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with alice.client() as client:
        assert client.put(namespace, "r", value).size == size
        assert client.get(namespace, "r").value == value


def test_a_value_of_one_byte_more_is_refused_and_nothing_is_stored(
    alice: Member, namespace: str
) -> None:
    with alice.client() as client:
        client.put(namespace, "r", b"before")
        with wire_of(alice) as line:
            request = PutRecordRequest(namespace=namespace, name="r", value=bytes(MIB + 1))
            status = line.refusal(PUT, alice.signed(PUT, request))
        assert (status.code, status.message) == (3, "A value has at most 1048576 bytes.")
        assert client.get(namespace, "r").value == b"before"


# Lists.


@pytest.fixture
def names(alice: Member, namespace: str) -> list[str]:
    """The names of many records, in order."""
    made = [f"r{number:04}" for number in range(205)]
    with alice.client() as client:
        for name in made:
            client.put(namespace, name, b"")
    return made


def page(alice: Member, request: ListRecordsRequest) -> tuple[list[str], str]:
    with open_channel(alice.server, alice.tls) as channel:
        stub = RecordServiceStub(
            SigningChannel(
                channel,
                alice.key,
                audience=alice.server.audience,
                server_key=alice.server.public_key,
                clock=alice.clock,
            )
        )
        answer = stub.ListRecords(request, timeout=20)
    return [record.name for record in answer.records], answer.next_page_token


def test_a_list_comes_in_pages_without_a_gap_or_a_repetition(
    alice: Member, namespace: str, names: list[str]
) -> None:
    with alice.client() as client:
        for size in (0, 1, 7, 204, 205, 206, 1000):
            listed = client.list_records(namespace, page_size=size)
            assert [record.name for record in listed] == names


def test_a_page_has_a_hundred_records_unless_another_size_is_asked_for(
    alice: Member, namespace: str, names: list[str]
) -> None:
    first, token = page(alice, ListRecordsRequest(namespace=namespace))
    assert (first, token) == (names[:100], base64url(f"{names[99]}\0".encode()))
    exact, end = page(alice, ListRecordsRequest(namespace=namespace, page_size=205))
    assert (exact, end) == (names, "")


def test_a_page_token_stays_good_when_its_record_is_deleted(
    alice: Member, namespace: str, names: list[str]
) -> None:
    first, token = page(alice, ListRecordsRequest(namespace=namespace, page_size=10))
    with alice.client() as client:
        client.delete(namespace, first[-1])
    then, _ = page(alice, ListRecordsRequest(namespace=namespace, page_size=10, page_token=token))
    assert then == names[10:20]


@pytest.mark.parametrize("size", [1001, 2**32 - 1])
def test_a_page_of_more_than_a_thousand_is_refused(
    alice: Member, namespace: str, size: int
) -> None:
    with wire_of(alice) as line:
        request = ListRecordsRequest(namespace=namespace, page_size=size)
        status = line.refusal(LIST, alice.signed(LIST, request))
    assert (status.code, status.message) == (3, "A page has at most 1000 items.")


@pytest.mark.parametrize(
    "token",
    [
        "!",
        "YQ==",
        "YR",
        "YQ\n",
        base64url(b"\xff"),
        base64url(b"x" * 769),
        "A" * 100_000,
    ],
)
def test_a_page_token_that_stands_for_no_position_is_refused(
    alice: Member, namespace: str, token: str
) -> None:
    with alice.client() as client:
        client.put(namespace, "a", b"")
    with wire_of(alice) as line:
        request = ListRecordsRequest(namespace=namespace, page_token=token)
        status = line.refusal(LIST, alice.signed(LIST, request))
    assert (status.code, status.message) == (
        3,
        "The page token is not one that this server gave out.",
    )


@pytest.mark.parametrize("position", ["../up", "a\0b", "e\u0301", "x" * 513, "b", "c\0", "%"])
def test_a_page_token_of_ones_own_making_is_a_position_in_the_list_and_nothing_more(
    alice: Member, namespace: str, position: str
) -> None:
    with alice.client() as client:
        for name in ("a", "b", "c", "d"):
            client.put(namespace, name, b"")
    token = base64url(position.encode())
    found, end = page(alice, ListRecordsRequest(namespace=namespace, page_token=token))
    assert (found, end) == ([name for name in ("a", "b", "c", "d") if name >= position], "")


def test_names_are_listed_in_the_order_of_their_utf_8_bytes(alice: Member, namespace: str) -> None:
    # By UTF-16 the last two would change places; by any locale, most would.
    ordered = ["A", "Z", "a", "a b", "a/b", "aa", "a\u00e9", "z", "\u00e9", "\uffee", "\U0001f511"]
    assert ordered == sorted(ordered, key=str.encode)
    with alice.client() as client:
        for name in reversed(ordered):
            client.put(namespace, name, b"")
        for size in (1, 3, 0):
            listed = client.list_records(namespace, page_size=size)
            assert [record.name for record in listed] == ordered


# Bodies.

REQUESTS: list[tuple[str, Callable[[str], bytes]]] = [
    (PUT, lambda n: PutRecordRequest(namespace=n, name="r", value=b"v").SerializeToString()),
    (GET, lambda n: GetRecordRequest(namespace=n, name="r").SerializeToString()),
    (LIST, lambda n: ListRecordsRequest(namespace=n).SerializeToString()),
    (DELETE, lambda n: DeleteRecordRequest(namespace=n, name="r").SerializeToString()),
]


# case 32
@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_body_with_an_unknown_field_is_refused_and_has_no_effect(
    alice: Member, namespace: str, path: str, body: Callable[[str], bytes]
) -> None:
    with alice.client() as client, wire_of(alice) as line:
        client.put(namespace, "r", b"before")
        newer = alice.signed_bytes(path, body(namespace) + b"\x7a\x05admin")  # field 15
        status = line.refusal(path, newer)
        assert (status.code, status.reason) == (3, "MALFORMED")
        assert "fields that are not in this side's" in status.message
        found = client.get(namespace, "r")
        assert (found.record.version, found.value) == (1, b"before")


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_body_that_does_not_parse_is_refused(
    alice: Member, namespace: str, path: str, body: Callable[[str], bytes]
) -> None:
    with wire_of(alice) as line:
        for junk in (b"\xff", body(namespace)[:-1], b"\x0a\x02\xff\xfe", b"\x08\x01"):
            status = line.refusal(path, alice.signed_bytes(path, junk))
            assert (status.code, status.reason) == (3, "MALFORMED")


def test_a_request_that_is_refused_says_so_to_every_kind_of_client(
    records: Records, namespace: str
) -> None:
    with pytest.raises(InvalidRequestError):
        records.put(namespace, "../up", b"")
