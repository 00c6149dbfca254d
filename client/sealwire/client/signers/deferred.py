"""A key that is opened when it is first used, and not for looking at a profile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sealwire.core.errors import ConfigurationError, SealwireError
from sealwire.core.keys import PublicKey, Signer


def require_enrolled(key: PublicKey, public_key_id: str) -> None:
    """Return if `key` is the one that was enrolled.

    Raises:
        ConfigurationError: if it is another one.
    """
    if key.key_id != public_key_id:
        raise ConfigurationError(
            f"The key that was found, {key.key_id}, is not the one that this profile was enrolled "
            f"with, {public_key_id}, so nothing was signed; put the enrolled key back in its place."
        )


class DeferredSigner:
    """Opens its key at the first use, once, and signs as the enrolled key or not at all.

    What failed is not tried again: a token counts wrong PINs, and locks after a few.
    """

    def __init__(self, open_signer: Callable[[], Signer], *, public_key_id: str) -> None:
        """Call `open_signer` when it is needed; its key must have the id `public_key_id`."""
        self._open_signer = open_signer
        self._public_key_id = public_key_id
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        self._failure: SealwireError | None = None

    @property
    def public_key(self) -> PublicKey:
        """The enrolled key; opens it."""
        return self._opened().public_key

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`; opens the key."""
        return self._opened().sign(message)

    def _opened(self) -> Signer:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._signer is None:
                self._signer = self._open()
            return self._signer

    def _open(self) -> Signer:
        try:
            signer = self._open_signer()
            require_enrolled(signer.public_key, self._public_key_id)
        except SealwireError as error:
            self._failure = error
            raise
        return signer
