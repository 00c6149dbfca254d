"""The pinned server key: it moves along the server's own successions, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable

from sealwire.core.keys import PublicKey

OnNewServerKey = Callable[[PublicKey], object]
"""Is told of the key that followed the pinned one, once, after it was verified."""


class ServerPin:
    """The key whose answers count for the calls that begin now. It may be read by any thread."""

    def __init__(self, key: PublicKey, on_new_key: OnNewServerKey | None = None) -> None:
        """Pin `key`."""
        self._key = key
        self._on_new_key = on_new_key

    @property
    def key(self) -> PublicKey:
        """The key that is pinned now."""
        return self._key

    def move(self, key: PublicKey) -> None:
        """Pin `key`, which was verified to follow the present one, and tell of it."""
        self._key = key
        if self._on_new_key is not None:
            self._on_new_key(key)
