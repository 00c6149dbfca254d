"""RecordService: check the names, then one unit of work that checks the permission and acts."""

from __future__ import annotations

from typing import Final

from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import MalformedError, NotFoundError
from sealwire.core.names import MAX_VALUE_BYTES, check_namespace, check_record_name
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.guard import Guard
from sealwire.storage import RecordRow
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
    """Sealed records, for those who hold the verb in the record's namespace."""

    def __init__(self, guard: Guard) -> None:
        """Serve the records behind `guard`."""
        self._guard = guard

    async def PutRecord(self, request: PutRecordRequest, call: Call) -> PutRecordResponse:
        """Seal and store; a namespace that nobody has a claim to becomes its first writer's."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)
        if len(request.value) > MAX_VALUE_BYTES:
            raise MalformedError(f"A value has at most {MAX_VALUE_BYTES} bytes.")

        def unit(auth: Authorization) -> RecordRow:
            namespace = auth.writable(namespace_name)
            return auth.tx.records.put(namespace, name, value=request.value, now=auth.now)

        return PutRecordResponse(record=_info(await self._guard.write(call, unit)))

    async def GetRecord(self, request: GetRecordRequest, call: Call) -> GetRecordResponse:
        """Open and return."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)

        def unit(auth: Authorization) -> tuple[RecordRow, bytes]:
            namespace = auth.namespace(namespace_name)
            found = auth.tx.records.get(namespace, name)
            if found is None:
                raise NotFoundError("This namespace has no record of that name.")
            return found

        row, value = await self._guard.read(call, unit)
        return GetRecordResponse(record=_info(row), value=value)

    async def ListRecords(self, request: ListRecordsRequest, call: Call) -> ListRecordsResponse:
        """Return a page, in the order of the names' UTF-8 bytes."""
        namespace_name = check_namespace(request.namespace)
        if request.page_size > MAX_PAGE_SIZE:
            raise MalformedError(f"A page has at most {MAX_PAGE_SIZE} records.")
        size = request.page_size or DEFAULT_PAGE_SIZE
        after = _after(request.page_token)

        def unit(auth: Authorization) -> list[RecordRow]:
            namespace = auth.namespace(namespace_name)
            return auth.tx.records.page(namespace, after=after, limit=size + 1)

        rows = await self._guard.read(call, unit)
        page = rows[:size]
        token = base64url(page[-1].name.encode()) if len(rows) > size else ""
        return ListRecordsResponse(records=[_info(row) for row in page], next_page_token=token)

    async def DeleteRecord(self, request: DeleteRecordRequest, call: Call) -> DeleteRecordResponse:
        """Delete; NOT_FOUND if there is no such record."""
        namespace_name = check_namespace(request.namespace)
        name = check_record_name(request.name)

        def unit(auth: Authorization) -> None:
            namespace = auth.namespace(namespace_name)
            if not auth.tx.records.delete(namespace, name):
                raise NotFoundError("This namespace has no record of that name.")

        await self._guard.write(call, unit)
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
