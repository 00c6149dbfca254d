"""Whether a key rotation that was interrupted has happened: the server knows, and is asked.

Between asking for a rotation and hearing that it happened, a client can't know which of its two
keys is the active one. Exactly one of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sealwire.client.connection import Access
from sealwire.client.errors import UnauthenticatedError
from sealwire.client.profile_changes import NEXT, activate_next, holding_next
from sealwire.client.profile_layout import IDENTITY_KEY_FILE, PROFILE_FILE, TLS_CERTIFICATE_FILE
from sealwire.client.renewal import Means


def is_begun(folder: Path) -> bool:
    """Tell whether the profile in `folder` has a next key."""
    return (folder / NEXT / PROFILE_FILE).exists()


def is_certified(folder: Path) -> bool:
    """Tell whether the next key has a certificate, without which it can't have become active."""
    return is_begun(folder) and (folder / NEXT / TLS_CERTIFICATE_FILE).exists()


def is_accepted(access: Access, means: Means) -> bool:
    """Tell whether the server takes what `access` signs as authentic.

    Raises:
        TransportError: if no signed answer came; then nothing is known.
    """
    with means.client(access) as client:
        try:
            client.whoami()
        except UnauthenticatedError:
            return False
    return True


def adopt_next(folder: Path) -> None:
    """Let the next key, which is active at the server, be the profile's; the caller holds it.

    Raises:
        ConfigurationError: if that can't be written.
    """
    kept_elsewhere = not (folder / NEXT / IDENTITY_KEY_FILE).exists()
    activate_next(folder, without=[IDENTITY_KEY_FILE] if kept_elsewhere else [])


def settle_next(folder: Path, read: Callable[[Path], Access], means: Means) -> None:
    """Finish an interrupted rotation, if it happened at the server; wait for one that goes on.

    Raises:
        ConfigurationError: if what was prepared is damaged, or the profile can't be written.
        TransportError: if no signed answer came.
    """
    with holding_next(folder) as there:
        if there and is_certified(folder) and is_accepted(read(folder / NEXT), means):
            adopt_next(folder)
