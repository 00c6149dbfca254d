"""Secrets that whoever starts the process hands to it: inherited descriptors, systemd credentials.

Neither is ever in the arguments or the environment, which other processes can read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import MAX_SECRET_FILE_BYTES

CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"


def read_descriptor(number: int) -> bytes:
    """Return all that an inherited file descriptor gives, and close it; that works once.

    Raises:
        ConfigurationError: if none of this number was inherited, or it can't be read.
    """
    try:
        # What this process opened itself is not inheritable, whatever its number.
        inherited = os.get_inheritable(number)
    except OSError:
        inherited = False
    if not inherited:
        raise ConfigurationError(
            f"File descriptor {number} was not inherited; start the command with {number}<FILE."
        )
    try:
        with os.fdopen(number, "rb") as file:
            return _bounded(file.read(MAX_SECRET_FILE_BYTES + 1), f"file descriptor {number}")
    except OSError as error:
        raise ConfigurationError(
            f"File descriptor {number} can't be read: {error.strerror}."
        ) from error


def read_credential(name: str) -> bytes:
    """Return a credential of the systemd unit (systemd.exec(5), LoadCredential=).

    Raises:
        ConfigurationError: if there is none of this name, or others can read it.
    """
    path = credential_path(name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(
            f"The credential {path} can't be opened: {error.strerror}."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        _require_handed(path, os.fstat(descriptor))
        return _bounded(file.read(MAX_SECRET_FILE_BYTES + 1), str(path))


def credential_path(name: str) -> Path:
    """Return where a credential is; ConfigurationError if this is no unit that has any."""
    directory = os.environ.get(CREDENTIALS_DIRECTORY)
    if not directory:
        raise ConfigurationError(
            f"There are no systemd credentials: {CREDENTIALS_DIRECTORY} is not set. Start this in "
            "a unit with LoadCredential=, or with: systemd-run --pipe -p LoadCredential=…"
        )
    return Path(directory) / name


def _require_handed(path: Path, status: os.stat_result) -> None:
    # systemd gives the unit's user access with an ACL, which shows as the group's, or as root's.
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"The credential {path} is not a regular file.")
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & stat.S_IRWXO:
        raise ConfigurationError(f"The credential {path} is open to other users.")


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > MAX_SECRET_FILE_BYTES:
        raise ConfigurationError(f"{what} gives more than 1 MiB, so it is no secret.")
    return data
