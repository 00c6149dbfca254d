"""Many records in one request: all or nothing, each with its permission, within their limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from sealwire.client import ConflictError, ForbiddenError, RemoteError, TransportError
from sealwire.core.errors import Code
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    Condition,
    GetRecordRequest,
    ListRecordsRequest,
    Operation,
    PutRecordRequest,
    RecordAddress,
    RecordInfo,
    RecordInput,
    TransactRequest,
    TransactResponse,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.cast import Actor, Cast
from tests.server.kept import stub_of
from tests.server.members import TIMEOUT, Member
from tests.server.served import Served
from tests.server.wire import Wire, wire_of
from tests.support.event_loops import LoopThread
from tests.support.rpc_errors import failed_call

SERVICE = "/sealwire.v1.RecordService/"
MIB = 1024 * 1024
MOST = 1_000


@pytest.fixture
def stub(alice: Member) -> Iterator[RecordServiceStub]:
    with stub_of(alice) as stub:
        yield stub


@pytest.fixture
def line(alice: Member) -> Iterator[Wire]:
    with wire_of(alice) as line:
        yield line


def put_all(stub: RecordServiceStub, *records: RecordInput) -> BatchPutRecordsResponse:
    answer: BatchPutRecordsResponse = stub.BatchPutRecords(
        BatchPutRecordsRequest(records=records), timeout=TIMEOUT
    )
    return answer


def get_all(stub: RecordServiceStub, namespace: str, *names: str) -> BatchGetRecordsResponse:
    addresses = [RecordAddress(namespace=namespace, name=name) for name in names]
    answer: BatchGetRecordsResponse = stub.BatchGetRecords(
        BatchGetRecordsRequest(records=addresses), timeout=TIMEOUT
    )
    return answer


def values(stub: RecordServiceStub, namespace: str, *names: str) -> list[bytes | None]:
    found = get_all(stub, namespace, *names).records
    return [each.value if each.HasField("record") else None for each in found]


def transact(
    stub: RecordServiceStub, *operations: Operation, conditions: tuple[Condition, ...] = ()
) -> TransactResponse:
    answer: TransactResponse = stub.Transact(
        TransactRequest(conditions=conditions, operations=operations), timeout=TIMEOUT
    )
    return answer


def putting(
    namespace: str, name: str, value: bytes = b"new", if_version: int | None = None
) -> Operation:
    return Operation(
        put=RecordInput(namespace=namespace, name=name, value=value, if_version=if_version)
    )


def getting(namespace: str, name: str) -> Operation:
    return Operation(get=RecordAddress(namespace=namespace, name=name))


def deleting(namespace: str, name: str) -> Operation:
    return Operation(delete=RecordAddress(namespace=namespace, name=name))


def refused(attempt: Callable[[], object]) -> RemoteError:
    with pytest.raises(RemoteError) as refusal:
        attempt()
    return refusal.value


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


# Transact.


def test_a_transaction_does_its_operations_in_order(
    stub: RecordServiceStub, namespace: str
) -> None:
    first = put_all(stub, *(RecordInput(namespace=namespace, name=name) for name in "ab"))
    done = transact(
        stub,
        getting(namespace, "a"),
        putting(namespace, "a", b"newer"),
        getting(namespace, "a"),
        deleting(namespace, "b"),
        getting(namespace, "b"),
        deleting(f"{namespace}/none", "b"),
        conditions=(
            Condition(namespace=namespace, name="a", version=1),
            Condition(namespace=namespace, name="none", version=0),
        ),
    )
    before, put, after, deleted, gone, nothing = done.results
    assert (before.get.value, put.put.version, after.get.value) == (b"", 2, b"newer")
    assert (deleted.deleted, gone.get.HasField("record"), nothing.deleted) == (True, False, False)
    assert done.revision == first.revision + 2
    assert transact(stub, getting(namespace, "a")).revision == 0


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_condition_that_does_not_hold_lets_nothing_happen(
    stub: RecordServiceStub, namespace: str, version: int
) -> None:
    for _ in range(2):
        put_all(stub, RecordInput(namespace=namespace, name="r", value=b"old"))
    conditions = (
        Condition(namespace=namespace, name="r", version=2),
        Condition(namespace=namespace, name="r", version=version),
    )
    operations = [putting(namespace, "r"), putting(namespace, "s")]
    refusal = refused(lambda: transact(stub, *operations, conditions=conditions))
    assert refusal.metadata == {"current_version": "2", "condition": "1"}
    assert values(stub, namespace, "r", "s") == [b"old", None]
    transact(stub, *operations, conditions=conditions[:1])
    assert values(stub, namespace, "r", "s") == [b"new", b"new"]


def test_a_demand_in_the_middle_undoes_what_was_done_before_it(
    stub: RecordServiceStub, namespace: str
) -> None:
    put_all(stub, RecordInput(namespace=namespace, name="b", value=b"old"))
    operations = [
        putting(namespace, "a"),
        deleting(namespace, "b"),
        putting(namespace, "c", if_version=7),
    ]
    refusal = refused(lambda: transact(stub, *operations))
    assert refusal.status_reason == "VERSION_MISMATCH"
    assert values(stub, namespace, "a", "b", "c") == [None, b"old", None]


def test_conditions_alone_are_a_transaction(stub: RecordServiceStub, namespace: str) -> None:
    put_all(stub, RecordInput(namespace=namespace, name="r"))
    there = Condition(namespace=namespace, name="r", version=1)
    assert transact(stub, conditions=(there,)) == TransactResponse()
    too_many = [Condition(namespace=namespace, name=f"{n}") for n in range(MOST + 1)]
    with pytest.raises(RemoteError, match="1 to 1000"):
        transact(stub, conditions=tuple(too_many))


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


# Permissions of each item.


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


# Under load.


# case 84
def test_64_writers_who_demand_what_they_read_lose_no_update(
    alice: Member, namespace: str, loop: LoopThread
) -> None:
    writers, tries = 64, 0

    async def count_up() -> int:
        nonlocal tries
        async with alice.async_client() as client:
            await client.put(namespace, "hot", b"0")

            async def once() -> None:
                nonlocal tries
                while True:
                    found = await client.get(namespace, "hot")
                    tries += 1
                    try:
                        await client.put(
                            namespace,
                            "hot",
                            b"%d" % (int(found.value) + 1),
                            if_version=found.record.version,
                        )
                    except ConflictError:
                        continue
                    return

            await asyncio.gather(*(once() for _ in range(writers)))
            final = await client.get(namespace, "hot")
            assert final.record.version == writers + 1
            return int(final.value)

    assert loop.run(count_up()) == writers
    assert tries > writers  # else they did not meet


# case 83
def test_a_long_list_comes_in_pages_of_bounded_size(
    stub: RecordServiceStub, namespace: str
) -> None:
    names = [f"{number:05}" for number in range(2_500)]
    for start in range(0, len(names), MOST):
        put_all(
            stub,
            *(RecordInput(namespace=namespace, name=name) for name in names[start : start + MOST]),
        )
    listed: list[str] = []
    sizes: list[int] = []
    token = ""
    while token or not sizes:
        page = stub.ListRecords(
            ListRecordsRequest(namespace=namespace, page_size=MOST, page_token=token),
            timeout=TIMEOUT,
        )
        listed += [record.name for record in page.records]
        sizes.append(len(page.records))
        token = page.next_page_token
    assert listed == names
    assert sizes == [MOST, MOST, 500]
    with pytest.raises(RemoteError, match="at most 1000 items"):
        stub.ListRecords(
            ListRecordsRequest(namespace=namespace, page_size=MOST + 1), timeout=TIMEOUT
        )
