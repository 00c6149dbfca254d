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
from dataclasses import dataclass
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


class Lane(Generic[C]):
    """Runs units until it is closed; what was submitted before that is still run."""

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
        self._waiting: queue.SimpleQueue[Job[C] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(executor,), name=f"{name}-{number}")
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
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(Job(unit, future))
        return await future

    def run_blocking(self, unit: Callable[[C], T]) -> T:
        """Do as `run` does, where there is no event loop."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._submit(Job(unit, future))
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

    def _submit(self, job: Job[C]) -> None:
        with self._gate:
            if self._closed:
                raise UnavailableError("The store is closing; try again when the server is back.")
            if self._waiting.qsize() >= self._capacity:
                raise OverloadedError("Too many requests wait for the store; try again later.")
            self._waiting.put(job)

    def _work(self, executor: Executor[C]) -> None:
        open_for_more = True
        while open_for_more:
            jobs, open_for_more = self._take()
            executor.execute(jobs)
            _deliver(jobs)
        executor.close()

    def _take(self) -> tuple[list[Job[C]], bool]:
        """Wait for one job, then take what else waits; False once the lane's end was reached."""
        jobs: list[Job[C]] = []
        item = self._waiting.get()
        while item is not None:
            jobs.append(item)
            if len(jobs) == self._batch:
                return jobs, True
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False


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
