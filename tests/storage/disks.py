"""A disk under a store that fails on purpose, and remembers what it would have kept without power.

The system does what it is asked to, into real files. Beside that, the disk remembers of each file
what was synced, and of each directory, which names were. A sync that fails loses what it was to
bring down for good, as Linux does, although the file still shows it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import random
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.storage.sqlite_vfs import OK, hooked

WRITE, SYNC = "write", "sync"
_FULL, _IOERR_WRITE, _IOERR_FSYNC = 13, 778, 1034
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Fault:
    """Which calls fail, counted from 1, and with which error number."""

    kinds: frozenset[str]
    first: int
    last: float
    number: int = errno.EIO

    @property
    def is_passing(self) -> bool:
        """Whether the disk is as good as new after it."""
        return self.last < float("inf")

    def hits(self, counts: Counter[str]) -> bool:
        """Tell whether the call that was counted last fails."""
        return self.first <= sum(counts[kind] for kind in self.kinds) <= self.last


NO_FAULT = Fault(frozenset(), 1, 0)


def nth(kind: str, number: int, *, error: int = errno.EIO) -> Fault:
    """Let one call fail, and the disk be as good as new after it."""
    return Fault(frozenset([kind]), number, number, error)


def lasting(kind: str, *, error: int = errno.EIO) -> Fault:
    """Let all calls of a kind fail."""
    return Fault(frozenset([kind]), 0, float("inf"), error)


def broken_from(number: int, *, error: int = errno.EIO) -> Fault:
    """Let all calls fail from one on."""
    return Fault(frozenset([WRITE, SYNC]), number, float("inf"), error)


class _Written(NamedTuple):
    """A write that was not synced; without data, a cut to `offset`."""

    offset: int
    data: bytes | None


@dataclass
class Disk:
    """The files below `root`; of them, what is below `kept` is on it, or all that is there."""

    root: Path
    fault: Fault = NO_FAULT
    kept: Path | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _synced: dict[int, bytes] = field(default_factory=dict)
    _written: dict[int, list[_Written]] = field(default_factory=dict)
    _names: dict[Path, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        for path in self.root.rglob("*"):
            kept = (self.kept or self.root) / path.relative_to(self.root)
            if kept.is_file():
                self._synced[path.stat().st_ino] = kept.read_bytes()
                self._names[path] = path.stat().st_ino

    # --- what SQLite asks for

    def opened(self, path: str) -> bool:
        """Take note of a file."""
        if not Path(path).is_relative_to(self.root):
            return False
        with self._lock:
            status = Path(path).stat()
            if not status.st_size or status.st_ino not in self._synced:
                self._synced[status.st_ino] = b""  # its number may have been another file's
                self._written[status.st_ino] = []
        return True

    def write(self, path: str, data: bytes, offset: int, do: Callable[[bytes], int]) -> int:
        """Write; if that fails, then half of it."""
        with self._lock:
            failed = self._fails(WRITE)
            reached = data[: len(data) // 2] if failed else data
            self._remember(path, _Written(offset, reached))
            code = do(reached) if reached else OK
            if failed:
                return _FULL if self.fault.number == errno.ENOSPC else _IOERR_WRITE
            return code

    def truncate(self, path: str, size: int, do: Callable[[], int]) -> int:
        """Cut."""
        with self._lock:
            if self._fails(WRITE):
                return _IOERR_WRITE
            self._remember(path, _Written(size, None))
            return do()

    def sync(self, path: str, do: Callable[[], int]) -> int:
        """Keep what was written, unless that fails; the system itself is not waited for."""
        del do
        with self._lock:
            inode = Path(path).stat().st_ino
            written = self._written.pop(inode, [])
            if self._fails(SYNC):
                return _IOERR_FSYNC
            self._synced[inode] = _applied(self._synced[inode], written)
            return OK

    # --- what Python asks for

    def fsync(self, descriptor: int) -> None:
        """Keep a file as it is, or the names in a directory."""
        path, status = _path(descriptor), os.fstat(descriptor)
        if not path.is_relative_to(self.root):
            return
        with self._lock:
            if self._fails(SYNC):
                raise OSError(self.fault.number, os.strerror(self.fault.number))
            if stat.S_ISDIR(status.st_mode):
                self._keep_names(path)
            else:
                self._synced[status.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def before_write(self, descriptor: int) -> None:
        """Fail, if it is time to."""
        if _path(descriptor).is_relative_to(self.root):
            with self._lock:
                if self._fails(WRITE):
                    raise OSError(self.fault.number, os.strerror(self.fault.number))

    # --- what is left

    def cut(self, target: Path, *, keep: Callable[[], bool] = lambda: False) -> Path:
        """Make a directory of what stands there after a power cut, and return it.

        Of what was not synced, that is left of which `keep` says so, by the sector.
        """
        with self._lock:
            for path, inode in self._names.items():
                torn = _torn(self._written.get(inode, []), keep)
                copy = target / path.relative_to(self.root)
                copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                copy.touch(mode=0o600)
                copy.write_bytes(_applied(self._synced.get(inode, b""), torn))
        return target

    def _fails(self, kind: str) -> bool:
        self.counts[kind] += 1
        return kind in self.fault.kinds and self.fault.hits(self.counts)

    def _remember(self, path: str, written: _Written) -> None:
        self._written.setdefault(Path(path).stat().st_ino, []).append(written)

    def _keep_names(self, directory: Path) -> None:
        for path in [path for path in self._names if path.parent == directory]:
            if not path.exists():
                del self._names[path]
        for path in directory.iterdir():
            if path.is_file() and not path.name.endswith("-shm"):
                self._names[path] = path.stat().st_ino


@contextlib.contextmanager
def in_use(disk: Disk, sqlite: ctypes.CDLL) -> Iterator[Disk]:
    """Let SQLite and Python write below the disk's root through it, until the block ends."""
    write = os.write

    def writing(descriptor: int, data: bytes) -> int:
        disk.before_write(descriptor)
        return write(descriptor, data)

    with pytest.MonkeyPatch.context() as patch, hooked(sqlite, disk):
        patch.setattr(os, "fsync", disk.fsync)
        patch.setattr(os, "write", writing)
        yield disk


def at_random(seed: int) -> Callable[[], bool]:
    """Return what keeps one of two."""
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    return lambda: chance.random() < 0.5


def _path(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _torn(written: Iterable[_Written], keep: Callable[[], bool]) -> Iterator[_Written]:
    for offset, data in written:
        if data is None:
            if keep():
                yield _Written(offset, None)
            continue
        for start in range(0, len(data), SECTOR):
            if keep():
                yield _Written(offset + start, data[start : start + SECTOR])


def _applied(content: bytes, written: Iterable[_Written]) -> bytes:
    result = bytearray(content)
    for offset, data in written:
        if data is None:
            del result[offset:]
            continue
        result.extend(bytes(max(0, offset - len(result))))
        result[offset : offset + len(data)] = data
    return bytes(result)
