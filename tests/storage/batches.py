"""Units that share a batch, whatever the machine's speed: they are submitted to a busy lane."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

C = TypeVar("C")
Run = Callable[[Callable[[C], Any]], Awaitable[Any]]
"""What submits a unit: `Lane.run`, `Store.write`, `Store.read`."""

PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Gate:
    """A unit that keeps a lane busy until it is opened; what is submitted meanwhile waits."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, context: object) -> None:
        """Wait on the lane's thread."""
        self.entered.set()
        assert self.opened.wait(PATIENCE_SECONDS)


async def busy(run: Run[C]) -> tuple[Gate, asyncio.Future[Any]]:
    """Keep a lane busy; return the gate, and the task that ends after it was opened."""
    gate = Gate()
    task = asyncio.ensure_future(run(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_SECONDS)
    return gate, task


async def submitted(run: Run[C], unit: Callable[[C], Any]) -> asyncio.Future[Any]:
    """Submit a unit, and return the future that awaits it."""
    task = asyncio.ensure_future(run(unit))
    for _ in range(3):  # turns of the loop in which it reaches the lane
        await asyncio.sleep(0)
    return task


async def one_batch(run: Run[C], *units: Callable[[C], Any]) -> list[Any]:
    """Run the units in one batch; return what each returned or raised."""
    gate, first = await busy(run)
    tasks = [await submitted(run, unit) for unit in units]
    gate.opened.set()
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))
