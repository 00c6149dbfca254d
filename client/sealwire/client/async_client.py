"""The asyncio client of a Sealwire server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from sealwire.client.async_channel import AsyncSigningChannel
from sealwire.client.client import DEFAULT_TIMEOUT
from sealwire.client.connection import TlsIdentity, open_async_channel
from sealwire.core.clock import Clock, system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import Random, Signer
from sealwire.v1.identity_pb2 import Identity, WhoAmIRequest, WhoAmIResponse
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


class AsyncClient:
    """`Client` for asyncio: the same methods, promises and errors; many calls may be under way."""

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
        self._channel = open_async_channel(server, tls)
        signing = AsyncSigningChannel(
            self._channel,
            signer,
            audience=server.audience,
            server_key=server.public_key,
            clock=clock,
            random=random,
        )
        self._identities = IdentityServiceStub(signing)
        self._records = RecordServiceStub(signing)

    async def whoami(self) -> Identity:
        """Return who the server takes this client for."""
        request = WhoAmIRequest()
        response: WhoAmIResponse = await self._identities.WhoAmI(request, timeout=self._timeout)
        return response.identity

    async def put(self, namespace: str, name: str, value: bytes) -> RecordInfo:
        """Store a record; on return it is sealed and on stable storage."""
        request = PutRecordRequest(namespace=namespace, name=name, value=value)
        response: PutRecordResponse = await self._records.PutRecord(request, timeout=self._timeout)
        return response.record

    async def get(self, namespace: str, name: str) -> GetRecordResponse:
        """Return a record and its value."""
        request = GetRecordRequest(namespace=namespace, name=name)
        response: GetRecordResponse = await self._records.GetRecord(request, timeout=self._timeout)
        return response

    async def list_records(
        self, namespace: str, *, page_size: int = 0
    ) -> AsyncIterator[RecordInfo]:
        """Yield the namespace's records in the order of their names, fetching pages as needed."""
        request = ListRecordsRequest(namespace=namespace, page_size=page_size)
        while True:
            page: ListRecordsResponse = await self._records.ListRecords(
                request, timeout=self._timeout
            )
            for record in page.records:
                yield record
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def delete(self, namespace: str, name: str) -> None:
        """Delete a record; MissingError if there is none."""
        request = DeleteRecordRequest(namespace=namespace, name=name)
        await self._records.DeleteRecord(request, timeout=self._timeout)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
