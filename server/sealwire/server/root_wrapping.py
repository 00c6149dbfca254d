"""Putting root keys under a passphrase, and back; either may be killed, and is run again then.

1  N.key.old   becomes a second name of the file
2  N.key       is replaced, in one step
3  N.key.old   is overwritten with zeros, and removed

So each key can be read at every moment, and no plain text is left behind.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import root_key_text
from sealwire.core.keys import Random
from sealwire.core.secret_files import destroy_secret, read_secret, replace_secret, sync_directory
from sealwire.core.wrapped_keys import DEFAULT_COST, Cost, is_wrapped
from sealwire.server.change_lock import change_lock
from sealwire.server.config import FILE_NAME, read_config
from sealwire.server.key_material import ROOTS
from sealwire.server.passphrases import new_passphrase_of_root_keys, passphrase_of_root_keys
from sealwire.server.root_key_files import OLD, RootKeyFiles, any_wrapped, remove_leftovers
from sealwire.server.root_key_settings import DIRECTORY, RootKeySettings

_NAME: Final = re.compile(r"([1-9][0-9]*)\.key")


def wrap_root_keys(directory: Path, *, random: Random, cost: Cost = DEFAULT_COST) -> list[int]:
    """Put every root key in `roots/` under one passphrase; return the versions that were not yet.

    Raises:
        ConfigurationError: if the keys come from elsewhere, one can't be read or written, or those
            that are wrapped already do not open with the passphrase.
    """
    with _files_of(directory) as (files, settings):
        ask = passphrase_of_root_keys if any_wrapped(files) else new_passphrase_of_root_keys
        keys = RootKeyFiles(files, passphrase=ask(settings), cost=cost)
        plain = {}
        for version in _versions(files):
            key = keys.load(version)  # all of them, before any is changed
            if not is_wrapped(read_secret(keys.path(version))):
                plain[version] = key
        for version, key in plain.items():
            _replace(keys.path(version), keys.wrapped(key, version, random=random))
    return list(plain)


def unwrap_root_keys(directory: Path) -> list[int]:
    """Put every root key in `roots/` back as it is; return the versions that were wrapped.

    Raises:
        ConfigurationError: as `wrap_root_keys`.
    """
    with _files_of(directory) as (files, settings):
        if not any_wrapped(files):
            return []
        keys = RootKeyFiles(files, passphrase=passphrase_of_root_keys(settings))
        wrapped = {
            version: keys.load(version)
            for version in _versions(files)
            if is_wrapped(read_secret(keys.path(version)))
        }
        for version, key in wrapped.items():
            _replace(keys.path(version), root_key_text(key))
    return list(wrapped)


@contextlib.contextmanager
def _files_of(directory: Path) -> Iterator[tuple[Path, RootKeySettings]]:
    """Hold the deployment's lock; first finish what a killed command left."""
    with change_lock(directory):
        settings = read_config(directory / FILE_NAME).root_keys
        if settings.source != DIRECTORY:
            raise ConfigurationError(
                f"The root keys of {directory} are not in its files: root_keys.source is "
                f"{settings.source!r}."
            )
        files = directory / ROOTS
        remove_leftovers(files)
        for left in files.glob(f"*.key{OLD}"):
            _destroy_old(left)
        yield files, settings


def _versions(files: Path) -> list[int]:
    found = [_NAME.fullmatch(path.name) for path in files.iterdir()]
    return sorted(int(name[1]) for name in found if name)


def _replace(path: Path, text: bytes) -> None:
    old = path.with_name(path.name + OLD)
    try:
        os.link(path, old, follow_symlinks=False)
        sync_directory(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{old} can't be written: {error.strerror}.") from error
    replace_secret(path, text)
    destroy_secret(old)


def _destroy_old(old: Path) -> None:
    """Remove the second name of a file; what is in it goes only where it was replaced."""
    present = old.with_name(old.name.removesuffix(OLD))
    if not present.exists():
        raise ConfigurationError(f"{present} is missing; {old} may be the only copy: put it back.")
    if present.samefile(old):
        old.unlink()
    else:
        destroy_secret(old)
