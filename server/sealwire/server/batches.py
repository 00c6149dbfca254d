"""Many records in one request: what batches and transactions do, inside their one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import MalformedError, OverloadedError
from sealwire.core.names import check_namespace, check_record_name
from sealwire.server.authorization import Authorization, Unit
from sealwire.server.record_drafts import Draft, check_version, drafted, require_distinct
from sealwire.server.record_messages import opened_record, record_info
from sealwire.storage import Namespace, Verb, require_version
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    Condition,
    GetRecordResponse,
    Operation,
    OperationResult,
    RecordAddress,
    TransactRequest,
    TransactResponse,
)

MAX_ITEMS: Final = 1_000
MAX_OPENED_BYTES: Final = 4 * 1024 * 1024 - 256 * 1024
"""How much one answer opens, so that it fits into a message with what else it says."""


def batch_put(request: BatchPutRecordsRequest) -> Unit[BatchPutRecordsResponse]:
    """Return what seals the records of a request, all or none.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
    """
    _require_some(len(request.records), "records")
    drafts = [drafted(record) for record in request.records]
    require_distinct([draft.address for draft in drafts])
    names = [draft.namespace for draft in drafts]

    def unit(auth: Authorization) -> BatchPutRecordsResponse:
        places = {name: auth.writable(name) for name in dict.fromkeys(names)}
        items = [(places[draft.namespace], draft.at(auth.now)) for draft in drafts]
        rows, revision = auth.tx.records.put_all(items, now=auth.now)
        return BatchPutRecordsResponse(records=map(record_info, rows), revision=revision)

    return unit


def batch_get(request: BatchGetRecordsRequest) -> Unit[BatchGetRecordsResponse]:
    """Return what opens the records of a request, if the caller may have all of them.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
    """
    _require_some(len(request.records), "records")
    addresses = [_address(record) for record in request.records]

    def unit(auth: Authorization) -> BatchGetRecordsResponse:
        progress = _Progress(auth)
        found = [progress.get(auth.namespace_if_any(place), name) for place, name in addresses]
        return BatchGetRecordsResponse(records=found)

    return unit


def transaction(request: TransactRequest) -> Unit[TransactResponse]:
    """Return what does all operations of a request, in order, if all its conditions hold.

    A record that is read behind its put is read as it was put.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
    """
    _require_some(max(len(request.conditions), len(request.operations)), "operations")
    conditions = [
        (_address(condition), check_version(condition.version)) for condition in request.conditions
    ]
    operations = [_operation(operation) for operation in request.operations]
    require_distinct([step.address for step in operations if not isinstance(step, _Get)])

    def unit(auth: Authorization) -> TransactResponse:
        for index, (address, version) in enumerate(conditions):
            _require_condition(auth, address, version, index=index)
        progress = _Progress(auth)
        results = [operation.run(progress) for operation in operations]
        return TransactResponse(results=results, revision=progress.revision)

    return unit


@dataclass(slots=True)
class _Progress:
    """How much was opened for one answer, and the last revision that its request made."""

    auth: Authorization
    size: int = 0
    revision: int = 0

    def get(self, namespace: Namespace | None, name: str) -> GetRecordResponse:
        """Return a record, or an empty message.

        Raises:
            OverloadedError: if they do not fit into one answer.
        """
        if namespace is None:
            return GetRecordResponse()
        found = self.auth.tx.records.get(namespace, name, now=self.auth.now)
        self.size += found[0].size if found else 0
        if self.size > MAX_OPENED_BYTES:
            raise OverloadedError(
                "These records have more than 4 MiB together; ask for fewer at a time."
            )
        return opened_record(found)


@dataclass(frozen=True, slots=True)
class _Put:
    draft: Draft

    @property
    def address(self) -> tuple[str, str]:
        return self.draft.address

    def run(self, progress: _Progress) -> OperationResult:
        auth = progress.auth
        namespace, new = auth.written(self.draft.namespace), self.draft.at(auth.now)
        row, progress.revision = auth.tx.records.put(namespace, new, now=auth.now)
        return OperationResult(put=record_info(row))


@dataclass(frozen=True, slots=True)
class _Get:
    address: tuple[str, str]

    def run(self, progress: _Progress) -> OperationResult:
        place, name = self.address
        return OperationResult(get=progress.get(progress.auth.operand(place, Verb.READ), name))


@dataclass(frozen=True, slots=True)
class _Delete:
    address: tuple[str, str]

    def run(self, progress: _Progress) -> OperationResult:
        (place, name), auth = self.address, progress.auth
        namespace = auth.operand(place, Verb.DELETE)
        if namespace is None:
            return OperationResult(deleted=False)
        revision = auth.tx.records.delete(namespace, name, now=auth.now)
        progress.revision = revision or progress.revision
        return OperationResult(deleted=revision is not None)


def _operation(operation: Operation) -> _Put | _Get | _Delete:
    match operation.WhichOneof("operation"):
        case "put":
            return _Put(drafted(operation.put))
        case "get":
            return _Get(_address(operation.get))
        case "delete":
            return _Delete(_address(operation.delete))
        case _:
            raise MalformedError("An operation puts, gets or deletes a record.")


def _require_condition(
    auth: Authorization, address: tuple[str, str], version: int, *, index: int
) -> None:
    place, name = address
    namespace = auth.operand(place, Verb.READ)
    current = 0
    if namespace is not None:
        current = auth.tx.records.current_version(namespace, name, now=auth.now)
    require_version(current, version, index=index)


def _address(message: RecordAddress | Condition) -> tuple[str, str]:
    return check_namespace(message.namespace), check_record_name(message.name)


def _require_some(count: int, what: str) -> None:
    if not 1 <= count <= MAX_ITEMS:
        raise MalformedError(f"One request has 1 to {MAX_ITEMS} {what}; this has {count}.")
