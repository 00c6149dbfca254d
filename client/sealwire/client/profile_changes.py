"""Changes to a profile that are made whole or not at all, whenever the process is killed.

A change is prepared in a folder inside the profile's. Its file `activated` is written last, and
decides: with it, the change counts, and whoever reads the profile next finishes it; without it, the
profile is as it was.

<profile>/
  .next/        a key rotation: a whole profile, with the next key
  .renewed/     a renewal: the files that it replaces
    activated   one line for each file of the profile that is to go
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from sealwire.client.directory_locks import held, locked
from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import read_secret, replace_secret, write_new_secret

NEXT: Final = ".next"
RENEWED: Final = ".renewed"
ACTIVATED: Final = "activated"
_TEMPORARY: Final = ".*.tmp"
"""What `replace_secret` leaves if it is killed."""

_BUSY: Final = (
    "Another process is changing this profile, or preparing to; try again when it is done."
)

T = TypeVar("T")


def settled(folder: Path, read: Callable[[Path], T]) -> T:
    """Return what `read` makes of a profile in which no change is under way.

    Raises:
        ConfigurationError: if a change that counts can't be finished, or as `read` does.
    """
    while True:
        roll_forward(folder)
        with locked(folder, fcntl.LOCK_SH):
            if not _activated(folder):
                return read(folder)


def roll_forward(folder: Path) -> None:
    """Finish the changes of a profile that count already.

    Raises:
        ConfigurationError: if that can't be written; it is then finished another time.
    """
    if _activated(folder):
        with changing(folder):
            pass


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Keep other processes from reading or changing the profile; hold it for an instant only."""
    with locked(folder, fcntl.LOCK_EX):
        for staged in _activated(folder):
            _finish(folder, staged)
        yield


def replace_files(
    folder: Path, files: Mapping[str, bytes], *, expected: Mapping[str, bytes]
) -> bool:
    """Replace files of a profile as one, if those of `expected` still hold what it says.

    Returns whether they did; if not, somebody else has changed the profile meanwhile.

    Raises:
        ConfigurationError: if it can't be written; the profile is then as it was, or the change
            counts and is finished another time.
    """
    with changing(folder):
        _clean(folder, RENEWED)
        if any(read_secret(folder / name) != content for name, content in expected.items()):
            return False
        with _prepared(folder, RENEWED) as new:
            for name, content in files.items():
                write_new_secret(new / name, content)
            write_new_secret(new / ACTIVATED, b"")
        _finish(folder, folder / RENEWED)
    return True


@contextlib.contextmanager
def holding_next(folder: Path) -> Iterator[bool]:
    """Keep others from going on with the next profile; tell whether there is one to go on with.

    Waits for whoever holds it.
    """
    with held(folder / NEXT, fcntl.LOCK_EX) as there:
        yield there


@contextlib.contextmanager
def claiming_next(folder: Path) -> Iterator[bool]:
    """Do as `holding_next`, without waiting.

    Raises:
        ConfigurationError: if another process holds it.
    """
    with contextlib.ExitStack() as claim:
        try:
            there = claim.enter_context(held(folder / NEXT, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            raise ConfigurationError(_BUSY) from None
        yield there


@contextlib.contextmanager
def preparing_next(folder: Path) -> Iterator[Path]:
    """Give a directory to write the next profile into; it becomes `.next` when the block ends.

    Raises:
        ConfigurationError: if there is a next one already, which is then left as it is.
    """
    with _prepared(folder, NEXT) as new:
        yield new


def activate_next(folder: Path, *, without: Iterable[str]) -> None:
    """Make the next profile, which the caller holds, the profile; remove its files `without`.

    Raises:
        ConfigurationError: if it can't be written; then it does not count, or it counts and is
            finished another time.
    """
    staged = folder / NEXT
    with changing(folder):
        replace_secret(staged / ACTIVATED, "\n".join(without).encode("ascii"))
        _finish(folder, staged)
        _clean(folder, NEXT)


def discard_next(folder: Path) -> None:
    """Remove the next profile, which the caller holds and which does not count yet."""
    with changing(folder):
        _remove(folder, folder / NEXT)


def _activated(folder: Path) -> list[Path]:
    staged = [folder / name for name in (RENEWED, NEXT)]
    return [path for path in staged if (path / ACTIVATED).exists()]


def _finish(folder: Path, staged: Path) -> None:
    """Copy what is staged over the profile; doing it again changes nothing."""
    without = read_secret(staged / ACTIVATED).decode("ascii").split()
    for path in staged.iterdir():
        # A name with a dot is what a killed process left of a file that it was writing.
        if path.name != ACTIVATED and not path.name.startswith("."):
            replace_secret(folder / path.name, read_secret(path))
    for name in without:
        (folder / name).unlink(missing_ok=True)
    for left in folder.glob(_TEMPORARY):
        left.unlink()
    _remove(folder, staged)


def _remove(folder: Path, staged: Path) -> None:
    """Remove a staged change in one step; the files that are then left mean nothing."""
    gone = Path(tempfile.mkdtemp(prefix=f"{staged.name}-", dir=folder))
    staged.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _clean(folder: Path, name: str) -> None:
    """Remove what killed processes left while they prepared the change `name`."""
    for left in folder.glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _prepared(folder: Path, name: str) -> Iterator[Path]:
    new = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    try:
        yield new
        _move(new, folder / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _move(new: Path, staged: Path) -> None:
    try:
        new.rename(staged)  # never replaces a directory that holds anything
    except OSError as error:
        raise ConfigurationError(_BUSY) from error
