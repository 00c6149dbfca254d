"""A VFS for SQLite, made with ctypes: the system's own, with a hook where it writes and syncs.

See https://www.sqlite.org/vfs.html; the structures are those of sqlite3.h, in their first versions'
order, which never changes.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import itertools
import traceback
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any, Protocol

OK = 0
IOERR = 10
MAIN_OR_LOG = 0x100 | 0x80000
"""SQLITE_OPEN_MAIN_DB and SQLITE_OPEN_WAL."""

_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)

_VFS_METHODS = [
    "delete",
    "access",
    "full_pathname",
    "dl_open",
    "dl_error",
    "dl_sym",
    "dl_close",
    "randomness",
    "sleep",
    "current_time",
    "last_error",
    "current_time_int64",
    "set_system_call",
    "get_system_call",
    "next_system_call",
]
_FILE_METHODS = [
    "file_size",
    "lock",
    "unlock",
    "check_reserved_lock",
    "file_control",
    "sector_size",
    "device_characteristics",
    "shm_map",
    "shm_lock",
    "shm_barrier",
    "shm_unmap",
    "fetch",
    "unfetch",
]


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", _Open),
        *((name, c_void_p) for name in _VFS_METHODS),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("close", _Close),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        *((name, c_void_p) for name in _FILE_METHODS),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", POINTER(_Methods)),)


class Hook(Protocol):
    """What decides about each call. `do` lets the system do it; the result is SQLite's code."""

    def opened(self, path: str) -> bool:
        """Tell whether the calls on a file, which is open now, are to come here."""
        ...

    def write(self, path: str, data: bytes, offset: int, do: Callable[[bytes], int]) -> int:
        """Write `data` into a file."""
        ...

    def truncate(self, path: str, size: int, do: Callable[[], int]) -> int:
        """Cut a file."""
        ...

    def sync(self, path: str, do: Callable[[], int]) -> int:
        """Bring a file onto stable storage."""
        ...


def library() -> ctypes.CDLL | None:
    """Return the SQLite that Python's sqlite3 runs on, if its functions can be reached."""
    found = ctypes.CDLL(_sqlite3.__file__)
    if not hasattr(found, "sqlite3_vfs_register"):
        return None
    found.sqlite3_vfs_find.restype = POINTER(_Vfs)
    return found


_numbers = itertools.count(1)
_kept: list[object] = []
"""What SQLite may have pointers to, for as long as the process lives."""


@contextlib.contextmanager
def hooked(sqlite: ctypes.CDLL, hook: Hook) -> Iterator[None]:
    """Let every file that is opened within the block go through `hook` until it is closed."""
    system = sqlite.sqlite3_vfs_find(None)
    layer = _Layer(system, hook)
    ours = _Vfs.from_buffer_copy(system.contents)
    ours.name = f"hooked-{next(_numbers)}".encode()
    ours.open = _Open(layer.open)
    _kept.extend([layer, ours])
    if sqlite.sqlite3_vfs_register(ctypes.byref(ours), 1) != OK:
        raise AssertionError("SQLite takes no VFS")
    try:
        yield
    finally:
        sqlite.sqlite3_vfs_register(system, 1)
        sqlite.sqlite3_vfs_unregister(ctypes.byref(ours))


@dataclass(eq=False)
class _Layer:
    system: Any
    hook: Hook
    paths: dict[int, str] = field(default_factory=dict)
    theirs: dict[int, _Methods] = field(default_factory=dict)
    """By file: the methods that it was opened with; the log has others than the database."""
    ours: dict[int, _Methods] = field(default_factory=dict)
    """By the address of theirs."""

    def open(self, _vfs: int, name: int | None, file: int, flags: int, given: int | None) -> int:
        """Open a file as the system does; SQLite keeps the pointer to its name."""
        system = self.system.contents
        code = int(system.open(ctypes.addressof(system), name, file, flags, given))
        if code == OK and name is not None and flags & MAIN_OR_LOG:
            path = ctypes.string_at(name).decode()
            if self.hook.opened(path):
                self.paths[file] = path
                self._take_over(file)
        return code

    def _take_over(self, file: int) -> None:
        theirs = _File.from_address(file).methods.contents
        address = ctypes.addressof(theirs)
        if address not in self.ours:
            ours = _Methods.from_buffer_copy(theirs)
            ours.close, ours.write = _Close(self._close), _Write(self._write)
            ours.truncate, ours.sync = _Truncate(self._truncate), _Sync(self._sync)
            self.ours[address] = ours
        self.theirs[file] = _Methods.from_buffer_copy(theirs)
        _File.from_address(file).methods = ctypes.pointer(self.ours[address])

    def _close(self, file: int) -> int:
        del self.paths[file]
        return int(self.theirs.pop(file).close(file))

    def _write(self, file: int, buffer: int, count: int, offset: int) -> int:
        def do(data: bytes) -> int:
            pointer = ctypes.cast(ctypes.c_char_p(data), c_void_p)
            return int(self.theirs[file].write(file, pointer, len(data), offset))

        data = ctypes.string_at(buffer, count)
        return _guarded(lambda: self.hook.write(self.paths[file], data, offset, do))

    def _truncate(self, file: int, size: int) -> int:
        def do() -> int:
            return int(self.theirs[file].truncate(file, size))

        return _guarded(lambda: self.hook.truncate(self.paths[file], size, do))

    def _sync(self, file: int, flags: int) -> int:
        def do() -> int:
            return int(self.theirs[file].sync(file, flags))

        return _guarded(lambda: self.hook.sync(self.paths[file], do))


def _guarded(call: Callable[[], int]) -> int:
    try:
        return call()
    except BaseException:  # nothing may be raised into C
        traceback.print_exc()
        return IOERR
