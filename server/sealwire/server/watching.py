"""A watch: pages of changes, each read behind the guard, and in between a wait for the hub.

Every page decides anew who calls and what they may list; so whoever is revoked or loses the right
to watch gets nothing more, and the watch ends. A change in a namespace below, in which the caller
may not list, is passed over. So is one whose record is gone altogether, or sealed to somebody who
was erased since: nobody can tell its name any more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sealwire.core.errors import CompactedError, MalformedError, OverloadedError, SealError
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
    with hub.watcher(place) as watcher:
        pace, tell = _Pace(hub.limits.max_lag), True
        while True:
            watcher.require_open(position)
            found = await guard.read(call, _changes_from(place, position))
            pace.require_kept(found.behind, position)
            position = found.next_revision
            if found.changes or tell:
                yield WatchRecordsResponse(changes=found.changes, next_revision=position)
            tell = False
            if not found.behind:
                if watcher.is_idle:
                    pace.rest()
                position, tell = await watcher.news(position)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one page holds for the caller, where the next one begins, how many lie behind it."""

    changes: list[Change]
    next_revision: int
    behind: int


@dataclass(slots=True)
class _Pace:
    """Tells a watcher that falls behind from one that was given much to read at once."""

    max_lag: int
    _allowed: int | None = None

    def rest(self) -> None:
        """Begin anew: all was read, and nothing has come while the last of it was sent."""
        self._allowed = None

    def require_kept(self, behind: int, position: int) -> None:
        """Return if no more changes wait than did when there was first something to read.

        Raises:
            OverloadedError: if it is more, and too many.
        """
        if self._allowed is None:
            self._allowed = max(self.max_lag, behind)
        elif behind > self._allowed:
            raise OverloadedError(
                "This watch takes its changes more slowly than they come. "
                f"Watch again from revision {position} on."
            )


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
        """Return a namespace, if it lies in the subtree and the caller may list it."""
        if namespace_id not in self._shown:
            found = self.auth.tx.namespaces.find_by_id(namespace_id)
            if found is None:  # no server takes one away
                raise SealError("A change's namespace is missing.")
            inside = f"{found.name}/".startswith(f"{self.place}/")
            listed = inside and self.auth.may(found.name, Verb.LIST)
            self._shown[namespace_id] = found if listed else None
        return self._shown[namespace_id]


def _changes_from(place: str, start: int) -> Unit[_Found]:
    """Return what reads a page from a revision on; for 0, from the next one that happens."""

    def unit(auth: Authorization) -> _Found:
        auth.namespace_if_any(place)
        last, oldest = auth.tx.changes.last(), auth.tx.changes.oldest()
        begin = start or last + 1
        if begin < oldest:
            raise CompactedError(
                f"The changes before revision {oldest} are not kept any more. List the namespace, "
                "and watch it from there on.",
                oldest_revision=oldest,
            )
        page, subtree = auth.tx.changes.page(start=begin, limit=PAGE_CHANGES), _Subtree(auth, place)
        told = [message for change in page if (message := subtree.message(change)) is not None]
        following = page[-1].revision + 1 if page else begin
        return _Found(told, following, max(0, last + 1 - following))

    return unit


def _check_revision(revision: int) -> int:
    if revision > MAX_REVISION:
        raise MalformedError("There is no revision of this number.")
    return revision
