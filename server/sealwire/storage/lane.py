"""A lane: units of work wait in one queue, and a thread per executor runs them in batches.

Whatever waits when a thread comes back for more becomes its next batch, so batches grow with the
load by themselves, and a batch's results wake each event loop once.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from sealwire.core.errors import OverloadedError, UnavailableError
from sealwire.storage.failures import translated

C = TypeVar("C")
T = TypeVar("T")

CAPACITY: Final = 10_000
LINGER_SECONDS: Final = 0.003
"""How long a batch waits for units that are to be expected."""


@dataclass(slots=True, eq=False)
class Job(Generic[C]):
    """One unit, where its outcome goes, and the outcome: `error`, or `result` if that is None."""

    unit: Callable[[C], Any]
    future: asyncio.Future[Any] | concurrent.futures.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def run(self, context: C) -> None:
        """Call the unit, and keep what it returns or raises; not if nobody waits any more."""
        if self.future.cancelled():
            return
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
    """Runs units until it is closed; what was submitted before that is still run.

    A thread that finds a unit waits a little for others, as long as others are to be expected: as
    many as it had last time, with those that came meanwhile. Threads that wake for each unit spend
    more on handing the interpreter to each other than on the units. A lone caller never waits, and
    nobody waits behind long units.
    """

    def __init__(
        self,
        name: str,
        executors: Sequence[Executor[C]],
        *,
        batch: int,
        capacity: int = CAPACITY,
        linger: float = LINGER_SECONDS,
    ) -> None:
        self._batch = batch
        self._capacity = capacity
        self._linger = linger
        self._long_unit = linger / 4
        self._waiting: collections.deque[Job[C]] = collections.deque()
        self._expected = 1
        self._closed = False
        self._gate = threading.Condition()
        self._turn = threading.Lock()  # one thread gathers at a time
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
            self._closed = True
            self._gate.notify_all()
        for thread in self._threads:
            thread.join()

    def _submit(self, job: Job[C]) -> None:
        with self._gate:
            if self._closed:
                raise UnavailableError("The store is closing; try again when the server is back.")
            if len(self._waiting) >= self._capacity:
                raise OverloadedError("Too many requests wait for the store; try again later.")
            self._waiting.append(job)
            if len(self._waiting) in (1, self._expected):
                self._gate.notify()

    def _work(self, executor: Executor[C]) -> None:
        while jobs := self._take():
            began = time.thread_time()
            executor.execute(jobs)
            took = time.thread_time() - began
            with self._gate:
                # Before the answers go out: whoever gets one may be back at once, and counts once.
                expected = min(len(jobs) + len(self._waiting), self._batch)
                # Waking up costs little beside long units; waiting for more would only idle.
                self._expected = expected if took < len(jobs) * self._long_unit else 1
            _deliver(jobs)
        executor.close()

    def _take(self) -> list[Job[C]]:
        """Wait for the next batch; none is left once the lane is closed and empty."""
        with self._turn, self._gate:
            self._gate.wait_for(lambda: self._waiting or self._closed)
            self._gate.wait_for(
                lambda: len(self._waiting) >= self._expected or self._closed, self._linger
            )
            count = min(len(self._waiting), self._batch)
            return [self._waiting.popleft() for _ in range(count)]


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
