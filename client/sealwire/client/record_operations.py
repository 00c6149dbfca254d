"""What a client asks of records, and who it is: the methods of `Client` and `AsyncClient`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sealwire.client.operations import (
    Call,
    Listing,
    Subscription,
    listing,
    operation,
    subscription,
)
from sealwire.core.invitation import Invitation
from sealwire.v1.identity_pb2 import EnrollRequest, EnrollResponse, Identity, WhoAmIRequest
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchPutRecordsRequest,
    Condition,
    DeleteRecordRequest,
    DestroyVersionsRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    ListVersionsRequest,
    Operation,
    PutRecordRequest,
    RecordAddress,
    RecordInfo,
    RecordInput,
    TransactRequest,
    TransactResponse,
    UndeleteRecordRequest,
    WatchRecordsRequest,
    WatchRecordsResponse,
)

_IDENTITIES: Final = "/sealwire.v1.IdentityService"
_RECORDS: Final = "/sealwire.v1.RecordService"


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the names of some records have in common, up to a "/" and with it."""

    name: str


class RecordOperations:
    """Records, and who the caller is.

    Every put makes a version. A `version` of 0 is the current one; an `if_version` of 0 demands
    that there is no such record, and ConflictError says which version there is instead.
    """

    @operation
    def whoami(self) -> Call[Identity]:
        """Return who the server takes this client for."""
        return Call(f"{_IDENTITIES}/WhoAmI", WhoAmIRequest(), lambda answer: answer.identity)

    @operation
    def put(
        self,
        namespace: str,
        name: str,
        value: bytes,
        *,
        if_version: int | None = None,
        ttl_seconds: int = 0,
        content_type: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Call[RecordInfo]:
        """Store a version of a record; on return it is sealed and on stable storage.

        It is gone by itself after `ttl_seconds`, unless that is 0.
        """
        request = PutRecordRequest(
            namespace=namespace,
            name=name,
            value=value,
            if_version=if_version,
            ttl_seconds=ttl_seconds,
            content_type=content_type,
            labels=labels,
        )
        return Call(f"{_RECORDS}/PutRecord", request, lambda answer: answer.record)

    @operation
    def get(self, namespace: str, name: str, *, version: int = 0) -> Call[GetRecordResponse]:
        """Return a record and its value."""
        request = GetRecordRequest(namespace=namespace, name=name, version=version)
        return Call(f"{_RECORDS}/GetRecord", request, lambda answer: answer)

    @listing
    def list_records(
        self,
        namespace: str,
        *,
        prefix: str = "",
        show_deleted: bool = False,
        page_size: int = 0,
    ) -> Listing[RecordInfo]:
        """Yield the namespace's records in the order of their names, fetching pages as needed.

        Only those whose names begin with `prefix`; those that can be undeleted if they are wanted.
        """
        request = ListRecordsRequest(
            namespace=namespace, prefix=prefix, show_deleted=show_deleted, page_size=page_size
        )
        return Listing(f"{_RECORDS}/ListRecords", request, lambda page: page.records)

    @listing
    def list_level(
        self,
        namespace: str,
        *,
        prefix: str = "",
        show_deleted: bool = False,
        page_size: int = 0,
    ) -> Listing[RecordInfo | Prefix]:
        """Yield records as `list_records` does, but of names with a "/" behind `prefix` the prefix.

        It ends with that "/", and comes once for all that have it.
        """
        request = ListRecordsRequest(
            namespace=namespace,
            prefix=prefix,
            show_deleted=show_deleted,
            page_size=page_size,
            one_level=True,
        )
        return Listing(f"{_RECORDS}/ListRecords", request, _level)

    @listing
    def versions(self, namespace: str, name: str, *, page_size: int = 0) -> Listing[RecordInfo]:
        """Yield the versions that are kept of a record, newest first; MissingError if none is."""
        request = ListVersionsRequest(namespace=namespace, name=name, page_size=page_size)
        return Listing(f"{_RECORDS}/ListVersions", request, lambda page: page.versions)

    @operation
    def delete(self, namespace: str, name: str, *, if_version: int | None = None) -> Call[None]:
        """Delete a record, until it is undeleted; MissingError if there is none."""
        request = DeleteRecordRequest(namespace=namespace, name=name, if_version=if_version)
        return Call(f"{_RECORDS}/DeleteRecord", request, lambda _: None)

    @operation
    def undelete(self, namespace: str, name: str, *, version: int = 0) -> Call[RecordInfo]:
        """Bring a deleted version back, or the latest one; MissingError if it is gone for good."""
        request = UndeleteRecordRequest(namespace=namespace, name=name, version=version)
        return Call(f"{_RECORDS}/UndeleteRecord", request, lambda answer: answer.record)

    @operation
    def destroy(self, namespace: str, name: str, versions: Iterable[int]) -> Call[None]:
        """Destroy the values of versions for good; those that are gone already are passed over."""
        request = DestroyVersionsRequest(namespace=namespace, name=name, versions=versions)
        return Call(f"{_RECORDS}/DestroyVersions", request, lambda _: None)

    @operation
    def get_many(self, records: Iterable[tuple[str, str]]) -> Call[tuple[GetRecordResponse, ...]]:
        """Return records by namespace and name, as of one moment, in the order that is given.

        At most 1,000, of 4 MiB together. Where there is none, the answer has no `record`.
        """
        addresses = [RecordAddress(namespace=place, name=name) for place, name in records]
        request = BatchGetRecordsRequest(records=addresses)
        return Call(f"{_RECORDS}/BatchGetRecords", request, lambda answer: tuple(answer.records))

    @operation
    def put_many(self, records: Iterable[RecordInput]) -> Call[tuple[RecordInfo, ...]]:
        """Store records, all or none; at most 1,000, none of them twice, of 4 MiB together."""
        request = BatchPutRecordsRequest(records=records)
        return Call(f"{_RECORDS}/BatchPutRecords", request, lambda answer: tuple(answer.records))

    @operation
    def transact(
        self, conditions: Iterable[Condition], operations: Iterable[Operation]
    ) -> Call[TransactResponse]:
        """Do all operations, in order, if all conditions hold; else none of them: ConflictError.

        At most 1,000 of each; no record is put or deleted twice.
        """
        request = TransactRequest(conditions=conditions, operations=operations)
        return Call(f"{_RECORDS}/Transact", request, lambda answer: answer)

    @subscription
    def watch(
        self, namespace: str, *, from_revision: int = 0
    ) -> Subscription[WatchRecordsResponse]:
        """Yield what changes in a namespace and below it, in order, without gap or duplicate.

        The first answer, which may be empty, comes at once: nothing that follows is missed. From
        the next change on, unless an earlier revision is named. It goes on by itself where a
        connection broke, and never ends but by an error: RemoteError says why the server ended it.
        """
        request = WatchRecordsRequest(namespace=namespace, from_revision=from_revision)
        return Subscription(f"{_RECORDS}/WatchRecords", request)

    @operation
    def enroll(self, invitation: Invitation, certificate_request: bytes) -> Call[EnrollResponse]:
        """Turn an invitation into an identity for this client's key."""
        request = EnrollRequest(
            invitation_id=invitation.invitation_id,
            token=invitation.token,
            certificate_request=certificate_request,
        )
        return Call(f"{_IDENTITIES}/Enroll", request, lambda answer: answer)


def _level(page: ListRecordsResponse) -> list[RecordInfo | Prefix]:
    """Return what a page holds in the order of the names, as the server went through them."""
    entries: list[RecordInfo | Prefix] = [*page.records, *map(Prefix, page.prefixes)]
    return sorted(entries, key=lambda entry: entry.name)
