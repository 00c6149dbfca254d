"""What is kept of an answer for a retry: nothing that the owner of a record could want gone."""

from __future__ import annotations

import uuid

import pytest

from sealwire.client import ForbiddenError, RemoteError
from sealwire.core.errors import Code
from sealwire.v1.records_pb2 import (
    BatchPutRecordsRequest,
    Operation,
    RecordAddress,
    RecordInfo,
    RecordInput,
    TransactRequest,
    TransactResponse,
    UndeleteRecordRequest,
)
from tests.server.cast import Actor, Cast
from tests.server.kept import stub_of
from tests.server.members import TIMEOUT

KIB = 1024
LARGE_LABELS = {f"{number:03}": "x" * 256 for number in range(64)}


@pytest.fixture
def reader(cast: Cast, owner: Actor, namespace: str) -> Actor:
    """Somebody who may read in the owner's namespace, and has one of their own."""
    guest = cast.join()
    owner.client.put(namespace, "report", b"41,000 a year", labels={"about": "pay"})
    owner.grant(guest, "read", namespace)
    return guest


def reading(reader: Actor, namespace: str, request_id: str) -> TransactRequest:
    """Return a transaction that reads the report, and notes down that it did."""
    return TransactRequest(
        operations=[
            Operation(get=RecordAddress(namespace=namespace, name="report")),
            Operation(put=RecordInput(namespace=f"notes-{reader.name}", name="r", value=b"read")),
        ],
        request_id=request_id,
    )


def transact(actor: Actor, request: TransactRequest) -> TransactResponse:
    with stub_of(actor.member) as stub:
        answer: TransactResponse = stub.Transact(request, timeout=TIMEOUT)
        return answer


def test_a_retry_reads_again_what_the_transaction_read(
    owner: Actor, reader: Actor, namespace: str
) -> None:
    request = reading(reader, namespace, str(uuid.uuid4()))
    first = transact(reader, request)
    owner.client.put(namespace, "report", b"later")
    assert transact(reader, request) == first
    assert first.results[0].get.value == b"41,000 a year"


def test_what_was_destroyed_comes_back_by_no_retry(
    owner: Actor, reader: Actor, namespace: str
) -> None:
    request = reading(reader, namespace, str(uuid.uuid4()))
    first = transact(reader, request)
    owner.client.destroy(namespace, "report", [1])
    again = transact(reader, request)
    assert (again.results[0].get.value, again.results[0].get.HasField("record")) == (b"", False)
    assert (again.results[1], again.revision) == (first.results[1], first.revision)


def test_who_may_not_read_any_more_is_not_given_it_again(
    owner: Actor, reader: Actor, namespace: str
) -> None:
    request = reading(reader, namespace, str(uuid.uuid4()))
    transact(reader, request)
    owner.ungrant(reader, "read", namespace)
    assert not transact(reader, request).results[0].get.HasField("record")


def test_what_an_erased_identity_sealed_comes_back_by_no_retry(
    cast: Cast, owner: Actor, reader: Actor, namespace: str
) -> None:
    request = reading(reader, namespace, str(uuid.uuid4()))
    transact(reader, request)
    cast.admin().client.identities.erase(owner.name)
    assert not transact(reader, request).results[0].get.HasField("record")


def test_a_transaction_that_changed_nothing_is_answered_again_too(
    owner: Actor, reader: Actor, namespace: str
) -> None:
    request = reading(reader, namespace, str(uuid.uuid4()))
    del request.operations[1]
    first = transact(reader, request)
    owner.client.put(namespace, "report", b"later")
    owner.client.delete(namespace, "report")
    assert transact(reader, request) == first


def test_an_answer_that_would_not_fit_is_refused_before_anything_is_done(
    owner: Actor, namespace: str
) -> None:
    place = f"{namespace}/large"
    records = [
        RecordInput(namespace=place, name=f"{n:03}", value=bytes(KIB), labels=LARGE_LABELS)
        for n in range(200)
    ]
    with stub_of(owner.member) as stub:
        stub.BatchPutRecords(BatchPutRecordsRequest(records=records), timeout=TIMEOUT)
        reads = [Operation(get=RecordAddress(namespace=place, name=r.name)) for r in records]
        write = Operation(put=RecordInput(namespace=place, name="new", value=b"v"))
        with pytest.raises(RemoteError) as refused:
            stub.Transact(TransactRequest(operations=[write, *reads]), timeout=TIMEOUT)
    assert refused.value.code == Code.RESOURCE_EXHAUSTED
    assert "new" not in [record.name for record in owner.client.list_records(place)]


def test_lists_with_large_labels_come_in_more_pages(owner: Actor, namespace: str) -> None:
    place = f"{namespace}/large"
    records = [
        RecordInput(namespace=place, name=f"{n:03}", value=b"v", labels=LARGE_LABELS)
        for n in range(200)
    ]
    with stub_of(owner.member) as stub:
        stub.BatchPutRecords(BatchPutRecordsRequest(records=records), timeout=TIMEOUT)
    listed = list(owner.client.list_records(place, page_size=1_000))
    assert [record.name for record in listed] == [record.name for record in records]


def test_who_may_only_write_learns_nothing_of_a_record_by_undeleting_it(
    owner: Actor, reader: Actor, namespace: str
) -> None:
    owner.ungrant(reader, "read", namespace)
    owner.grant(reader, "write", namespace)
    with stub_of(reader.member) as stub:
        request = UndeleteRecordRequest(namespace=namespace, name="report")
        answer = stub.UndeleteRecord(request, timeout=TIMEOUT)
    assert answer.record == RecordInfo(name="report", version=1)
    with pytest.raises(ForbiddenError):
        reader.client.get(namespace, "report")
