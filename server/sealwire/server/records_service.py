"""RecordService: check the request, then one unit of work that checks the permission and acts."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final, TypeVar

from sealwire.core.errors import MalformedError, NotFoundError
from sealwire.core.names import MAX_NAME_BYTES, check_namespace, check_record_name
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.batches import MAX_ITEMS, batch_get, batch_put
from sealwire.server.guard import Guard
from sealwire.server.pages import fitting, page_size, page_token, position
from sealwire.server.record_drafts import MAX_VERSION, check_version, drafted
from sealwire.server.record_messages import opened_record, record_info, written_info
from sealwire.server.transactions import Transaction
from sealwire.server.watch_hub import WatchHub
from sealwire.server.watching import watch
from sealwire.storage import Page, Query, RecordRow, Verb
from sealwire.v1.records_pb2 import (
    BatchGetRecordsRequest,
    BatchGetRecordsResponse,
    BatchPutRecordsRequest,
    BatchPutRecordsResponse,
    DeleteRecordRequest,
    DeleteRecordResponse,
    DestroyVersionsRequest,
    DestroyVersionsResponse,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    ListVersionsRequest,
    ListVersionsResponse,
    PutRecordRequest,
    PutRecordResponse,
    RecordInfo,
    TransactRequest,
    TransactResponse,
    UndeleteRecordRequest,
    UndeleteRecordResponse,
    WatchRecordsRequest,
    WatchRecordsResponse,
)
from sealwire.v1.records_pb2_grpc import RecordServiceServicer

T = TypeVar("T")

_NO_RECORD: Final = "This namespace has no record of that name."
_NO_VERSION: Final = "This namespace has no such version of a record of that name."


class RecordService(RecordServiceServicer):
    """Sealed records, for those who hold the verb in the record's namespace."""

    def __init__(self, guard: Guard, hub: WatchHub) -> None:
        """Serve the records behind `guard`; `hub` wakes those who watch them."""
        self._guard = guard
        self._hub = hub

    async def PutRecord(self, request: PutRecordRequest, call: Call) -> PutRecordResponse:
        """Seal and store; a namespace that nobody has a claim to becomes its first writer's."""
        draft = drafted(request)

        def unit(auth: Authorization) -> PutRecordResponse:
            namespace = auth.writable(draft.namespace)
            row, revision = auth.tx.records.put(namespace, draft.at(auth.now), now=auth.now)
            return PutRecordResponse(record=written_info(row), revision=revision)

        return await self._guard.mutate(call, request, unit)

    async def GetRecord(self, request: GetRecordRequest, call: Call) -> GetRecordResponse:
        """Open and return."""
        namespace_name, name = _address(request)
        version = check_version(request.version)

        def unit(auth: Authorization) -> tuple[RecordRow, bytes]:
            namespace = auth.namespace(namespace_name)
            found = auth.tx.records.get(namespace, name, version=version, now=auth.now)
            return _existing(found, _NO_VERSION if version else _NO_RECORD)

        return opened_record(await self._guard.read(call, unit))

    async def ListRecords(self, request: ListRecordsRequest, call: Call) -> ListRecordsResponse:
        """Return a page, in the order of the names' UTF-8 bytes."""
        namespace_name = check_namespace(request.namespace)
        query = Query(
            prefix=_check_prefix(request.prefix),
            start=position(request.page_token),
            limit=page_size(request.page_size),
            one_level=request.one_level,
            show_deleted=request.show_deleted,
        )

        def unit(auth: Authorization) -> Page:
            namespace = auth.namespace(namespace_name)
            return auth.tx.listing.page(namespace, query, now=auth.now)

        page = await self._guard.read_long(call, unit)
        records = [record_info(row) for row in page.rows]
        shown, prefixes, following = fitting(records), page.prefixes, page.next
        if len(shown) < len(records):
            following = records[len(shown)].name
            prefixes = [prefix for prefix in prefixes if prefix < following]
        return ListRecordsResponse(
            records=shown,
            prefixes=prefixes,
            next_page_token="" if following is None else page_token(following),
        )

    async def ListVersions(self, request: ListVersionsRequest, call: Call) -> ListVersionsResponse:
        """Return a page of a record's versions, newest first; those that are gone are shown so."""
        namespace_name, name = _address(request)
        before, size = _version_token(request.page_token), page_size(request.page_size)

        def unit(auth: Authorization) -> list[RecordRow]:
            namespace = auth.namespace(namespace_name)
            return auth.tx.records.versions(
                namespace, name, before=before, limit=size + 1, now=auth.now
            )

        rows = await self._guard.read(call, unit)
        if not rows and not request.page_token:
            raise NotFoundError(_NO_RECORD)
        shown = fitting([record_info(row) for row in rows[:size]])
        is_last = len(shown) == len(rows)
        return ListVersionsResponse(
            versions=shown,
            next_page_token="" if is_last else page_token(str(shown[-1].version)),
        )

    async def DeleteRecord(self, request: DeleteRecordRequest, call: Call) -> DeleteRecordResponse:
        """Delete the current version; NOT_FOUND if there is no such record."""
        namespace_name, name = _address(request)
        demanded = check_version(request.if_version) if request.HasField("if_version") else None

        def unit(auth: Authorization) -> DeleteRecordResponse:
            namespace = auth.namespace(namespace_name)
            revision = auth.tx.records.delete(namespace, name, if_version=demanded, now=auth.now)
            return DeleteRecordResponse(revision=_existing(revision, _NO_RECORD))

        return await self._guard.mutate(call, request, unit)

    async def UndeleteRecord(
        self, request: UndeleteRecordRequest, call: Call
    ) -> UndeleteRecordResponse:
        """Bring a version back that was deleted, and neither destroyed nor expired since."""
        namespace_name, name = _address(request)
        version = check_version(request.version)

        def unit(auth: Authorization) -> UndeleteRecordResponse:
            namespace = auth.namespace(namespace_name)
            found = auth.tx.records.undelete(namespace, name, version=version, now=auth.now)
            row, revision = _existing(found, _NO_VERSION)
            # Whoever may only write learns no more of what others have put than its number.
            told = auth.may(namespace_name, Verb.LIST)
            record = written_info(row) if told else RecordInfo(name=name, version=row.version)
            return UndeleteRecordResponse(record=record, revision=revision)

        return await self._guard.mutate(call, request, unit)

    async def DestroyVersions(
        self, request: DestroyVersionsRequest, call: Call
    ) -> DestroyVersionsResponse:
        """Destroy values for good."""
        namespace_name, name = _address(request)
        versions = [check_version(version) for version in request.versions]
        if not 1 <= len(versions) <= MAX_ITEMS or 0 in versions:
            raise MalformedError(f"Say which versions to destroy: 1 to {MAX_ITEMS}, by number.")

        def unit(auth: Authorization) -> DestroyVersionsResponse:
            namespace = auth.namespace(namespace_name)
            revision = auth.tx.records.destroy(namespace, name, versions, now=auth.now)
            return DestroyVersionsResponse(revision=_existing(revision, _NO_RECORD))

        return await self._guard.mutate(call, request, unit)

    async def BatchGetRecords(
        self, request: BatchGetRecordsRequest, call: Call
    ) -> BatchGetRecordsResponse:
        """Open many records, as of one moment."""
        return await self._guard.read(call, batch_get(request))

    async def BatchPutRecords(
        self, request: BatchPutRecordsRequest, call: Call
    ) -> BatchPutRecordsResponse:
        """Seal and store many records, all or none."""
        return await self._guard.mutate(call, request, batch_put(request))

    async def Transact(self, request: TransactRequest, call: Call) -> TransactResponse:
        """Do what was asked if its conditions hold, all or nothing."""
        transaction = Transaction(request)
        return await self._guard.mutate(call, request, transaction, answering=transaction)

    async def WatchRecords(
        self, request: WatchRecordsRequest, call: Call
    ) -> AsyncIterator[WatchRecordsResponse]:
        """Stream the changes in a subtree, until the caller may not have them any more."""
        async with contextlib.aclosing(watch(self._guard, self._hub, request, call)) as messages:
            async for message in messages:
                yield message


def _address(
    request: GetRecordRequest
    | DeleteRecordRequest
    | UndeleteRecordRequest
    | DestroyVersionsRequest
    | ListVersionsRequest,
) -> tuple[str, str]:
    return check_namespace(request.namespace), check_record_name(request.name)


def _existing(found: T | None, sentence: str) -> T:
    if found is None:
        raise NotFoundError(sentence)
    return found


def _check_prefix(prefix: str) -> str:
    if len(prefix.encode()) > MAX_NAME_BYTES or "\0" in prefix:
        raise MalformedError(f"A prefix has at most {MAX_NAME_BYTES} bytes, and no NUL.")
    return prefix


def _version_token(token: str) -> int:
    """Return the version that a page token stands for: those before it follow."""
    text = position(token)
    if not text:
        return MAX_VERSION
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_VERSION)):
        raise MalformedError("The page token is not one that this server gave out.")
    return check_version(int(text))
