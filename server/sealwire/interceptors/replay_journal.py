"""Nonces that outlive the process: two append-only files, one for each generation.

A file is a header and records of 40 bytes: the nonce's digest, and its issued_at as 8 bytes,
big-endian. A record is written with one write(2) before the request goes on, without fsync: it
survives the death of the process. It may not survive the death of the machine; the boot id in the
header shows that, and then every request that a predecessor could have accepted is refused.
"""

from __future__ import annotations

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
_RECORD: Final = struct.Struct(">32sq")
_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


def create_journal(directory: Path) -> None:
    """Lay out the empty journal of a deployment that has never served."""
    directory.mkdir(mode=0o700)
    journal = ReplayJournal(directory, _header())
    journal.reset()
    journal.close()


def open_nonce_store(
    directory: Path, *, clock: Clock, monotonic_ms: Clock, window: TimeWindow
) -> NonceStore:
    """Return a guard that knows what its predecessor claimed, or refuses what it may have.

    Raises:
        ConfigurationError: if the journal can't be read or written.
    """
    journal = ReplayJournal(directory, _header())
    older, current = Generation(monotonic_ms()), Generation(monotonic_ms())
    store = NonceStore(clock, monotonic_ms, window, current, older, journal=journal)
    try:
        if not journal.load(older=older, current=current):
            lost_until = max(older.latest_issued_at, current.latest_issued_at)
            store.accept_after = max(clock() + window.skew_ms, lost_until)
            journal.reset()
    except OSError as error:
        raise ConfigurationError(
            f"The replay journal in {directory} can't be used: {error.strerror}."
        ) from error
    return store


@dataclass(slots=True)
class ReplayJournal:
    """The open journal of one server; a `NonceJournal`."""

    directory: Path
    header: bytes
    _descriptor: int = -1
    _size: int = 0

    def load(self, *, older: Generation, current: Generation) -> bool:
        """Read both files and open the current one; return whether nothing can be missing."""
        complete = self._read(self._older, older) and self._read(self._current, current)
        self._open(os.O_CREAT)
        return complete

    def reset(self) -> None:
        """Begin two empty generations."""
        for path in (self._older, self._current):
            path.unlink(missing_ok=True)
        self._open(os.O_CREAT)
        self.start_generation()

    def start_generation(self) -> None:
        """Drop the older generation, make the current one the older, and begin a new one."""
        self._current.replace(self._older)
        self._open(os.O_CREAT)

    def append(self, nonce_digest: bytes, issued_at: int) -> None:
        """Write one record, whole or not at all."""
        record = _RECORD.pack(nonce_digest, issued_at)
        try:
            if os.write(self._descriptor, record) == len(record):
                self._size += len(record)
                return
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass  # the sentence below is all that a client may know
        raise OverloadedError("The server can't remember this request now; retry later.")

    def close(self) -> None:
        """Close the file; the journal stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self, flags: int) -> None:
        self.close()
        flags |= os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._current, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        if self._size == 0:
            self._size = os.write(self._descriptor, self.header)

    def _read(self, path: Path, generation: Generation) -> bool:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return False
        records = data[len(self.header) :]
        whole = len(records) - len(records) % _RECORD.size
        for nonce_digest, issued_at in _RECORD.iter_unpack(records[:whole]):
            generation.add(nonce_digest, issued_at)
        return data.startswith(self.header) and whole == len(records)

    @property
    def _current(self) -> Path:
        return self.directory / "current"

    @property
    def _older(self) -> Path:
        return self.directory / "older"


def _header() -> bytes:
    """Return what starts a file that was written since this machine booted."""
    try:
        boot_id = _BOOT_ID_FILE.read_bytes().strip()
    except OSError:
        # Without a boot id no file can be trusted to be whole: match no other header.
        boot_id = os.urandom(18).hex().encode("ascii")
    return _MAGIC + boot_id
