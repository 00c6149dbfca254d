"""One change of a deployment's keys and certificates at a time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from sealwire.core.errors import ConfigurationError
from sealwire.server.config import FILE_NAME


@contextlib.contextmanager
def change_lock(directory: Path) -> Iterator[None]:
    """Hold a lock on the settings, which no change replaces; the directory's is the server's.

    Raises:
        ConfigurationError: if another process holds it, or there are no settings.
    """
    try:
        settings = (directory / FILE_NAME).open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"{directory / FILE_NAME} can't be read: {error.strerror}."
        ) from error
    with settings:
        try:
            fcntl.flock(settings, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another command is changing the keys or certificates in {directory}."
            ) from None
        yield
