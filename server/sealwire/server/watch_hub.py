"""The hub of all watches: it knows who watches what, and wakes nobody for what they don't watch.

Nothing is kept for a watcher but the first revision that it has not read yet, and how many wait for
it. The hub is told of every commit in this process, looks once which namespaces it changed, and
wakes those who watch one of them or one that holds it. When anybody's rights have changed, it asks
once for all watchers whether they may go on, and wakes those who may not. Who was woken reads for
itself, behind the guard; so being woken once too often shows nothing to anybody.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from sealwire.core.errors import OverloadedError, SealwireError, UnavailableError
from sealwire.core.names import ancestors
from sealwire.interceptors import Caller
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.rights import RightsView, require_active
from sealwire.storage import AuthorityVersion, Store, Transaction, Verb

_log = structlog.get_logger("sealwire.server")


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """How long a watch may be quiet, how far behind it may fall, and how many there may be.

    It lags behind by the changes in its own subtree alone. Changes that another process made are
    looked for every `poll_seconds`.
    """

    quiet_seconds: float = 30.0
    poll_seconds: float = 5.0
    max_lag: int = 10_000
    max_watchers: int = 10_000
    max_of_identity: int = 100


class News(NamedTuple):
    """What a watcher reads next, both ends included; `quiet` if nothing happened for a while."""

    position: int
    last: int
    quiet: bool


class _Touched(NamedTuple):
    """A namespace that was changed: by what first, and by how many changes."""

    name: str
    first: int
    size: int


class Watcher:
    """One watch, as the hub sees it; used on the event loop only."""

    def __init__(self, hub: WatchHub, namespace: str, caller: Caller) -> None:
        """Let a caller watch a namespace and those below it."""
        self.namespace = namespace
        self.caller = caller
        self._hub = hub
        self._unread: int | None = None
        self._waiting = 0
        self._allowed = hub.limits.max_lag
        self._woken = asyncio.Event()

    def notify(self, revision: int, *, count: int) -> None:
        """Have it look at so many changes, of which this revision is the first."""
        if self._unread is None or revision < self._unread:
            self._unread = revision
        self._waiting += count
        self._woken.set()

    def wake(self) -> None:
        """Have it look what the hub has to say."""
        self._woken.set()

    def may_go_on(self, rights: RightsView, *, now: int) -> bool:
        """Tell whether the caller may still watch; what can't be told, it finds out for itself."""
        try:
            standing = require_active(
                rights.standing(self.caller.public_key.key_id),
                serial=self.caller.peer.serial,
                now=now,
            )
            decisions = rights.decisions(standing.identity.id, self.namespace, now=now)
        except SealwireError:
            return False
        return decisions[Verb.LIST].allowed

    def begin(self, behind: int) -> None:
        """Allow it to lag by as many changes as there were to read at first, if they are many."""
        self._allowed = max(self._hub.limits.max_lag, behind)

    async def news(self, position: int) -> News:
        """Wait until there may be something, for one who has read all that it was told to.

        Of what the hub has looked at, it has not read just what it was notified of: the rest is
        passed over. What is behind that, it will be notified of if it concerns it.

        Raises:
            OverloadedError: if more has come since it last asked than it may lag behind.
            UnavailableError: if the server stops.
        """
        self.require_kept(position)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hub.limits.quiet_seconds):
                await self._woken.wait()
        self._require_open(position)
        unread, last, quiet = self._unread, self._hub.looked, not self._woken.is_set()
        self.begin(self._waiting)
        self._unread, self._waiting = None, 0
        self._woken.clear()
        return News(max(position, last + 1 if unread is None else unread), last, quiet)

    def require_kept(self, position: int) -> None:
        """Return if no more waits for it than it may lag behind, and the server goes on.

        Raises:
            OverloadedError: if too much has come while it read the last that it was told to.
            UnavailableError: if the server stops.
        """
        self._require_open(position)
        if self._waiting > self._allowed:
            raise OverloadedError(
                "This watch takes its changes more slowly than they come. "
                f"Watch again from revision {position} on."
            )

    def _require_open(self, position: int) -> None:
        if self._hub.is_closed:
            raise UnavailableError(
                f"The server is stopping. Watch again in a while, from revision {position} on."
            )


class WatchHub:
    """Wakes watchers: those of a namespace for its changes, and those who have lost their right.

    Why no change is missed: a watcher is known here before it reads for the first time. What was
    committed before a read began, it sees, because revisions are given in the order of commits.
    What is committed later, the hub is told of later, and notifies it then. So it is with rights:
    whoever is not known here yet will decide by what changed them.
    """

    def __init__(
        self, store: Store, keys: StoreKeyDirectory, limits: WatchLimits | None = None
    ) -> None:
        """Listen to a store and to changes of authority; `start` begins to look."""
        self.limits = limits or WatchLimits()
        self.is_closed = False
        self._store = store
        self._keys = keys
        self._watchers: dict[str, set[Watcher]] = {}
        self._count = 0
        self._of_identity: collections.Counter[str] = collections.Counter()
        self._looked: int | None = None
        self._decided: AuthorityVersion | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        store.on_commit(self._tell)
        keys.on_change(self._committed.set)

    @property
    def looked(self) -> int:
        """The last revision that was looked at; 0 if it is not known."""
        return self._looked or 0

    def start(self) -> None:
        """Begin to look at what is committed; call inside a running loop."""
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.create_task(self._look_on(), name="watches")

    async def stop(self) -> None:
        """End every watch, now and from now on, with the revision from which it may go on."""
        self.is_closed = True
        for watcher in self._all():
            watcher.wake()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    @contextlib.contextmanager
    def watcher(self, namespace: str, caller: Caller) -> Iterator[Watcher]:
        """Lend a watcher of a namespace's subtree, known here until the block ends.

        Raises:
            OverloadedError: if there are too many, or the caller's identity has too many.
        """
        self._require_room(caller.identity)
        watcher = Watcher(self, namespace, caller)
        self._watchers.setdefault(namespace, set()).add(watcher)
        self._count += 1
        self._of_identity[caller.identity] += 1
        if self._looked is None:
            self._committed.set()  # to learn from where on it is to look
        try:
            yield watcher
        finally:
            self._count -= 1
            self._of_identity[caller.identity] -= 1
            if not self._of_identity[caller.identity]:
                del self._of_identity[caller.identity]
            self._watchers[namespace].discard(watcher)
            if not self._watchers[namespace]:
                del self._watchers[namespace]
            if not self._watchers:
                self._looked = None  # nobody looks any more

    def _tell(self) -> None:
        """Be told of a commit, on the writer's thread.

        Whoever is not a watcher yet will read what was committed.
        """
        if self._watchers and not self.is_closed and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches any more
                self._loop.call_soon_threadsafe(self._committed.set)

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    def _require_room(self, identity: str) -> None:
        if self._count >= self.limits.max_watchers:
            raise OverloadedError("The server has too many watches; try again later.")
        if self._of_identity[identity] >= self.limits.max_of_identity:
            raise OverloadedError(
                f"An identity may have {self.limits.max_of_identity} watches at once, and this one "
                "has them. End one of them, or watch a namespace that holds several."
            )

    async def _look_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.limits.poll_seconds):
                    await self._committed.wait()
            self._committed.clear()
            try:
                if self._watchers:
                    await self._look()
            except SealwireError as error:  # nothing is passed over: it is looked at the next time
                _log.warning("watches_not_served", detail=str(error))
            except Exception:  # a fault in here must not end the looking
                _log.exception("watches_not_served")

    async def _look(self) -> None:
        """Wake those whom the changes since the last look concern."""
        looked = self._looked
        last, touched, version = await self._store.read(lambda tx: _changes(tx, behind=looked))
        self._looked = last if self._watchers else None
        if looked is None:
            for watcher in self._all():
                watcher.notify(0, count=0)
        for name, first, size in touched:
            for holder in (*ancestors(name), name):
                for watcher in self._watchers.get(holder, ()):
                    watcher.notify(first, count=size)
        self._keys.observe(version)
        if version != self._decided:
            await self._decide_anew()
            self._decided = version

    async def _decide_anew(self) -> None:
        """Wake those who may not go on.

        Who comes meanwhile reads later than the change of authority that is looked at here.
        """
        watchers, now = self._all(), self._keys.clock()

        def unit(tx: Transaction) -> list[Watcher]:
            rights = self._keys.rights.of(tx)
            return [watcher for watcher in watchers if not watcher.may_go_on(rights, now=now)]

        for watcher in await self._store.read_long(unit):
            watcher.wake()


def _changes(
    tx: Transaction, *, behind: int | None
) -> tuple[int, list[_Touched], AuthorityVersion]:
    """Return the last revision, and which namespaces were changed behind `behind`.

    A namespace that is gone concerns nobody.
    """
    last, version = tx.changes.last(), tx.authority.version()
    if behind is None:
        return last, [], version
    touched = [
        _Touched(name, first, size)
        for namespace_id, first, size in tx.changes.touched(behind=behind)
        if (name := tx.namespaces.name_by_id(namespace_id)) is not None
    ]
    return last, touched, version
