"""What a place must offer that a deployment's root keys come from.

Another one, such as a key management service, is one more class like those in root_key_files.py and
handed_root_keys.py, and one more line in `key_material.root_keys_of`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.keys import Random
from sealwire.storage import RootKeySource


class Provided(NamedTuple):
    """A root key that is to be used from now on; `was_there` says that it was not made now."""

    key: X25519PrivateKey
    was_there: bool


class ManagedRootKeys(RootKeySource, Protocol):
    """Root keys that can also be rotated and retired."""

    @property
    def is_writable(self) -> bool:
        """Whether keys are made and destroyed here; else, that is somebody's to do by hand."""
        ...

    def provide(self, version: int, *, random: Random) -> Provided:
        """Return the key of a new version, which is on stable storage; make it unless it is there.

        Raises:
            ConfigurationError: if it can't be made. Where that is to be done by hand, the sentence
                says how.
        """
        ...

    def discard(self, version: int) -> bool:
        """Destroy the key of a version for good, as far as this can; tell whether there was one.

        Raises:
            ConfigurationError: if it can't be destroyed.
        """
        ...
