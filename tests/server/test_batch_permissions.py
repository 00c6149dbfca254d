"""Of many records in one request, each takes its permission."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from google.protobuf.message import Message

from sealwire.client import ForbiddenError
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchPutRecordsRequest,
    Condition,
    RecordAddress,
    RecordInput,
    TransactRequest,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.batching import (
    SERVICE,
    deleting,
    getting,
    putting,
    transact,
)
from tests.server.cast import Actor, Cast
from tests.server.kept import stub_of
from tests.server.members import Member
from tests.server.wire import Wire, wire_of


@pytest.fixture
def stub(alice: Member) -> Iterator[RecordServiceStub]:
    with stub_of(alice) as stub:
        yield stub


@pytest.fixture
def line(alice: Member) -> Iterator[Wire]:
    with wire_of(alice) as line:
        yield line


@pytest.fixture
def granted(cast: Cast, namespace: str) -> tuple[Actor, Actor]:
    """An owner of two namespaces, and a guest who may read and write in one of them."""
    owner, guest = cast.join("owner"), cast.join("guest")
    for place in ("open", "closed"):
        owner.client.put(f"{namespace}-{place}", "r", b"secret")
    owner.grant(guest, "read write", f"{namespace}-open")
    return owner, guest


# case 48, case 55
@pytest.mark.parametrize("closed_first", [True, False])
def test_one_item_without_permission_refuses_the_whole_and_shows_nothing(
    granted: tuple[Actor, Actor], namespace: str, closed_first: bool
) -> None:
    owner, guest = granted
    places = [f"{namespace}-open", f"{namespace}-closed"]
    places = places[::-1] if closed_first else places
    requests: list[tuple[str, Message]] = [
        (
            "BatchGetRecords",
            BatchGetRecordsRequest(
                records=[RecordAddress(namespace=place, name="r") for place in places]
            ),
        ),
        (
            "BatchPutRecords",
            BatchPutRecordsRequest(
                records=[RecordInput(namespace=place, name="r", value=b"x") for place in places]
            ),
        ),
        ("Transact", TransactRequest(operations=[getting(place, "r") for place in places])),
        ("Transact", TransactRequest(operations=[putting(place, "r") for place in places])),
        (
            "Transact",
            TransactRequest(
                conditions=[Condition(namespace=f"{namespace}-closed", name="r", version=99)],
                operations=[putting(f"{namespace}-open", "r")],
            ),
        ),
        ("Transact", TransactRequest(operations=[deleting(f"{namespace}-open", "r")])),
    ]
    with wire_of(guest.member) as line:
        for method, request in requests:
            path = SERVICE + method
            status = line.refusal(path, guest.member.signed(path, request))
            assert (status.code, status.reason) == (7, "PERMISSION_DENIED")
            assert dict(status.metadata) == {}
    for place in places:
        found = owner.client.get(place, "r")
        assert (found.record.version, found.value) == (1, b"secret")


# case 48
def test_what_is_missing_is_refused_as_what_is_there_to_those_who_may_not_look(
    granted: tuple[Actor, Actor], namespace: str
) -> None:
    _, guest = granted
    with wire_of(guest.member) as line:
        statuses = []
        for place, name in ((f"{namespace}-closed", "r"), (f"{namespace}-closed", "none")):
            for method, request in (
                (
                    "BatchGetRecords",
                    BatchGetRecordsRequest(records=[RecordAddress(namespace=place, name=name)]),
                ),
                ("Transact", TransactRequest(operations=[getting(place, name)])),
            ):
                path = SERVICE + method
                statuses.append(line.refusal(path, guest.member.signed(path, request)))
    assert all(status == statuses[0] for status in statuses)


@pytest.mark.parametrize("verb", ["read", "write", "delete", "list", "share", "admin"])
def test_each_operation_takes_its_own_verb_and_no_other(
    cast: Cast, namespace: str, verb: str
) -> None:
    owner, guest = cast.join("owner"), cast.join("guest")
    owner.client.put(namespace, "r", b"v")
    owner.client.put(namespace, "s", b"v")
    owner.grant(guest, verb, namespace)
    attempts: dict[str, Callable[[RecordServiceStub], object]] = {
        "read": lambda stub: transact(stub, getting(namespace, "r")),
        "write": lambda stub: transact(stub, putting(namespace, "r")),
        "delete": lambda stub: transact(stub, deleting(namespace, "s")),
        "condition": lambda stub: transact(
            stub, conditions=(Condition(namespace=namespace, name="none"),)
        ),
    }
    allowed = set()
    with stub_of(guest.member) as stub:
        for kind, attempt in attempts.items():
            try:
                attempt(stub)
            except ForbiddenError:
                continue
            allowed.add(kind)
    takes = {"read": {"read", "condition"}, "write": {"write"}, "delete": {"delete"}}
    assert allowed == takes.get(verb, set())


# case 55
def test_whoever_may_write_and_not_read_is_told_no_more_than_the_version(
    cast: Cast, namespace: str
) -> None:
    owner, guest = cast.join("owner"), cast.join("guest")
    owner.client.put(namespace, "r", b"secret")
    owner.grant(guest, "write", namespace)
    with stub_of(guest.member) as stub:
        done = transact(stub, putting(namespace, "r"))
        assert b"secret" not in done.SerializeToString()
        with pytest.raises(ForbiddenError):
            transact(stub, putting(namespace, "r"), getting(namespace, "r"))
    assert owner.client.get(namespace, "r").record.version == 2
