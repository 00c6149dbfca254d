"""The barrier: values go in, ciphertext comes out, and storage engines only ever see ciphertext."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from sealwire.core import sealing
from sealwire.core.derivation import derive_identity_key_into
from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey, Random
from sealwire.core.sealing import IdentityKey, RecordAddress, SealedBlob
from sealwire.storage.key_cache import KeyCache
from sealwire.storage.root_keyring import RootKeyring
from sealwire.storage.salts import SaltStore


class Salts(Protocol):
    """Where the identities' salts are looked up, within the transaction of the unit."""

    def salt(self, identity_id: str, key: PublicKey) -> bytes:
        """Return the identity's salt.

        Raises:
            ErasedError: if the identity was erased.
            SealError: if there is none, or `key` is not its own.
        """
        ...


@dataclass(frozen=True, slots=True)
class SealingBarrier:
    """Seals and unseals with keys that it derives and never stores. Thread-safe."""

    root_keys: RootKeyring
    deployment_id: str
    cache: KeyCache = field(repr=False)
    random: Random = field(repr=False)
    salt_store: SaltStore = field(repr=False)

    def seal(
        self,
        plaintext: bytes,
        *,
        identity_id: str,
        owner: PublicKey,
        address: RecordAddress,
        salts: Salts,
    ) -> SealedBlob:
        """Return `plaintext` sealed under the current root key to an identity's key `owner`.

        Raises:
            SealError: if the identity has no salt, or `owner` is not its key.
            UnavailableError: if the current root key is not at hand.
        """
        with self._key(identity_id, owner, self.root_keys.current, salts) as key:
            return sealing.seal(key, plaintext, address=address, random=self.random)

    def sealing_key(
        self, *, identity_id: str, owner: PublicKey, salts: Salts
    ) -> AbstractContextManager[IdentityKey]:
        """Lend, for a `with` block, the key that seals to an identity's key `owner` now.

        Raises:
            SealError: as `seal`.
        """
        return self._key(identity_id, owner, self.root_keys.current, salts)

    def unseal(
        self, blob: bytes, *, identity_id: str, address: RecordAddress, salts: Salts
    ) -> bytes:
        """Return the plaintext of a blob that is `identity_id`'s and belongs at `address`.

        Raises:
            SealError: if the blob was altered, cut, moved, or belongs to another identity or root.
            UnavailableError: if its root key is not at hand.
        """
        header = sealing.read_header(blob)
        with self._key(identity_id, header.owner, header.root_version, salts) as key:
            return sealing.unseal(key, blob, address=address)

    def erase(self, identity_id: str) -> None:
        """Destroy an identity's salt, and whatever follows from it here; it may be repeated.

        Raises:
            UnavailableError: if that can't be done now. No key is derived any more all the same.
        """
        # In this order: no thread derives a key between the two, nor reads half a salt.
        self.cache.forget(identity_id)
        self.salt_store.erase(identity_id)

    def is_current(self, header: bytes, owner: PublicKey) -> bool:
        """Tell whether a blob says, in its header, that it is sealed as `seal` would do it now."""
        return sealing.is_sealed_to(header, owner, root_version=self.root_keys.current)

    def _key(
        self, identity_id: str, owner: PublicKey, root_version: int, salts: Salts
    ) -> AbstractContextManager[IdentityKey]:
        root_key = self.root_keys.find(root_version)
        if root_key is None:
            salts.salt(identity_id, owner)  # of an erased identity's things, that is what is told
            raise SealError("The sealed bytes name a root key that this server does not have.")

        def derive_into(slot: memoryview) -> None:
            derive_identity_key_into(
                slot,
                root_key=root_key,
                root_version=root_version,
                deployment_id=self.deployment_id,
                owner=owner,
                identity_salt=salts.salt(identity_id, owner),
            )

        return self.cache.borrow(
            identity_id, owner=owner, root_version=root_version, derive_into=derive_into
        )
