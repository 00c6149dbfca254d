"""Requests about many records, put together and sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealwire.client import RemoteError
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    Condition,
    Operation,
    RecordAddress,
    RecordInput,
    TransactRequest,
    TransactResponse,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.members import TIMEOUT

SERVICE = "/sealwire.v1.RecordService/"
MIB = 1024 * 1024
MOST = 1_000


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
