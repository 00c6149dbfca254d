"""Sealing to identities, in one transaction: to their newest keys, and from whichever it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sealwire.core.keys import Random
from sealwire.core.sealing import IdentityKey, RecordAddress, SealedBlob
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.identities import Identities
from sealwire.storage.keys import Keys


class Owners:
    """The barrier, as one transaction uses it: identities by their ids."""

    def __init__(self, barrier: SealingBarrier, *, identities: Identities, keys: Keys) -> None:
        self._barrier = barrier
        self._identities = identities
        self._keys = keys

    @property
    def random(self) -> Random:
        """Where salts and new keys come from."""
        return self._barrier.random

    def seal(self, identity_id: str, plaintext: bytes, *, address: RecordAddress) -> SealedBlob:
        """Return `plaintext` sealed to an identity's newest key under the current root key.

        Raises:
            ErasedError: if the identity was erased.
            SealError: if its newest key or its salt is gone or was altered.
        """
        owner = self._keys.newest(identity_id)
        return self._barrier.seal(
            plaintext,
            identity_id=identity_id,
            owner=owner,
            address=address,
            salts=self._identities,
        )

    def unseal(self, identity_id: str, blob: bytes, *, address: RecordAddress) -> bytes:
        """Return the plaintext of a blob that is an identity's and belongs at `address`.

        Raises:
            ErasedError: if the identity was erased.
            SealError: if the blob was altered, cut, moved, or belongs to another identity or root.
        """
        return self._barrier.unseal(
            blob, identity_id=identity_id, address=address, salts=self._identities
        )

    def are_current(self, identity_id: str, *blobs: bytes | None) -> bool:
        """Tell whether all blobs that there are say that they are sealed as `seal` would do it now.

        Raises:
            SealError: if the identity's newest key was altered.
        """
        owner = self._keys.newest(identity_id)
        return all(blob is None or self._barrier.is_current(blob, owner) for blob in blobs)

    @contextlib.contextmanager
    def sealing_keys(self) -> Iterator[Callable[[str], IdentityKey]]:
        """Lend, for a `with` block, what returns the key that seals to an identity now.

        Each is looked up once, however much is sealed. Raises as `seal`.
        """
        lent: dict[str, IdentityKey] = {}
        with contextlib.ExitStack() as stack:

            def key_of(identity_id: str) -> IdentityKey:
                if identity_id not in lent:
                    lent[identity_id] = stack.enter_context(self._sealing_key(identity_id))
                return lent[identity_id]

            yield key_of

    def _sealing_key(self, identity_id: str) -> AbstractContextManager[IdentityKey]:
        owner = self._keys.newest(identity_id)
        return self._barrier.sealing_key(
            identity_id=identity_id, owner=owner, salts=self._identities
        )
