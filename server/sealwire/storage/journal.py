"""The journal of authority: every change of who may do what, in a file beside the database.

A change is in the journal before it is acknowledged. So a database that knows less than the
journal is an older one that was put back, and must not be served as if it were the present one.
The file is only ever appended to, by one process at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError, MalformedError, UnavailableError
from sealwire.core.secret_files import sync_directory
from sealwire.storage.journal_lines import Change, Line, decode, encode

LOCK_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.01
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

Waiting = Callable[[int], Sequence[tuple[int, Change]]]
"""Given the sequence of the journal's last line, returns the changes that are to follow it."""


class AuthorityJournal:
    """The journal in one file. One thread at a time may use it; other processes have their own."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Touch nothing; `extend` makes the file if there is none."""
        self.path = path
        self._clock = clock
        self._last = 0
        self._size = 0  # of the file up to that line
        self._inode = 0
        self._may_be_behind = True

    @property
    def last(self) -> int:
        """The sequence of the last line that was read or written; 0 before the first."""
        return self._last

    @property
    def may_be_behind(self) -> bool:
        """Whether something may wait to be written, since `extend` last returned."""
        return self._may_be_behind

    def expect_more(self) -> None:
        """Take note that a change may be committed soon."""
        self._may_be_behind = True

    def read(self) -> list[Line]:
        """Return the lines since `read` or `extend` was last called; none if there is no file.

        Raises:
            ConfigurationError: if the file can't be read, or is damaged.
        """
        try:
            with self.path.open("rb") as file:
                return self._read_on(file.fileno())[0]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigurationError(f"{self.path} can't be read: {error.strerror}.") from error
        except MalformedError as error:
            raise ConfigurationError(
                f"{self.path} is damaged. {error} Put a whole copy of it back. Or move it away: "
                "a new one is begun, and nothing tells any more if an older database is put back."
            ) from None

    def extend(self, waiting: Waiting) -> None:
        """Write what waits, durably, behind what this and other processes have written.

        Raises:
            UnavailableError: if it can't be written now; the file then ends as it did before.
        """
        try:
            with self._locked() as descriptor:
                self._catch_up(descriptor)
                changes = waiting(self._last)
                lines = [Line(sequence, self._clock(), change) for sequence, change in changes]
                if lines:
                    self._append(descriptor, lines)
        except (OSError, MalformedError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UnavailableError(
                "The store can't be used now: the journal of changes can't be written "
                f"({why}). Nothing was acknowledged; try again later."
            ) from None
        self._may_be_behind = False

    def _append(self, descriptor: int, lines: Sequence[Line]) -> None:
        data = b"".join(map(encode, lines))
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
            if not self._size:
                sync_directory(self.path.parent)
        except OSError:
            # Also after a failed fsync: the line must not stand there as if it were durable.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._size)
            raise
        self._size += len(data)
        self._last = lines[-1].sequence

    def _catch_up(self, descriptor: int) -> None:
        """Read what other processes have added, and cut off what one did not finish."""
        _, torn = self._read_on(descriptor)
        if torn:
            os.ftruncate(descriptor, self._size)

    def _read_on(self, descriptor: int) -> tuple[list[Line], bool]:
        """Return the lines that are new, and whether something stands behind them."""
        status = os.fstat(descriptor)
        if status.st_ino != self._inode or status.st_size < self._size:  # it is another file
            self._inode, self._size, self._last = status.st_ino, 0, 0
        data = os.pread(descriptor, status.st_size - self._size, self._size)
        lines, size = decode(data, after=self._last)
        self._size += size
        self._last = lines[-1].sequence if lines else self._last
        return lines, size < len(data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _lock(descriptor):
                if time.monotonic() > deadline:
                    raise TimeoutError(0, "another process holds it locked")
                # Only the store's writing thread waits here, whose next change comes behind this
                # one in any case; whoever holds the lock, holds it for one fsync.
                time.sleep(_RETRY_SECONDS)
            yield descriptor
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, data: bytes) -> None:
    """Write all of `data`, or raise OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
