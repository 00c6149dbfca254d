"""Many records in one request: what batches do, inside their one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import MalformedError, OverloadedError
from sealwire.core.names import check_namespace, check_record_name
from sealwire.server.authorization import Authorization, Unit
from sealwire.server.record_drafts import drafted, require_distinct
from sealwire.server.record_messages import opened_record, written_info
from sealwire.storage import Namespace, RecordRow
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    Condition,
    GetRecordResponse,
    RecordAddress,
)

MAX_ITEMS: Final = 1_000
MAX_NAMESPACES: Final = 100
MAX_OPENED_BYTES: Final = 3_328 * 1024
"""How much one answer opens, so that it fits into a message with what else it says."""


def batch_put(request: BatchPutRecordsRequest) -> Unit[BatchPutRecordsResponse]:
    """Return what seals the records of a request, all or none.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
    """
    require_some(len(request.records), "records")
    drafts = [drafted(record) for record in request.records]
    require_distinct([draft.address for draft in drafts])
    names = require_few_namespaces(draft.namespace for draft in drafts)

    def unit(auth: Authorization) -> BatchPutRecordsResponse:
        places = {name: auth.writable(name) for name in names}
        items = [(places[draft.namespace], draft.at(auth.now)) for draft in drafts]
        rows, revision = auth.tx.records.put_all(items, now=auth.now)
        return BatchPutRecordsResponse(records=map(written_info, rows), revision=revision)

    return unit


def batch_get(request: BatchGetRecordsRequest) -> Unit[BatchGetRecordsResponse]:
    """Return what opens the records of a request, if the caller may have all of them.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
    """
    require_some(len(request.records), "records")
    addresses = [checked_address(record) for record in request.records]
    require_few_namespaces(place for place, _ in addresses)

    def unit(auth: Authorization) -> BatchGetRecordsResponse:
        progress = Progress(auth)
        found = [progress.get(auth.namespace_if_any(place), name) for place, name in addresses]
        return BatchGetRecordsResponse(records=found)

    return unit


@dataclass(slots=True)
class Progress:
    """How large the answer to a request has become, and the last revision that it made."""

    auth: Authorization
    size: int = 0
    revision: int = 0

    def get(self, namespace: Namespace | None, name: str) -> GetRecordResponse:
        """Return a record, or an empty message.

        Raises:
            OverloadedError: if the records do not fit into one answer.
        """
        if namespace is None:
            return GetRecordResponse()
        return self._opened(self.auth.tx.records.get(namespace, name, now=self.auth.now))

    def get_again(
        self, namespace: Namespace | None, name: str, *, version: int
    ) -> GetRecordResponse:
        """Return a version that was read before, as `get`; also if it was deleted since."""
        if namespace is None:
            return GetRecordResponse()
        records, now = self.auth.tx.records, self.auth.now
        return self._opened(records.get_again(namespace, name, version=version, now=now))

    def _opened(self, found: tuple[RecordRow, bytes] | None) -> GetRecordResponse:
        opened = opened_record(found)
        self.size += opened.ByteSize()
        if self.size > MAX_OPENED_BYTES:
            raise OverloadedError(
                "These records do not fit into one answer; ask for fewer at a time. Nothing was "
                "changed."
            )
        return opened


def checked_address(message: RecordAddress | Condition) -> tuple[str, str]:
    """Return a namespace and a name; MalformedError if they do not have the form of those."""
    return check_namespace(message.namespace), check_record_name(message.name)


def require_some(count: int, what: str) -> None:
    """Return if a request has neither nothing nor too much in it; MalformedError otherwise."""
    if not 1 <= count <= MAX_ITEMS:
        raise MalformedError(f"One request has 1 to {MAX_ITEMS} {what}; this has {count}.")


def require_few_namespaces(names: Iterable[str]) -> list[str]:
    """Return the namespaces that a request touches, each once; MalformedError if too many."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) > MAX_NAMESPACES:
        raise MalformedError(f"One request touches at most {MAX_NAMESPACES} namespaces.")
    return distinct
