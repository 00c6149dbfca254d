"""What the server tidies up while it serves: expired, outgrown, erased and forgotten things.

Each duty is done in small units, between those of requests. One that fails stands in the log and is
tried again at the next interval; the others are done all the same. Nothing is ever lost by that: a
duty finds its work in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from sealwire.core.clock import Clock
from sealwire.core.errors import SealwireError
from sealwire.storage import Place, Position, Stage, Store, Transaction, finish_erasures

_log = structlog.get_logger("sealwire.server")

HOUSEKEEPING_SECONDS: Final = 30.0
"""How often the duties are done."""
ANSWERS_MS: Final = 24 * 60 * 60 * 1000
"""How long it is remembered how a request with an id was answered."""
ROUND_MS: Final = 3_000
"""For how long one duty goes on in one round; what is left comes with the next."""

Write = Callable[[Transaction], object]


class Housekeeper:
    """Does the duties again and again, from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        monotonic: Clock,
        keep_changes: int,
        interval_seconds: float,
    ) -> None:
        """Keep the newest `keep_changes` changes for watchers, and those of the last day.

        `monotonic` is in milliseconds.
        """
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._keep_changes = keep_changes
        self._interval_seconds = interval_seconds
        self._walked: Position | None = None
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; call inside a running loop."""
        self._working = asyncio.create_task(self._work(), name="housekeeping")

    async def stop(self) -> None:
        """Begin nothing more; a unit that waits for the store is still done."""
        if self._working is not None:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working

    async def sweep(self) -> None:
        """Do every duty once; the log tells of those that failed."""
        for duty, what in (
            (self._erase, "erasures"),
            (self._remove_unreadable, "erased_records"),
            (self._expire, "expired_records"),
            (self._drop_outgrown, "old_versions"),
            (self._forget_changes, "old_changes"),
            (self._forget_answers, "old_answers"),
        ):
            await self._attempt(duty, what)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self.sweep()

    async def _attempt(self, duty: Callable[[], Awaitable[None]], what: str) -> None:
        try:
            await duty()
        except SealwireError as error:
            _log.warning("housekeeping_failed", duty=what, detail=str(error))
        except Exception:  # a fault in one duty must end neither the others nor the task
            _log.exception("housekeeping_failed", duty=what)

    async def _erase(self) -> None:
        await asyncio.to_thread(finish_erasures, self._store)

    async def _remove_unreadable(self) -> None:
        def find(tx: Transaction) -> Write | None:
            if places := tx.housekeeping.unreadable():
                return lambda tx: tx.housekeeping.remove_unreadable(places)
            return None

        await self._repeat(find)

    async def _expire(self) -> None:
        now = self._clock()

        def find(tx: Transaction) -> Write | None:
            if places := tx.housekeeping.expired(now=now):
                return lambda tx: tx.housekeeping.expire(places, now=now)
            return None

        await self._repeat(find)

    async def _drop_outgrown(self) -> None:
        """Walk through all versions, and again as long as a walk found any to drop."""
        now, is_time_left, found = self._clock(), self._round(), False
        while is_time_left():
            stage = await self._store.read_long(partial(_outgrown, position=self._walked, now=now))
            if stage.places:
                await self._store.write(partial(_drop, places=stage.places, now=now))
            found = found or bool(stage.places)
            self._walked = stage.reached
            if stage.reached is None:
                if not found:
                    return
                found = False

    async def _forget_changes(self) -> None:
        keep, now = self._keep_changes, self._clock()

        def find(tx: Transaction) -> Write | None:
            if keep_from := tx.housekeeping.surplus(keep=keep, now=now):
                return lambda tx: tx.housekeeping.forget_changes(keep_from=keep_from)
            return None

        await self._repeat(find)

    async def _forget_answers(self) -> None:
        before = self._clock() - ANSWERS_MS

        def find(tx: Transaction) -> Write | None:
            if tx.answers.any_before(before):
                return lambda tx: tx.answers.forget(before=before)
            return None

        await self._repeat(find)

    async def _repeat(self, find: Callable[[Transaction], Write | None]) -> None:
        """Let one unit look for work and another do it, until there is none, or the time is up."""
        is_time_left = self._round()
        while is_time_left():
            work = await self._store.read(find)
            if work is None:
                return
            await self._store.write(work)

    def _round(self) -> Callable[[], bool]:
        """Return what tells whether a round that begins now may go on."""
        end = self._monotonic() + ROUND_MS
        return lambda: self._monotonic() < end


def _outgrown(tx: Transaction, *, position: Position | None, now: int) -> Stage:
    return tx.retention.outgrown(position, now=now)


def _drop(tx: Transaction, *, places: list[Place], now: int) -> None:
    tx.retention.drop(places, now=now)
