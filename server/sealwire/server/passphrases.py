"""The passphrase of wrapped root keys: from a terminal, a descriptor or a credential."""

from __future__ import annotations

import getpass
import os

from sealwire.core.errors import ConfigurationError
from sealwire.server.handed_secrets import read_credential, read_descriptor
from sealwire.server.root_key_settings import RootKeySettings, credential_of, descriptor_of


def passphrase_of_root_keys(settings: RootKeySettings) -> bytes:
    """Return the passphrase that opens the root keys.

    Raises:
        ConfigurationError: if it is empty, can't be read, or there is nobody to ask.
    """
    return _handed(settings) or _asked("Passphrase of the root keys: ")


def new_passphrase_of_root_keys(settings: RootKeySettings) -> bytes:
    """Return a passphrase for the root keys; a person types it twice.

    Raises:
        ConfigurationError: as `passphrase_of_root_keys`, or if it is not the same twice.
    """
    handed = _handed(settings)
    if handed is not None:
        return handed
    first = _asked("New passphrase for the root keys: ")
    if _asked("The same passphrase again: ") != first:
        raise ConfigurationError("The two passphrases differ, so nothing was changed; try again.")
    return first


def _handed(settings: RootKeySettings) -> bytes | None:
    number, name = descriptor_of(settings.passphrase), credential_of(settings.passphrase)
    if number is not None:
        return _line(read_descriptor(number), f"file descriptor {number}")
    if name is not None:
        return _line(read_credential(name), f"the credential {name}")
    return None


def _line(secret: bytes, what: str) -> bytes:
    """Return a secret without the line end that editors leave."""
    line = secret.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise ConfigurationError(f"The passphrase of the root keys in {what} is empty.")
    return line


def _asked(prompt: str) -> bytes:
    try:
        # Without a terminal, getpass would read standard input.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise ConfigurationError(
            "The root keys are under a passphrase, and nobody can be asked for it: run this on a "
            'terminal, or set root_keys.passphrase to "credential:NAME" or "descriptor:N" in '
            "sealwire.toml."
        ) from None
    try:
        typed = getpass.getpass(prompt).encode("utf-8")
    except UnicodeError:
        raise ConfigurationError("What was typed is no text in UTF-8; try again.") from None
    if not typed:
        raise ConfigurationError("The passphrase is empty, so nothing was changed; type one.")
    return typed
