"""A lane: units of work wait in one queue, and a thread per executor runs them in batches.

Whatever waits when a thread comes back for more becomes its next batch, so batches grow with the
load by themselves, and a batch's results wake each event loop once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from sealwire.core.errors import OverloadedError, UnavailableError
from sealwire.storage.failures import translated

C = TypeVar("C")
T = TypeVar("T")

CAPACITY: Final = 10_000


@dataclass(slots=True, eq=False)
class Job(Generic[C]):
    """One unit, where its outcome goes, and the outcome: `error`, or `result` if that is None."""

    unit: Callable[[C], Any]
    future: asyncio.Future[Any] | concurrent.futures.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def run(self, context: C) -> None:
        """Call the unit, and keep what it returns or raises."""
        try:
            self.result = self.unit(context)
        except BaseException as error:  # whatever it is, it belongs to whoever waits for it
            self.error = translated(error)


class Executor(Protocol[C]):
    """Runs batches on a connection of its own; one thread calls it."""

    def execute(self, jobs: Sequence[Job[C]]) -> None:
        """Run every job, and leave in each the outcome that may be told; raises nothing."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


@dataclass(slots=True, eq=False)
class _Gathering(Generic[C]):
    """The jobs of one event loop that were not handed over yet; `seen` were there a turn ago."""

    jobs: list[Job[C]] = field(default_factory=list)
    seen: int = 0


class Lane(Generic[C]):
    """Runs units until it is closed; what was handed over before that is still run.

    An event loop's units are gathered until a turn of the loop brings no more of them, and handed
    over at once: waking a thread for each of them costs more than most units do.
    """

    def __init__(
        self,
        name: str,
        executors: Sequence[Executor[C]],
        *,
        batch: int,
        capacity: int = CAPACITY,
    ) -> None:
        self._batch = batch
        self._capacity = capacity
        self._waiting: queue.SimpleQueue[list[Job[C]] | None] = queue.SimpleQueue()
        self._gathering: dict[asyncio.AbstractEventLoop, _Gathering[C]] = {}
        self._gate = threading.Lock()
        self._count = 0
        self._closed = False
        self._threads = [
            threading.Thread(
                target=self._work, args=(executor,), name=f"{name}-{number}", daemon=True
            )
            for number, executor in enumerate(executors)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, unit: Callable[[C], T]) -> T:
        """Return what `unit` returns, or raise what it raises; it runs on another thread.

        A caller that is cancelled stops waiting; its unit may still run.

        Raises:
            OverloadedError: if too many units wait already; this one was not run.
            UnavailableError: if the lane is closed, or its transaction failed.
        """
        self._admit()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        gathering = self._gathering.get(loop)
        if gathering is None:
            gathering = self._gathering[loop] = _Gathering()
            loop.call_soon(self._hand_over, loop)
        gathering.jobs.append(Job(unit, future))
        return await future

    def run_blocking(self, unit: Callable[[C], T]) -> T:
        """Do as `run` does, where there is no event loop."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._admit()
        self._put([Job(unit, future)])
        return future.result()

    def close(self) -> None:
        """Refuse further units; return when the ones that wait have been run."""
        with self._gate:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _admit(self) -> None:
        with self._gate:
            if self._closed:
                raise _closing()
            if self._count >= self._capacity:
                raise OverloadedError("Too many requests wait for the store; try again later.")
            self._count += 1

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        gathering = self._gathering[loop]
        if gathering.seen < len(gathering.jobs) < self._batch:
            gathering.seen = len(gathering.jobs)
            loop.call_soon(self._hand_over, loop)
        else:
            self._put(self._gathering.pop(loop).jobs)

    def _put(self, jobs: list[Job[C]]) -> None:
        with self._gate:
            if not self._closed:
                self._waiting.put(jobs)
                return
        for job in jobs:
            job.error = _closing()
        _deliver(jobs)

    def _work(self, executor: Executor[C]) -> None:
        open_for_more = True
        while open_for_more:
            jobs, open_for_more = self._take()
            with self._gate:
                self._count -= len(jobs)
            executor.execute(jobs)
            _deliver(jobs)
        executor.close()

    def _take(self) -> tuple[list[Job[C]], bool]:
        """Wait for one job, then take what else waits; False once the lane's end was reached."""
        jobs: list[Job[C]] = []
        item = self._waiting.get()
        while item is not None:
            jobs.extend(item)
            if len(jobs) >= self._batch:
                return jobs, True
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False


def _closing() -> UnavailableError:
    return UnavailableError("The store is closing; try again when the server is back.")


def _deliver(jobs: Sequence[Job[C]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Job[C]]] = {}
    for job in jobs:
        if isinstance(job.future, asyncio.Future):
            by_loop.setdefault(job.future.get_loop(), []).append(job)
        else:
            _settle(job)
    for loop, group in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, group)


def _settle_all(jobs: Sequence[Job[C]]) -> None:
    for job in jobs:
        _settle(job)


def _settle(job: Job[C]) -> None:
    if job.future.done():  # cancelled while it waited
        return
    if job.error is None:
        job.future.set_result(job.result)
    elif isinstance(job.error, StopIteration):  # a future can't carry it
        job.future.set_exception(RuntimeError("A unit of work raised StopIteration."))
    else:
        job.future.set_exception(job.error)
