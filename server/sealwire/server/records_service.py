"""RecordService: check the names, then one unit of work that checks the permission and acts."""

from __future__ import annotations

from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import MalformedError, NotFoundError
from sealwire.core.names import MAX_VALUE_BYTES, check_namespace, check_record_name
from sealwire.interceptors import Call
from sealwire.server.permissions import require_owner
from sealwire.storage import RecordRow, Store, Transaction
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    DeleteRecordResponse,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    PutRecordRequest,
    PutRecordResponse,
    RecordInfo,
)
from sealwire.v1.records_pb2_grpc import RecordServiceServicer

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1_000


class RecordService(RecordServiceServicer):
    """Sealed records, read and written by the owners of their namespaces."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Serve the records in `store`."""
        self._store = store
        self._clock = clock

    async def PutRecord(self, request: PutRecordRequest, call: Call) -> PutRecordResponse:
        """Seal and store; the namespace is created by its first writer, who owns it."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)
        if len(request.value) > MAX_VALUE_BYTES:
            raise MalformedError(f"A value has at most {MAX_VALUE_BYTES} bytes.")
        now = self._clock()

        def unit(tx: Transaction) -> RecordRow:
            found = tx.namespaces.find(namespace_name)
            if found is None:
                owner = call.caller.identity
                found = tx.namespaces.create(namespace_name, owner_id=owner, now=now)
            namespace = require_owner(call, found)
            return tx.records.put(namespace, name, value=request.value, now=now)

        return PutRecordResponse(record=_info(await self._store.write(unit)))

    async def GetRecord(self, request: GetRecordRequest, call: Call) -> GetRecordResponse:
        """Open and return."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)

        def unit(tx: Transaction) -> tuple[RecordRow, bytes]:
            namespace = require_owner(call, tx.namespaces.find(namespace_name))
            found = tx.records.get(namespace, name)
            if found is None:
                raise NotFoundError("This namespace has no record of that name.")
            return found

        row, value = await self._store.read(unit)
        return GetRecordResponse(record=_info(row), value=value)

    async def ListRecords(self, request: ListRecordsRequest, call: Call) -> ListRecordsResponse:
        """Return a page, in the order of the names' UTF-8 bytes."""
        namespace_name = check_namespace(request.namespace)
        if request.page_size > MAX_PAGE_SIZE:
            raise MalformedError(f"A page has at most {MAX_PAGE_SIZE} records.")
        size = request.page_size or DEFAULT_PAGE_SIZE
        after = _after(request.page_token)

        def unit(tx: Transaction) -> list[RecordRow]:
            namespace = require_owner(call, tx.namespaces.find(namespace_name))
            return tx.records.page(namespace, after=after, limit=size + 1)

        rows = await self._store.read(unit)
        page = rows[:size]
        token = base64url(page[-1].name.encode()) if len(rows) > size else ""
        return ListRecordsResponse(records=[_info(row) for row in page], next_page_token=token)

    async def DeleteRecord(self, request: DeleteRecordRequest, call: Call) -> DeleteRecordResponse:
        """Delete; NOT_FOUND if there is no such record."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)

        def unit(tx: Transaction) -> None:
            namespace = require_owner(call, tx.namespaces.find(namespace_name))
            if not tx.records.delete(namespace, name):
                raise NotFoundError("This namespace has no record of that name.")

        await self._store.write(unit)
        return DeleteRecordResponse()


def _info(row: RecordRow) -> RecordInfo:
    return RecordInfo(
        name=row.name,
        version=row.version,
        size=row.size,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _after(page_token: str) -> str | None:
    """Return the name that a page token stands for. It is a position, and grants nothing."""
    if not page_token:
        return None
    try:
        return check_record_name(from_base64url(page_token).decode("utf-8"))
    except (MalformedError, UnicodeDecodeError):
        raise MalformedError("The page token is not one that this server gave out.") from None
