"""What a client asks of records, and who it is: the methods of `Client` and `AsyncClient`."""

from __future__ import annotations

from typing import Final

from sealwire.client.operations import Call, Listing, listing, operation
from sealwire.core.invitation import Invitation
from sealwire.v1.identity_pb2 import EnrollRequest, EnrollResponse, Identity, WhoAmIRequest
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    PutRecordRequest,
    RecordInfo,
)

_IDENTITIES: Final = "/sealwire.v1.IdentityService"
_RECORDS: Final = "/sealwire.v1.RecordService"


class RecordOperations:
    """Records, and who the caller is."""

    @operation
    def whoami(self) -> Call[Identity]:
        """Return who the server takes this client for."""
        return Call(f"{_IDENTITIES}/WhoAmI", WhoAmIRequest(), lambda answer: answer.identity)

    @operation
    def put(self, namespace: str, name: str, value: bytes) -> Call[RecordInfo]:
        """Store a record; on return it is sealed and on stable storage."""
        request = PutRecordRequest(namespace=namespace, name=name, value=value)
        return Call(f"{_RECORDS}/PutRecord", request, lambda answer: answer.record)

    @operation
    def get(self, namespace: str, name: str) -> Call[GetRecordResponse]:
        """Return a record and its value."""
        request = GetRecordRequest(namespace=namespace, name=name)
        return Call(f"{_RECORDS}/GetRecord", request, lambda answer: answer)

    @listing
    def list_records(self, namespace: str, *, page_size: int = 0) -> Listing[RecordInfo]:
        """Yield the namespace's records in the order of their names, fetching pages as needed."""
        request = ListRecordsRequest(namespace=namespace, page_size=page_size)
        return Listing(f"{_RECORDS}/ListRecords", request, lambda page: page.records)

    @operation
    def delete(self, namespace: str, name: str) -> Call[None]:
        """Delete a record; MissingError if there is none."""
        request = DeleteRecordRequest(namespace=namespace, name=name)
        return Call(f"{_RECORDS}/DeleteRecord", request, lambda _: None)

    @operation
    def enroll(self, invitation: Invitation, certificate_request: bytes) -> Call[EnrollResponse]:
        """Turn an invitation into an identity for this client's key."""
        request = EnrollRequest(
            invitation_id=invitation.invitation_id,
            token=invitation.token,
            certificate_request=certificate_request,
        )
        return Call(f"{_IDENTITIES}/Enroll", request, lambda answer: answer)
