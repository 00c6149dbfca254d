"""Under which names records are stored: their own, or keyed hashes of them.

In a namespace with a name key, a record is stored under HMAC-SHA256(name key, name). The name key
is random, sealed to the namespace's owner, and never changes, so that records are found whatever
keys were rotated since.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from sealwire.core.encoding import base64url, length_prefixed
from sealwire.core.sealing import Purpose, RecordAddress
from sealwire.storage.owners import Owners
from sealwire.storage.rows import Namespace

NAME_KEY_BYTES: Final = 32
STORED_NAME_LABEL: Final = "sealwire/v1/stored-name"


class RecordNames:
    """Stored names, as one transaction sees them."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def stored(self, namespace: Namespace, name: str) -> str:
        """Return what a record of this name is stored under.

        Raises:
            SealError: if the name key was altered, or is sealed to anybody but the owner.
        """
        if namespace.name_key is None:
            return name
        message = length_prefixed(STORED_NAME_LABEL, name.encode())
        return base64url(hmac.digest(self.open_key(namespace), message, hashlib.sha256))

    def open_key(self, namespace: Namespace) -> bytes:
        """Return the 32-byte name key of a namespace that has one; SealError as `stored`."""
        sealed, address = namespace.name_key or b"", name_key_address(namespace.name)
        return self._owners.unseal(namespace.owner_id, sealed, address=address)


def name_key_address(namespace: str) -> RecordAddress:
    """Return where a namespace's name key belongs, and nothing else."""
    return RecordAddress(namespace, "", 0, Purpose.NAME_INDEX)
