"""Reading a deployment's keys; whatever is wrong, the error names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import read_secret
from sealwire.server.handed_root_keys import RootKeyCredentials, RootKeyDescriptor
from sealwire.server.passphrases import passphrase_of_root_keys
from sealwire.server.root_key_files import RootKeyFiles, any_wrapped
from sealwire.server.root_key_settings import CREDENTIALS, RootKeySettings, descriptor_of
from sealwire.server.root_key_source import ManagedRootKeys

ROOTS: Final = "roots"

K = TypeVar("K")


def read_key(path: Path, parse: Callable[[bytes], K]) -> K:
    """Return what `parse` makes of a secret file; its ConfigurationError is given the path."""
    secret = read_secret(path)
    try:
        return parse(secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def root_keys_of(directory: Path, settings: RootKeySettings) -> ManagedRootKeys:
    """Return where the root keys of a deployment directory come from.

    If they are under a passphrase, it is asked for here and now, and not again.

    Raises:
        ConfigurationError: if there is no passphrase where one is needed.
    """
    number = descriptor_of(settings.source)
    if number is not None:
        return RootKeyDescriptor(number)
    if settings.source == CREDENTIALS:
        return RootKeyCredentials()
    files = directory / ROOTS
    wrapped = any_wrapped(files)
    return RootKeyFiles(files, passphrase=passphrase_of_root_keys(settings) if wrapped else None)
