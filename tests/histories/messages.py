"""The model's operations as requests of RecordService, and what is answered as its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    Condition,
    DeleteRecordRequest,
    DeleteRecordResponse,
    GetRecordResponse,
    OperationResult,
    PutRecordRequest,
    PutRecordResponse,
    RecordAddress,
    RecordInput,
    TransactRequest,
    TransactResponse,
)
from sealwire.v1.records_pb2 import Operation as OperationMessage
from tests.histories.model import (
    Answer,
    Batch,
    Delete,
    Done,
    Get,
    Head,
    Mismatch,
    Missing,
    Operation,
    Put,
    Transact,
)

SERVICE = "/sealwire.v1.RecordService/"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the model's records are: in a namespace, under names that begin alike."""

    namespace: str
    prefix: str

    def request(self, operation: Operation, request_id: str) -> tuple[str, Message]:
        """Return the method and the request that ask for an operation."""
        match operation:
            case Get(names):
                return "BatchGetRecords", BatchGetRecordsRequest(records=map(self._address, names))
            case Put(name, value, if_version):
                return "PutRecord", PutRecordRequest(
                    namespace=self.namespace,
                    name=self.prefix + name,
                    value=value,
                    if_version=if_version,
                    request_id=request_id,
                )
            case Delete(name, if_version):
                return "DeleteRecord", DeleteRecordRequest(
                    namespace=self.namespace,
                    name=self.prefix + name,
                    if_version=if_version,
                    request_id=request_id,
                )
            case Batch(puts):
                return "BatchPutRecords", BatchPutRecordsRequest(
                    records=map(self._input, puts), request_id=request_id
                )
            case Transact(conditions, steps):
                return "Transact", TransactRequest(
                    conditions=[self._condition(*each) for each in conditions],
                    operations=map(self._step, steps),
                    request_id=request_id,
                )

    def _condition(self, name: str, version: int) -> Condition:
        return Condition(namespace=self.namespace, name=self.prefix + name, version=version)

    def _address(self, name: str) -> RecordAddress:
        return RecordAddress(namespace=self.namespace, name=self.prefix + name)

    def _input(self, put: Put) -> RecordInput:
        return RecordInput(
            namespace=self.namespace,
            name=self.prefix + put.name,
            value=put.value,
            if_version=put.if_version,
        )

    def _step(self, step: Get | Put | Delete) -> OperationMessage:
        match step:
            case Get((name,)):
                return OperationMessage(get=self._address(name))
            case Put():
                return OperationMessage(put=self._input(step))
            case Delete(name):
                return OperationMessage(delete=self._address(name))
        raise AssertionError("a step reads one record")


def answer_of(operation: Operation, body: bytes) -> Answer:
    """Return what a response says."""
    match operation:
        case Get():
            opened = BatchGetRecordsResponse.FromString(body).records
            return Done(_heads(opened))
        case Put():
            made = PutRecordResponse.FromString(body)
            return Done((made.record.version,), made.revision)
        case Delete():
            return Done((True,), DeleteRecordResponse.FromString(body).revision)
        case Batch():
            batch = BatchPutRecordsResponse.FromString(body)
            return Done(tuple(record.version for record in batch.records), batch.revision)
        case Transact():
            done = TransactResponse.FromString(body)
            return Done(tuple(map(_result, done.results)), done.revision)


def refusal_of(status: Status) -> Answer | None:
    """Return what a refusal says; None if it is none that the model knows."""
    if status.reason == "VERSION_MISMATCH":
        return Mismatch(int(status.metadata["current_version"]))
    return Missing() if status.reason == "NOT_FOUND" else None


def _result(result: OperationResult) -> object:
    match result.WhichOneof("result"):
        case "put":
            return result.put.version
        case "get":
            return _heads([result.get])
        case "deleted":
            return result.deleted
    raise AssertionError("a result of no kind")


def _heads(opened: Sequence[GetRecordResponse]) -> tuple[Head | None, ...]:
    return tuple(
        Head(each.record.version, each.value) if each.HasField("record") else None
        for each in opened
    )
