"""Passphrases and PINs: asked for on a terminal, never taken from a command line.

The terminal is the controlling one, so that standard input and output can be pipes. Who has none
names a file, mode 0600, in SEALWIRE_PASSPHRASE_FILE.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from sealwire.client.signers.errors import SignerError
from sealwire.core.secret_files import read_secret

PASSPHRASE_FILE: Final = "SEALWIRE_PASSPHRASE_FILE"  # noqa: S105 (a variable's name)
_INSTEAD: Final = (
    "run this on a terminal, or write the passphrase to a file of mode 0600 and name that file "
    f"in {PASSPHRASE_FILE}"
)


def passphrase_of(what: str) -> bytes:
    """Return the passphrase that opens `what`.

    Raises:
        SignerError: if there is nobody to ask.
        ConfigurationError: if the file that should hold it can't be used.
    """
    given = os.environ.get(PASSPHRASE_FILE)
    if given:
        return secret_line(Path(given))
    return _ask(f"Passphrase of {what}: ", instead=_INSTEAD)


def new_passphrase(what: str) -> bytes:
    """Return a passphrase for `what`, which is about to be made; a person types it twice.

    Raises:
        SignerError: if it is empty, or not the same twice, or there is nobody to ask.
        ConfigurationError: if the file that should hold it can't be used.
    """
    given = os.environ.get(PASSPHRASE_FILE)
    if given:
        return secret_line(Path(given))
    first = _ask(f"New passphrase for {what}: ", instead=_INSTEAD)
    if not first:
        raise SignerError("The passphrase is empty, so nothing was made; type one.")
    if _ask("The same passphrase again: ", instead=_INSTEAD) != first:
        raise SignerError("The two passphrases differ, so nothing was made; try again.")
    return first


def pin_of(what: str) -> bytes:
    """Return the PIN of `what`, as a person types it; SignerError if there is nobody to ask."""
    instead = "run this on a terminal, or add pin-source=file:PATH to the URI, a file of mode 0600"
    return _ask(f"PIN of {what}: ", instead=instead)


def secret_line(path: Path) -> bytes:
    """Return what a secret file holds, without the line end that editors leave.

    Raises:
        ConfigurationError: if it is missing, open to others, or not what a secret file should be.
        SignerError: if it holds nothing.
    """
    secret = read_secret(path).removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise SignerError(f"{path} is empty; write the secret into it.")
    return secret


def _ask(prompt: str, *, instead: str) -> bytes:
    if not _has_terminal():
        raise SignerError(f"{prompt.rstrip(': ')} is needed, but nobody can be asked; {instead}.")
    try:
        return getpass.getpass(prompt).encode("utf-8")
    except UnicodeError:
        raise SignerError("What was typed is no text in UTF-8; try again.") from None


def _has_terminal() -> bool:
    """Tell whether `getpass` will find a terminal; without one it would read standard input."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True
