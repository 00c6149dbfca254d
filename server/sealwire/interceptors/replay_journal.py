"""Nonces that outlive the process: two files, one for each generation.

A file is a header and records of 40 bytes: the nonce's digest, and its issued_at as 8 bytes,
big-endian. A record is written with one write before the request goes on, without fsync: it
survives the death of the process. It may not survive the death of the machine; the boot id in the
header shows that, and then every request that a predecessor could have accepted is refused. The
header also holds the generation's `accept_after`, so a later restart goes on refusing them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError, OverloadedError
from sealwire.core.requests import TimeWindow
from sealwire.interceptors.replay import Generation, NonceStore

_MAGIC: Final = b"SWNJ\x01"
_ACCEPT_AFTER: Final = struct.Struct(">q")
_RECORD: Final = struct.Struct(">32sq")
_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
_FLAGS: Final = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def create_journal(directory: Path) -> None:
    """Lay out the empty journal of a deployment that has never served."""
    directory.mkdir(mode=0o700)
    journal = ReplayJournal(directory, _origin())
    journal.reset(Generation(0).accept_after)
    journal.close()


def open_nonce_store(
    directory: Path, *, clock: Clock, monotonic_ms: Clock, window: TimeWindow
) -> NonceStore:
    """Return a guard that knows what its predecessor claimed, or refuses what it may have.

    One guard at a time may have a journal open.

    Raises:
        ConfigurationError: if the journal can't be read or written.
    """
    journal = ReplayJournal(directory, _origin())
    older, current = Generation(monotonic_ms()), Generation(monotonic_ms())
    try:
        if not journal.load(older=older, current=current):
            lost_until = max(older.latest_issued_at, current.latest_issued_at)
            current.accept_after = max(
                clock() + window.skew_ms, lost_until, older.accept_after, current.accept_after
            )
            journal.reset(current.accept_after)
    except OSError as error:
        raise ConfigurationError(
            f"The replay journal in {directory} can't be used: {error.strerror}."
        ) from error
    if current.accept_after > clock() + window.window_ms + window.skew_ms:
        raise ConfigurationError(
            f"The replay journal in {directory} refuses requests up to a time that is ahead of "
            "this machine's clock. Set the clock; if it is right, and was wrong before, delete the "
            "directory's files, and start again."
        )
    return NonceStore(clock, monotonic_ms, window, current, older, journal=journal)


@dataclass(slots=True)
class ReplayJournal:
    """The open journal of one server; a `NonceJournal`. `origin` starts a file of this boot."""

    directory: Path
    origin: bytes
    _descriptor: int = -1
    _size: int = 0

    def load(self, *, older: Generation, current: Generation) -> bool:
        """Read both files; if nothing can be missing, go on with them and return True."""
        complete = [self._read(self._older, older), self._read(self._current, current)]
        if not all(complete):
            return False
        self._use(os.open(self._current, _FLAGS))
        return True

    def reset(self, accept_after: int) -> None:
        """Begin two empty generations; a crash midway leaves a journal that is not complete."""
        self._use(self._create(accept_after))
        self._next.replace(self._current)
        os.close(self._create(accept_after))
        self._next.replace(self._older)

    def start_generation(self, accept_after: int) -> None:
        """Drop the older generation, make the current one the older, and begin a new one."""
        try:
            descriptor = self._create(accept_after)
            try:
                with contextlib.suppress(FileNotFoundError):  # an earlier attempt got this far
                    self._current.replace(self._older)
                self._next.replace(self._current)
            except OSError:
                os.close(descriptor)
                raise
        except OSError:
            raise OverloadedError(_SENTENCE) from None
        self._use(descriptor)

    def append(self, nonce_digest: bytes, issued_at: int) -> None:
        """Write one record; the next one goes over what is left of one that failed midway."""
        record = _RECORD.pack(nonce_digest, issued_at)
        try:
            _write(self._descriptor, record, self._size)
        except OSError:
            raise OverloadedError(_SENTENCE) from None
        self._size += len(record)

    def close(self) -> None:
        """Close the file; the journal stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _create(self, accept_after: int) -> int:
        descriptor = os.open(self._next, _FLAGS | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write(descriptor, self.origin + _ACCEPT_AFTER.pack(accept_after), 0)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _use(self, descriptor: int) -> None:
        self.close()
        self._descriptor, self._size = descriptor, os.fstat(descriptor).st_size

    def _read(self, path: Path, generation: Generation) -> bool:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return False
        start = len(self.origin) + _ACCEPT_AFTER.size
        if not data.startswith(_MAGIC) or len(data) < start:
            return False
        whole = start + (len(data) - start) // _RECORD.size * _RECORD.size
        (generation.accept_after,) = _ACCEPT_AFTER.unpack(data[len(self.origin) : start])
        for nonce_digest, issued_at in _RECORD.iter_unpack(data[start:whole]):
            generation.add(nonce_digest, issued_at)
        return data.startswith(self.origin) and whole == len(data)

    @property
    def _current(self) -> Path:
        return self.directory / "current"

    @property
    def _older(self) -> Path:
        return self.directory / "older"

    @property
    def _next(self) -> Path:
        return self.directory / "next"


_SENTENCE: Final = "The server can't remember this request now; retry later."


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of `data`, or raise OSError."""
    if os.pwrite(descriptor, data, offset) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _origin() -> bytes:
    """Return what starts a file that was written since this machine booted."""
    try:
        boot_id = _BOOT_ID_FILE.read_bytes().strip()
    except OSError:
        # Without a boot id no file can be trusted to be whole: match no other header.
        boot_id = os.urandom(18).hex().encode("ascii")
    return _MAGIC + boot_id
