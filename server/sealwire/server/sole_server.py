"""One process at a time serves a deployment, or changes what no server may have open."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sealwire.core.errors import ConfigurationError


@contextlib.contextmanager
def sole_server(directory: Path) -> Iterator[None]:
    """Hold the deployment's lock: two servers would not know of each other's nonces.

    The lock is the directory's own, so that nothing is written into one that is no deployment.

    Raises:
        ConfigurationError: if another process holds it, or there is no such directory.
    """
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(
            f"{directory} is no deployment that can be served: {error.strerror}."
        ) from error
    try:
        _lock_at_once(lock, directory)
        yield
    finally:
        os.close(lock)


def _lock_at_once(lock: int, directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(f"Another process is serving {directory}.") from None
