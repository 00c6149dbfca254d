"""An event loop in a thread of its own, so that blocking tests can talk to an asyncio server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoopThread:
    """A running loop in another thread."""

    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` there, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


@contextlib.contextmanager
def loop_thread() -> Iterator[LoopThread]:
    """Run a loop until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server loop")
    thread.start()
    try:
        yield LoopThread(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
