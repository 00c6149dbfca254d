"""The hub of all watches: it knows who watches what, and wakes nobody for what they don't watch.

Nothing is kept for a watcher but the first revision that it has not read yet. The hub is told of
every commit in this process, looks once which namespaces it changed, and wakes those who watch one
of them or one that holds it. Who was woken reads for itself, behind the guard; so being woken once
too often shows nothing to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from sealwire.core.errors import OverloadedError, SealError, SealwireError, UnavailableError
from sealwire.core.names import ancestors
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.storage import AuthorityVersion, Store, Transaction

_log = structlog.get_logger("sealwire.server")

_ANYWHERE: Final = ""
"""In the place of a namespace: it can't be told which one."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """How long a watch may be quiet, how far behind it may fall, and how many there may be.

    Changes that another process made are looked for every `poll_seconds`.
    """

    quiet_seconds: float = 30.0
    poll_seconds: float = 5.0
    max_lag: int = 10_000
    max_watchers: int = 10_000


class News(NamedTuple):
    """From which revision a watcher reads on; `quiet` if nothing happened for a while."""

    position: int
    quiet: bool


class Watcher:
    """One watch, as the hub sees it; used on the event loop only."""

    def __init__(self, hub: WatchHub, namespace: str) -> None:
        """Watch a namespace and those below it."""
        self.namespace = namespace
        self._hub = hub
        self._unread: int | None = None
        self._woken = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Tell whether the hub has nothing for it to look at."""
        return self._unread is None

    def notify(self, revision: int) -> None:
        """Have it look at this revision and those behind it."""
        if self._unread is None or revision < self._unread:
            self._unread = revision
        self._woken.set()

    def wake(self) -> None:
        """Have it look what the hub has to say."""
        self._woken.set()

    async def news(self, position: int) -> News:
        """Wait until there may be something, for one who has read all before `position`.

        The watcher has read to the end since it last asked here. So of what the hub has looked at,
        it has not read just what it was notified of: the rest is passed over.

        Raises:
            UnavailableError: if the server stops.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hub.limits.quiet_seconds):
                await self._woken.wait()
        self.require_open(position)
        unread, quiet = self._unread, not self._woken.is_set()
        self._unread = None
        self._woken.clear()
        return News(max(position, self._hub.looked_behind if unread is None else unread), quiet)

    def require_open(self, position: int) -> None:
        """Return unless the server stops; UnavailableError then."""
        if self._hub.is_closed:
            raise UnavailableError(
                f"The server is stopping. Watch again in a while, from revision {position} on."
            )


class WatchHub:
    """Wakes watchers: those of a namespace for its changes, all when somebody's rights changed.

    Why no change is missed: a watcher is known here before it reads for the first time. What was
    committed before a read began, it sees, because revisions are given in the order of commits.
    What is committed later, the hub is told of later, and notifies it then.
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
        self._looked: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        store.on_commit(self._tell)
        keys.on_change(self._wake_all)

    @property
    def looked_behind(self) -> int:
        """The first revision that was not looked at yet; 0 if it is not known."""
        return 0 if self._looked is None else self._looked + 1

    def start(self) -> None:
        """Begin to look at what is committed; call inside a running loop."""
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.create_task(self._look_on(), name="watches")

    async def stop(self) -> None:
        """End every watch, now and from now on, with the revision from which it may go on."""
        self.is_closed = True
        self._wake_all()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    @contextlib.contextmanager
    def watcher(self, namespace: str) -> Iterator[Watcher]:
        """Lend a watcher of a namespace's subtree, known here until the block ends.

        Raises:
            OverloadedError: if there are too many.
        """
        if self._count >= self.limits.max_watchers:
            raise OverloadedError("The server has too many watches; try again later.")
        watcher = Watcher(self, namespace)
        self._watchers.setdefault(namespace, set()).add(watcher)
        self._count += 1
        if self._looked is None:
            self._committed.set()  # to learn from where on it is to look
        try:
            yield watcher
        finally:
            self._count -= 1
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

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wake()

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
        for name, revision in touched.items():
            self._notify(name, revision)
        self._keys.observe(version)

    def _notify(self, name: str, revision: int) -> None:
        holders = [*ancestors(name), name] if name != _ANYWHERE else list(self._watchers)
        for holder in holders:
            for watcher in self._watchers.get(holder, ()):
                watcher.notify(revision)


def _changes(
    tx: Transaction, *, behind: int | None
) -> tuple[int, dict[str, int], AuthorityVersion]:
    """Return the last revision, and the first one behind `behind` in each namespace, by name."""
    last, version = tx.changes.last(), tx.authority.version()
    if behind is None:
        return last, {_ANYWHERE: 0}, version
    firsts: dict[str, int] = {}
    for namespace_id, revision in tx.changes.touched(behind=behind).items():
        name = _name(tx, namespace_id)
        firsts[name] = min(revision, firsts.get(name, revision))
    return last, firsts, version


def _name(tx: Transaction, namespace_id: int) -> str:
    try:
        namespace = tx.namespaces.find_by_id(namespace_id)
    except SealError:
        namespace = None
    return _ANYWHERE if namespace is None else namespace.name
