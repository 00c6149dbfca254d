"""A watch: pages of changes, each read behind the guard, and in between a wait for the hub.

Every page decides anew who calls and what they may list; so whoever is revoked or loses the right
to watch gets nothing more, and the watch ends. A change in a namespace below, in which the caller
may not list, is passed over. So is one whose record is gone altogether, or sealed to somebody who
was erased since, or whose namespace belongs to somebody else by now: nobody can tell its name.

What is there at first is read up to its end. From then on, a watch reads only what the hub has
looked at and found to concern it: so what happens elsewhere neither wakes it nor counts as its lag.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sealwire.core.errors import CompactedError, MalformedError
from sealwire.core.names import check_namespace
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization, Unit
from sealwire.server.guard import Guard
from sealwire.server.watch_hub import WatchHub
from sealwire.storage import ChangeKind, Namespace, Verb
from sealwire.storage.record_changes import StoredChange
from sealwire.v1 import records_pb2
from sealwire.v1.records_pb2 import Change, WatchRecordsRequest, WatchRecordsResponse

PAGE_CHANGES: Final = 500
"""How many changes one page looks at, and one message holds."""
MAX_REVISION: Final = 2**63 - 1

_KINDS: Final = MappingProxyType(
    {
        ChangeKind.PUT: records_pb2.CHANGE_KIND_PUT,
        ChangeKind.DELETE: records_pb2.CHANGE_KIND_DELETE,
        ChangeKind.UNDELETE: records_pb2.CHANGE_KIND_UNDELETE,
        ChangeKind.DESTROY: records_pb2.CHANGE_KIND_DESTROY,
        ChangeKind.EXPIRE: records_pb2.CHANGE_KIND_EXPIRE,
    }
)


async def watch(
    guard: Guard, hub: WatchHub, request: WatchRecordsRequest, call: Call
) -> AsyncGenerator[WatchRecordsResponse, None]:
    """Yield the changes in a subtree as they come; at once a first message, which may be empty.

    While nothing happens, an empty message says now and then how far the watch has come.

    Raises:
        MalformedError: if the request is not as docs/protocol.md says.
        AuthenticationError, PermissionDeniedError: when the caller may not watch (any more).
        CompactedError: if changes that were asked for are not kept any more.
        OverloadedError: if the client takes its changes too slowly, or there are too many watches.
        UnavailableError: if the server stops.
    """
    place, position = check_namespace(request.namespace), _check_revision(request.from_revision)
    with hub.watcher(place, call.caller) as watcher:
        last, tell = None, True
        while True:
            watcher.require_kept(position)
            found = await guard.read(call, _changes_between(place, position, last))
            if last is None:
                last = found.last
                watcher.begin(last + 1 - found.next_revision)
            position = found.next_revision
            if found.changes or tell:
                yield WatchRecordsResponse(changes=found.changes, next_revision=position)
            tell = False
            if position > last:
                position, last, tell = await watcher.news(position)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one page holds for the caller, where the next one begins, and which is the last."""

    changes: list[Change]
    next_revision: int
    last: int


@dataclass(slots=True)
class _Subtree:
    """What the caller may see of changes in a subtree, in one transaction."""

    auth: Authorization
    place: str
    _shown: dict[int, Namespace | None] = field(default_factory=dict)

    def message(self, change: StoredChange) -> Change | None:
        """Return a change as it is told to the caller; None if it is not."""
        namespace = self._namespace(change.namespace_id)
        if namespace is None:
            return None
        name = self.auth.tx.records.name_of(namespace, change.stored_name)
        if name is None:
            return None
        return Change(
            revision=change.revision,
            kind=_KINDS[ChangeKind(change.kind)],
            namespace=namespace.name,
            name=name,
            version=change.version,
            at=change.at,
        )

    def _namespace(self, namespace_id: int) -> Namespace | None:
        """Return a namespace, if it is there, lies in the subtree, and the caller may list it.

        Raises:
            SealError: if so, and its row was altered.
        """
        if namespace_id not in self._shown:
            self._shown[namespace_id] = self._found(namespace_id)
        return self._shown[namespace_id]

    def _found(self, namespace_id: int) -> Namespace | None:
        namespaces = self.auth.tx.namespaces
        name = namespaces.name_by_id(namespace_id)
        # A row that was altered ends the watches of the namespace that it names, and no others.
        if name is None or not f"{name}/".startswith(f"{self.place}/"):
            return None
        return namespaces.find_by_id(namespace_id) if self.auth.may(name, Verb.LIST) else None


def _changes_between(place: str, start: int, end: int | None) -> Unit[_Found]:
    """Return what reads a page of these revisions, both included, without an end up to the latest.

    A start of 0 is the next change that happens.
    """

    def unit(auth: Authorization) -> _Found:
        auth.namespace_if_any(place)
        latest, oldest = auth.tx.changes.last(), auth.tx.changes.oldest()
        begin, last = start or latest + 1, latest if end is None else end
        if begin < oldest:
            raise CompactedError(
                f"The changes before revision {oldest} are not kept any more. List the namespace, "
                "and watch it from there on.",
                oldest_revision=oldest,
            )
        limit = min(max(last + 1 - begin, 0), PAGE_CHANGES)
        page, subtree = auth.tx.changes.page(start=begin, limit=limit), _Subtree(auth, place)
        told = [message for change in page if (message := subtree.message(change)) is not None]
        following = page[-1].revision + 1 if page else max(begin, last + 1)
        return _Found(told, following, last)

    return unit


def _check_revision(revision: int) -> int:
    if revision > MAX_REVISION:
        raise MalformedError("There is no revision of this number.")
    return revision
