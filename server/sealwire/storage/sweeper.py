"""The thread that makes a key's end come on time, also while nobody asks for keys."""

from __future__ import annotations

import threading
from typing import Final

from sealwire.storage.key_cache import KeyCache

SWEEP_SECONDS: Final = 5.0


class Sweeper:
    """Calls `cache.expire` every few seconds, until it is closed."""

    def __init__(self, cache: KeyCache) -> None:
        self._cache = cache
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._sweep, name="sealwire-keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; on return the thread has ended."""
        self._closing.set()
        self._thread.join()

    def _sweep(self) -> None:
        while not self._closing.wait(SWEEP_SECONDS):
            self._cache.expire()
