"""A small region of memory for keys: kept out of swap and of core dumps where the system allows.

Python itself copies what passes through `bytes` objects and can't wipe those; this region holds
what is kept between requests, and is overwritten when that ends.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import mmap
import os

_log = logging.getLogger(__name__)


class LockedMemory:
    """`size` bytes of anonymous memory, zeroed at first, never inherited by a dump or by swap.

    A system that refuses to lock them (RLIMIT_MEMLOCK) is reported as a warning in the log.
    """

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._view = memoryview(self._map)
        if hasattr(mmap, "MADV_DONTDUMP"):
            self._map.madvise(mmap.MADV_DONTDUMP)
        self.locked = _lock(self._map, size)

    def part(self, start: int, size: int) -> memoryview:
        """Return a view of `size` bytes from `start`; release it before `close`."""
        return self._view[start : start + size]

    def close(self) -> None:
        """Wipe and unmap all of it; further calls do nothing."""
        if self._map.closed:
            return
        self._view[:] = bytes(len(self._view))
        self._view.release()
        self._map.close()


def _lock(region: mmap.mmap, size: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    first = ctypes.c_char.from_buffer(region)
    address = ctypes.c_void_p(ctypes.addressof(first))
    if libc.mlock(address, ctypes.c_size_t(size)) == 0:
        return True
    _log.warning(
        "Derived keys can be swapped to disk, because the system refused to lock %d bytes of "
        "memory (%s); raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=).",
        size,
        os.strerror(ctypes.get_errno() or errno.EPERM),
    )
    return False
