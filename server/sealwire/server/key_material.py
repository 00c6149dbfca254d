"""Reading a deployment's keys; whatever is wrong, the error names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_root_key
from sealwire.core.secret_files import read_secret
from sealwire.storage import RootKeys

K = TypeVar("K")


def read_key(path: Path, parse: Callable[[bytes], K]) -> K:
    """Return what `parse` makes of a secret file; its ConfigurationError is given the path."""
    secret = read_secret(path)
    try:
        return parse(secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def read_root_keys(directory: Path) -> RootKeys:
    """Return the root keys in a directory, of which the latest one seals.

    Raises:
        ConfigurationError: if there is none, or a file is not named or filled as it should be.
    """
    paths = {path.stem: path for path in directory.glob("*.key")}
    if not paths or not all(stem.isascii() and stem.isdigit() for stem in paths):
        raise ConfigurationError(f"{directory} must hold root keys named by version, like 1.key.")
    keys = {int(stem): read_key(path, parse_root_key) for stem, path in paths.items()}
    return RootKeys(keys, current=max(keys))
