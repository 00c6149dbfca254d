"""Transact: conditions, then puts, gets and deletes, all of it or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sealwire.core.errors import ErasedError, MalformedError
from sealwire.server.authorization import Authorization
from sealwire.server.batches import (
    Progress,
    checked_address,
    require_few_namespaces,
    require_some,
)
from sealwire.server.record_drafts import Draft, check_version, drafted, require_distinct
from sealwire.server.record_messages import written_info
from sealwire.storage import Verb, require_version
from sealwire.v1.records_pb2 import (
    GetRecordResponse,
    Operation,
    OperationResult,
    RecordInfo,
    TransactRequest,
    TransactResponse,
)

Address = tuple[str, str]
"""A namespace and a name."""


class Transaction:
    """What a request wants done, and how its answer is kept for a retry.

    What it read is not kept: values belong to the owners of their namespaces, and are gone when
    those say so. A retry reads the same versions again, deleted or not, as far as they are there
    and the caller may read.
    """

    def __init__(self, request: TransactRequest) -> None:
        """Check a request; MalformedError if it is not as docs/protocol.md says."""
        require_some(max(len(request.conditions), len(request.operations)), "operations")
        self._conditions = [
            (checked_address(condition), check_version(condition.version))
            for condition in request.conditions
        ]
        self._operations = [_operation(operation) for operation in request.operations]
        steps = [step.address for step in self._operations]
        addresses = [*steps, *(address for address, _ in self._conditions)]
        require_few_namespaces(place for place, _ in addresses)
        require_distinct([step.address for step in self._operations if not isinstance(step, _Get)])

    def __call__(self, auth: Authorization) -> TransactResponse:
        """Do all operations, in order, if all conditions hold.

        A record that is read behind its put is read as it was put.
        """
        for index, (address, version) in enumerate(self._conditions):
            _require_condition(auth, address, version, index=index)
        progress = Progress(auth)
        results = [operation.run(progress) for operation in self._operations]
        return TransactResponse(results=results, revision=progress.revision)

    def shortened(self, answer: TransactResponse) -> TransactResponse:
        """Return what of an answer is kept: of what was read, the version."""
        kept = TransactResponse(revision=answer.revision)
        for result in answer.results:
            if result.WhichOneof("result") != "get":
                kept.results.append(result)
                continue
            read = result.get.record
            named = GetRecordResponse(record=RecordInfo(version=read.version))
            kept.results.add(get=named if read.version else GetRecordResponse())
        return kept

    def completed(self, auth: Authorization, kept: TransactResponse) -> TransactResponse:
        """Return the answer to a retry: versions that are gone, or not the caller's, are empty."""
        progress = Progress(auth)
        for step, result in zip(self._operations, kept.results, strict=True):
            if isinstance(step, _Get) and result.get.record.version:
                result.get.CopyFrom(_read_again(progress, step.address, result.get.record.version))
        return kept


@dataclass(frozen=True, slots=True)
class _Put:
    draft: Draft

    @property
    def address(self) -> Address:
        return self.draft.address

    def run(self, progress: Progress) -> OperationResult:
        auth = progress.auth
        namespace, new = auth.written(self.draft.namespace), self.draft.at(auth.now)
        row, progress.revision = auth.tx.records.put(namespace, new, now=auth.now)
        return OperationResult(put=written_info(row))


@dataclass(frozen=True, slots=True)
class _Get:
    address: Address

    def run(self, progress: Progress) -> OperationResult:
        place, name = self.address
        return OperationResult(get=progress.get(progress.auth.operand(place, Verb.READ), name))


@dataclass(frozen=True, slots=True)
class _Delete:
    address: Address

    def run(self, progress: Progress) -> OperationResult:
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
            return _Get(checked_address(operation.get))
        case "delete":
            return _Delete(checked_address(operation.delete))
        case _:
            raise MalformedError("An operation puts, gets or deletes a record.")


def _require_condition(auth: Authorization, address: Address, version: int, *, index: int) -> None:
    place, name = address
    namespace = auth.operand(place, Verb.READ)
    current = 0
    if namespace is not None:
        current = auth.tx.records.current_version(namespace, name, now=auth.now)
    require_version(current, version, index=index)


def _read_again(progress: Progress, address: Address, version: int) -> GetRecordResponse:
    (place, name), auth = address, progress.auth
    if not auth.may(place, Verb.READ):
        return GetRecordResponse()
    try:
        return progress.get_again(auth.tx.namespaces.find(place), name, version=version)
    except ErasedError:
        return GetRecordResponse()
