"""The blocking client of a Sealwire server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from sealwire.client.channel import SigningChannel
from sealwire.client.connection import TlsIdentity, open_channel
from sealwire.core.clock import Clock, system_clock
from sealwire.core.invitation import Invitation, ServerIdentity
from sealwire.core.keys import Random, Signer
from sealwire.v1.identity_pb2 import (
    EnrollRequest,
    EnrollResponse,
    Identity,
    WhoAmIRequest,
    WhoAmIResponse,
)
from sealwire.v1.identity_pb2_grpc import IdentityServiceStub
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    PutRecordRequest,
    PutRecordResponse,
    RecordInfo,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a call may take."""


class Client:
    """Signs every request, and returns only what the pinned server key has signed.

    Every method raises `RemoteError` for a signed refusal, `ResponseVerificationError` for an
    answer that does not verify, and `TransportError` when no signed answer came.
    """

    def __init__(
        self,
        server: ServerIdentity,
        signer: Signer,
        tls: TlsIdentity,
        *,
        clock: Clock = system_clock,
        random: Random = os.urandom,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Talk to `server` as `signer`; `timeout` is in seconds, for each call."""
        self._timeout = timeout
        self._channel = open_channel(server, tls)
        signing = SigningChannel(
            self._channel,
            signer,
            audience=server.audience,
            server_key=server.public_key,
            clock=clock,
            random=random,
        )
        self._identities = IdentityServiceStub(signing)
        self._records = RecordServiceStub(signing)

    def whoami(self) -> Identity:
        """Return who the server takes this client for."""
        response: WhoAmIResponse = self._identities.WhoAmI(WhoAmIRequest(), timeout=self._timeout)
        return response.identity

    def put(self, namespace: str, name: str, value: bytes) -> RecordInfo:
        """Store a record; on return it is sealed and on stable storage."""
        request = PutRecordRequest(namespace=namespace, name=name, value=value)
        response: PutRecordResponse = self._records.PutRecord(request, timeout=self._timeout)
        return response.record

    def get(self, namespace: str, name: str) -> GetRecordResponse:
        """Return a record and its value."""
        request = GetRecordRequest(namespace=namespace, name=name)
        response: GetRecordResponse = self._records.GetRecord(request, timeout=self._timeout)
        return response

    def list_records(self, namespace: str, *, page_size: int = 0) -> Iterator[RecordInfo]:
        """Yield the namespace's records in the order of their names, fetching pages as needed."""
        request = ListRecordsRequest(namespace=namespace, page_size=page_size)
        while True:
            page: ListRecordsResponse = self._records.ListRecords(request, timeout=self._timeout)
            yield from page.records
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def delete(self, namespace: str, name: str) -> None:
        """Delete a record; MissingError if there is none."""
        request = DeleteRecordRequest(namespace=namespace, name=name)
        self._records.DeleteRecord(request, timeout=self._timeout)

    def enroll(self, invitation: Invitation, certificate_request: bytes) -> EnrollResponse:
        """Turn an invitation into an identity for this client's key."""
        request = EnrollRequest(
            invitation_id=invitation.invitation_id,
            token=invitation.token,
            certificate_request=certificate_request,
        )
        response: EnrollResponse = self._identities.Enroll(request, timeout=self._timeout)
        return response

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
