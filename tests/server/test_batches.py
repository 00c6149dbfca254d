"""Many records in one request: all or nothing, within their limits."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from sealwire.client import ConflictError, ForbiddenError, RemoteError, TransportError
from sealwire.core.errors import Code
from sealwire.v1.records_pb2 import (
    BatchPutRecordsRequest,
    Condition,
    GetRecordRequest,
    PutRecordRequest,
    RecordInfo,
    RecordInput,
    TransactRequest,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.batching import (
    MIB,
    MOST,
    SERVICE,
    deleting,
    get_all,
    getting,
    put_all,
    putting,
    refused,
    transact,
    values,
)
from tests.server.cast import Cast
from tests.server.kept import stub_of
from tests.server.members import TIMEOUT, Member
from tests.server.served import Served
from tests.server.wire import Wire, wire_of
from tests.support.rpc_errors import failed_call


@pytest.fixture
def stub(alice: Member) -> Iterator[RecordServiceStub]:
    with stub_of(alice) as stub:
        yield stub


@pytest.fixture
def line(alice: Member) -> Iterator[Wire]:
    with wire_of(alice) as line:
        yield line


# BatchPutRecords.


def test_a_batch_puts_each_record_and_answers_in_order(
    stub: RecordServiceStub, namespace: str, server: Served
) -> None:
    records = [
        RecordInput(namespace=namespace, name=name, value=name.encode(), labels={"k": name})
        for name in ("b", "a", "c")
    ]
    now = server.clock()
    first = put_all(stub, *records)
    assert list(first.records) == [
        RecordInfo(name=name, version=1, size=1, created_at=now, updated_at=now)
        for name in ("b", "a", "c")
    ]
    read = get_all(stub, namespace, "b").records[0].record
    assert read == RecordInfo(
        name="b", version=1, size=1, created_at=now, updated_at=now, labels={"k": "b"}
    )
    second = put_all(stub, *records)
    assert [record.version for record in second.records] == [2, 2, 2]
    assert second.revision == first.revision + 3
    assert values(stub, namespace, "a", "b", "c") == [b"a", b"b", b"c"]


def test_a_batch_may_go_to_several_namespaces(stub: RecordServiceStub, namespace: str) -> None:
    places = [namespace, f"{namespace}/a", f"{namespace}/b"]
    put_all(stub, *(RecordInput(namespace=place, name="r", value=b"v") for place in places))
    for place in places:
        assert values(stub, place, "r") == [b"v"]


def test_a_thousand_records_are_one_batch_and_one_more_is_too_many(
    stub: RecordServiceStub, namespace: str
) -> None:
    names = [f"{number:04}" for number in range(MOST + 1)]
    records = [RecordInput(namespace=namespace, name=name, value=b"value") for name in names]
    refusal = refused(lambda: put_all(stub, *records))
    assert (refusal.code, refusal.status_reason) == (Code.INVALID_ARGUMENT, "MALFORMED")
    assert "has 1 to 1000 records; this has 1001" in str(refusal)
    # Nothing of it was put, so nobody has claimed the namespace.
    assert len(put_all(stub, *records[:MOST]).records) == MOST
    assert values(stub, namespace, *names[:MOST]) == [b"value"] * MOST
    with pytest.raises(RemoteError, match="1 to 1000 records; this has 1001"):
        get_all(stub, namespace, *names)


@pytest.mark.parametrize("method", ["BatchPutRecords", "BatchGetRecords", "Transact"])
def test_a_request_about_nothing_is_refused(alice: Member, line: Wire, method: str) -> None:
    refusal = line.refusal(SERVICE + method, alice.signed_bytes(SERVICE + method, b""))
    assert (refusal.code, refusal.reason) == (3, "MALFORMED")


# case 30
def test_a_batch_of_more_than_4_mib_is_refused_and_one_of_less_is_not(
    stub: RecordServiceStub, namespace: str
) -> None:
    large = [
        RecordInput(namespace=namespace, name=f"{n}", value=bytes([n]) * MIB) for n in range(4)
    ]
    put_all(stub, *large[:3])
    with pytest.raises(TransportError) as refusal:  # before anybody reads it, so nobody signs
        put_all(stub, *large)
    assert refusal.value.code == Code.RESOURCE_EXHAUSTED
    assert values(stub, namespace, "3") == [None]


# case 30
def test_records_that_do_not_fit_into_one_answer_are_refused(
    stub: RecordServiceStub, namespace: str
) -> None:
    for number in range(4):
        put_all(stub, RecordInput(namespace=namespace, name=f"{number}", value=bytes(MIB)))
    assert [len(value or b"") for value in values(stub, namespace, "0", "1", "2")] == [MIB] * 3
    refusals = [
        refused(lambda: get_all(stub, namespace, "0", "1", "2", "3")),
        refused(lambda: transact(stub, *(getting(namespace, f"{n}") for n in range(4)))),
    ]
    assert {refusal.code for refusal in refusals} == {Code.RESOURCE_EXHAUSTED}


def test_a_record_that_is_named_twice_is_refused(stub: RecordServiceStub, namespace: str) -> None:
    twice = [RecordInput(namespace=namespace, name="r", value=value) for value in (b"1", b"2")]
    refusals = [
        refused(lambda: put_all(stub, *twice)),
        refused(lambda: transact(stub, putting(namespace, "r"), deleting(namespace, "r"))),
        refused(lambda: transact(stub, deleting(namespace, "r"), deleting(namespace, "r"))),
    ]
    for refusal in refusals:
        assert (refusal.code, "twice" in str(refusal)) == (Code.INVALID_ARGUMENT, True)
    put_all(stub, twice[0], RecordInput(namespace=f"{namespace}/a", name="r", value=b"2"))
    assert values(stub, namespace, "r") == [b"1"]


def test_a_record_that_can_not_be_put_keeps_all_the_others_out(
    stub: RecordServiceStub, namespace: str
) -> None:
    good = RecordInput(namespace=namespace, name="good", value=b"v")
    for bad in (
        RecordInput(namespace=namespace, name="../up"),
        RecordInput(namespace="", name="r"),
        RecordInput(namespace=namespace, name="r", value=bytes(MIB + 1)),
        RecordInput(namespace=namespace, name="r", labels={"": "v"}),
        RecordInput(namespace=namespace, name="r", ttl_seconds=2**63),
    ):
        refusal = refused(lambda bad=bad: put_all(stub, good, bad))  # type: ignore[misc]
        assert refusal.code == Code.INVALID_ARGUMENT
    with pytest.raises(ForbiddenError):  # nobody has claimed the namespace
        stub.GetRecord(GetRecordRequest(namespace=namespace, name="good"), timeout=TIMEOUT)


# BatchGetRecords.


def test_what_is_missing_is_passed_over_in_its_place(
    stub: RecordServiceStub, namespace: str
) -> None:
    put_all(stub, *(RecordInput(namespace=namespace, name=name, value=b"v") for name in "acd"))
    transact(stub, deleting(namespace, "c"))
    assert values(stub, namespace, "a", "b", "c", "d", "a") == [b"v", None, None, b"v", b"v"]
    assert values(stub, f"{namespace}/below", "a") == [None]


# Demands, and what is said when they are not met.


def test_a_demand_that_is_not_met_keeps_all_out_and_says_which_it_was(
    stub: RecordServiceStub, namespace: str
) -> None:
    put_all(stub, RecordInput(namespace=namespace, name="b", value=b"old"))
    records = [
        RecordInput(namespace=namespace, name=name, value=b"new", if_version=0) for name in "abc"
    ]
    refusal = refused(lambda: put_all(stub, *records))
    assert isinstance(refusal, ConflictError)
    assert (refusal.code, refusal.status_reason) == (Code.ABORTED, "VERSION_MISMATCH")
    assert refusal.metadata == {"current_version": "1", "condition": "1"}
    assert values(stub, namespace, "a", "b", "c") == [None, b"old", None]
    records[1].if_version = 1
    assert [record.version for record in put_all(stub, *records).records] == [1, 2, 1]


def error_info(line: Wire, alice: Member, method: str, request: Message) -> ErrorInfo:
    """Return what standard gRPC tooling reads of a refusal; what is signed says the same."""
    path = SERVICE + method
    send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = line.channel.unary_unary(path)
    with pytest.raises(grpc.RpcError) as error:
        send(alice.signed(path, request).SerializeToString(), timeout=TIMEOUT)
    status = rpc_status.from_call(failed_call(error.value))
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    signed = line.refusal(path, alice.signed(path, request))
    assert (info.reason, dict(info.metadata)) == (signed.reason, dict(signed.metadata))
    return info


def test_a_mismatch_is_told_in_the_error_info_too(
    stub: RecordServiceStub, alice: Member, line: Wire, namespace: str
) -> None:
    for _ in range(3):
        put_all(stub, RecordInput(namespace=namespace, name="r"))
    condition = Condition(namespace=namespace, name="r", version=2)
    for method, request, told in (
        (
            "PutRecord",
            PutRecordRequest(namespace=namespace, name="r", if_version=0),
            {"current_version": "3"},
        ),
        (
            "BatchPutRecords",
            BatchPutRecordsRequest(
                records=[
                    RecordInput(namespace=namespace, name="s"),
                    RecordInput(namespace=namespace, name="r", if_version=2),
                ]
            ),
            {"current_version": "3", "condition": "1"},
        ),
        (
            "Transact",
            TransactRequest(conditions=[condition], operations=[putting(namespace, "s")]),
            {"current_version": "3", "condition": "0"},
        ),
    ):
        info = error_info(line, alice, method, request)
        assert (info.domain, info.reason) == ("sealwire", "VERSION_MISMATCH")
        assert dict(info.metadata) == told
    assert values(stub, namespace, "s") == [None]


# A claim inside of a batch.


def test_whoever_puts_a_batch_into_a_namespace_that_is_nobodys_owns_it(
    cast: Cast, namespace: str
) -> None:
    alice, bob = cast.join(), cast.join()
    with stub_of(alice.member) as mine, stub_of(bob.member) as theirs:
        put_all(
            mine,
            RecordInput(namespace=namespace, name="a", value=b"v"),
            RecordInput(namespace=f"{namespace}/below", name="b", value=b"v"),
            RecordInput(namespace=namespace, name="c", value=b"v"),
        )
        assert values(mine, namespace, "a", "c") == [b"v", b"v"]
        with pytest.raises(ForbiddenError):
            put_all(theirs, RecordInput(namespace=f"{namespace}/below", name="b"))
        transact(mine, putting(f"{namespace}-2", "a"), getting(f"{namespace}-2", "a"))
        with pytest.raises(ForbiddenError):
            transact(theirs, getting(f"{namespace}-2", "a"))


def test_a_batch_that_fails_claims_nothing(cast: Cast, namespace: str) -> None:
    alice, bob = cast.join(), cast.join()
    with stub_of(alice.member) as mine, stub_of(bob.member) as theirs:
        demanding = RecordInput(namespace=namespace, name="b", if_version=7)
        with pytest.raises(ConflictError):
            put_all(mine, RecordInput(namespace=namespace, name="a"), demanding)
        put_all(theirs, RecordInput(namespace=namespace, name="a"))
        with pytest.raises(ForbiddenError):
            put_all(mine, RecordInput(namespace=namespace, name="a"))
