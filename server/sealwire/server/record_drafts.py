"""From a request to a record to be: every text and size is checked before the store is asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from sealwire.core.errors import MalformedError
from sealwire.core.names import MAX_VALUE_BYTES, check_namespace, check_record_name
from sealwire.server.record_metadata import encoded
from sealwire.storage import NewRecord
from sealwire.v1.records_pb2 import PutRecordRequest, RecordInput

MAX_TTL_SECONDS: Final = 100 * 366 * 24 * 60 * 60
MAX_VERSION: Final = 2**63 - 1


class Draft(NamedTuple):
    """A record to be, and where; it expires `ttl_ms` milliseconds after it is put, unless 0."""

    namespace: str
    record: NewRecord
    ttl_ms: int

    @property
    def address(self) -> tuple[str, str]:
        """The namespace and the name."""
        return self.namespace, self.record.name

    def at(self, now: int) -> NewRecord:
        """Return the record that is put at a moment."""
        return self.record._replace(expires_at=now + self.ttl_ms) if self.ttl_ms else self.record


def drafted(request: PutRecordRequest | RecordInput) -> Draft:
    """Return what a request wants to be put.

    Raises:
        MalformedError: if a text or a size is not as docs/protocol.md says.
    """
    if len(request.value) > MAX_VALUE_BYTES:
        raise MalformedError(f"A value has at most {MAX_VALUE_BYTES} bytes.")
    if request.ttl_seconds > MAX_TTL_SECONDS:
        raise MalformedError("A record can't be told to expire in more than 100 years.")
    record = NewRecord(
        check_record_name(request.name),
        request.value,
        encoded(request.content_type, request.labels),
        if_version=check_version(request.if_version) if request.HasField("if_version") else None,
    )
    return Draft(check_namespace(request.namespace), record, request.ttl_seconds * 1_000)


def check_version(version: int) -> int:
    """Return a version that a record can have, or 0; MalformedError otherwise."""
    if version > MAX_VERSION:
        raise MalformedError(f"A version is at most {MAX_VERSION}.")
    return version


def require_distinct(addresses: Collection[tuple[str, str]]) -> None:
    """Return if no record is named twice; MalformedError otherwise."""
    if len(set(addresses)) != len(addresses):
        raise MalformedError("A record is put or deleted twice in one request.")
