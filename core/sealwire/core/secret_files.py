"""Secret files: the one module of the core that touches the disk, so that both sides do it alike.

A secret is written 0600 whatever the umask, whole or not at all; it is read only if it is a
regular file of ours that nobody else can open, and never through a symbolic link.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from sealwire.core.errors import ConfigurationError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
MAX_SECRET_FILE_BYTES: Final = 1024 * 1024


def write_new_secret(path: Path, data: bytes) -> None:
    """Create `path` with mode 0600; on return it is on stable storage.

    Raises:
        ConfigurationError: if the path exists already, or can't be written.
    """
    temporary = _temporary(path)
    try:
        _write_0600(temporary, data)
        # link(2) fails where rename(2) would replace, so nothing is ever overwritten.
        os.link(temporary, path, follow_symlinks=False)
        sync_directory(path.parent)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists already and was left as it is; choose another place, or move it away."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        _discard(temporary)


def replace_secret(path: Path, data: bytes) -> None:
    """Write `path` with mode 0600, in place of whatever is there, in one step.

    Raises:
        ConfigurationError: if it can't be written; what was there is then unchanged.
    """
    temporary = _temporary(path)
    try:
        _write_0600(temporary, data)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        _discard(temporary)


def read_secret(path: Path) -> bytes:
    """Return the contents of a secret file.

    Raises:
        ConfigurationError: if it is missing, no regular file, a symbolic link, somebody else's,
            open to group or others, or larger than 1 MiB.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be opened ({error.strerror}); a secret file must not be a symbolic link."
        ) from error
    try:
        _require_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_SECRET_FILE_BYTES)
    finally:
        os.close(descriptor)


def overwrite_secret(path: Path) -> None:
    """Write zeros where the file's bytes are, as far as file system and disk write in place.

    Raises:
        OSError: if it can't be opened or written, or is a symbolic link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def destroy_secret(path: Path) -> None:
    """Overwrite a secret file as `overwrite_secret` does, and remove it durably.

    Raises:
        ConfigurationError: if that can't be done.
    """
    try:
        overwrite_secret(path)
        path.unlink()
        sync_directory(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be destroyed: {error.strerror}.") from error


def sync_directory(path: Path) -> None:
    """Return once what was created, renamed or removed in a directory is on stable storage.

    Raises:
        OSError: if that can't be said.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file.")
    if status.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user, so it was not read.")
    if status.st_mode & _OTHERS:
        raise ConfigurationError(
            f"{path} is open to other users, so it was not read; run: chmod 600 {path}"
        )
    if status.st_size > MAX_SECRET_FILE_BYTES:
        raise ConfigurationError(f"{path} is larger than 1 MiB, so it is no secret file.")


def _discard(temporary: Path) -> None:
    # Where even this fails, the error that is under way says more.
    with contextlib.suppress(OSError):
        temporary.unlink()


def _temporary(path: Path) -> Path:
    # Random, so that no two writers, in whatever containers, share one.
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def _write_0600(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
