"""Locks on directories (flock(2)): the system releases them when the process ends, however it does.

A directory needs no file beside it to be locked by, and can be locked by whoever may read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, kind: int) -> Iterator[int]:
    """Lock a directory while the block runs, and yield its descriptor; `kind` is flock's.

    Raises:
        BlockingIOError: if it is locked by somebody else, and `kind` says not to wait.
        OSError: if there is no directory.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(path: Path, kind: int) -> Iterator[bool]:
    """Lock the directory that is at `path` once the lock is had; tell whether there is one.

    Raises:
        BlockingIOError: as `locked`.
    """
    while True:
        with contextlib.ExitStack() as lock:
            try:
                descriptor = lock.enter_context(locked(path, kind))
            except FileNotFoundError:
                break
            if _is_at(descriptor, path):
                yield True
                return
    yield False


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether a directory that was opened, and waited for, is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        raise
    except OSError:
        return  # a file system without locks: two changes in the same instant are a risk there
