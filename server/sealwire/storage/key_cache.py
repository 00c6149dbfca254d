"""Derived identity keys between requests: few, in locked memory, short-lived, and then wiped."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sealwire.core.derivation import KEY_BYTES
from sealwire.core.errors import ErasedError, OverloadedError, UnavailableError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import IdentityKey
from sealwire.storage.locked_memory import LockedMemory

DEFAULT_SLOTS: Final = 1024
DEFAULT_TTL_SECONDS: Final = 60.0

Monotonic = Callable[[], float]
"""Returns seconds that never run backwards; `time.monotonic` outside of tests."""

DeriveInto = Callable[[memoryview], None]
"""Writes a key's 32 bytes into the slot that it is given."""

_Name = tuple[str, bytes, int]


@dataclass(slots=True, eq=False)
class _HeldKey:
    """An `IdentityKey` in a slot. Once wiped, reading `secret` raises ValueError."""

    owner: PublicKey
    root_version: int
    slot: int
    secret: memoryview = field(repr=False)
    expires_at: float
    readers: int = 0
    dropped: bool = False


class KeyCache:
    """Up to `slots` keys, each for `ttl_seconds` from its derivation. Thread-safe.

    A key that is being read keeps its slot: it is wiped when its last reader gives it back. One
    lock guards it all and is held during a derivation, so that no key is derived twice.
    """

    def __init__(
        self,
        *,
        monotonic: Monotonic,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
        slots: int = DEFAULT_SLOTS,
    ) -> None:
        self._monotonic = monotonic
        self._ttl_seconds = ttl_seconds
        self._lock = threading.Lock()
        self._memory = LockedMemory(slots * KEY_BYTES)
        self._free = list(range(slots))
        self._held: OrderedDict[_Name, _HeldKey] = OrderedDict()  # least recently used first
        self._forgotten: set[str] = set()
        self._in_use = 0
        self._closed = False

    @contextlib.contextmanager
    def borrow(
        self, identity_id: str, *, owner: PublicKey, root_version: int, derive_into: DeriveInto
    ) -> Iterator[IdentityKey]:
        """Lend the key for the length of a `with` block, derived now unless it is held.

        Raises:
            ErasedError: after `forget`.
            OverloadedError: if every slot is being read.
            UnavailableError: after `close`.
        """
        name = (identity_id, owner.raw, root_version)
        with self._lock:
            key = self._fresh(name) or self._derive(name, owner, derive_into)
            key.readers += 1
        try:
            yield key
        finally:
            with self._lock:
                key.readers -= 1
                if key.dropped and key.readers == 0:
                    self._wipe(key)

    def forget(self, identity_id: str) -> None:
        """Wipe every key of an erased identity, and refuse it from now on.

        A key that is being read is wiped when it is given back. A reader whose snapshot is older
        than the erasure derives nothing either.
        """
        with self._lock:
            self._forgotten.add(identity_id)
            for name in [name for name in self._held if name[0] == identity_id]:
                self._drop(name)

    def expire(self) -> None:
        """Wipe every key whose time is over; whoever holds a cache calls this now and then."""
        with self._lock:
            now = self._monotonic()
            for name in [name for name, key in self._held.items() if key.expires_at <= now]:
                self._drop(name)

    def close(self) -> None:
        """Wipe every key and give the memory back; keys being read, when they are given back."""
        with self._lock:
            self._closed = True
            for name in list(self._held):
                self._drop(name)
            self._unmap_if_idle()

    def _fresh(self, name: _Name) -> _HeldKey | None:
        if self._closed:
            raise UnavailableError("The store is closed; try again when the server is back.")
        if name[0] in self._forgotten:
            raise ErasedError
        key = self._held.get(name)
        if key is None:
            return None
        if key.expires_at <= self._monotonic():
            self._drop(name)
            return None
        self._held.move_to_end(name)
        return key

    def _derive(self, name: _Name, owner: PublicKey, derive_into: DeriveInto) -> _HeldKey:
        slot = self._free_slot()
        secret = self._memory.part(slot * KEY_BYTES, KEY_BYTES)
        expires_at = self._monotonic() + self._ttl_seconds
        key = _HeldKey(owner, name[2], slot, secret, expires_at)
        self._in_use += 1
        try:
            derive_into(secret)
        except BaseException:  # whatever it is, the slot is wiped and free again
            self._wipe(key)
            raise
        self._held[name] = key
        return key

    def _free_slot(self) -> int:
        if not self._free:
            idle = next((name for name, key in self._held.items() if key.readers == 0), None)
            if idle is None:
                raise OverloadedError("Every place for a sealing key is in use; try again.")
            self._drop(idle)
        return self._free.pop()

    def _drop(self, name: _Name) -> None:
        key = self._held.pop(name)
        key.dropped = True
        if key.readers == 0:
            self._wipe(key)

    def _wipe(self, key: _HeldKey) -> None:
        key.secret[:] = bytes(KEY_BYTES)
        key.secret.release()
        self._free.append(key.slot)
        self._in_use -= 1
        self._unmap_if_idle()

    def _unmap_if_idle(self) -> None:
        if self._closed and self._in_use == 0:
            self._memory.close()
