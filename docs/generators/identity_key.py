"""The identity key that all examples of docs/sealing.md are sealed under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from docs.generators.fixed import CLIENT_KEY, DEPLOYMENT_ID, IDENTITY_SALT, ROOT_KEY
from sealwire.core.derivation import KEY_BYTES, derive_identity_key_into
from sealwire.core.keys import PublicKey

ROOT_VERSION: Final = 1
ROOT: Final = X25519PrivateKey.from_private_bytes(ROOT_KEY)
OWNER: Final = CLIENT_KEY.public_key


@dataclass(frozen=True, slots=True)
class FixedIdentityKey:
    """An `IdentityKey` in plain memory."""

    root_version: int
    owner: PublicKey
    secret: bytes


def identity_key() -> FixedIdentityKey:
    """Return the identity key."""
    secret = bytearray(KEY_BYTES)
    derive_identity_key_into(
        memoryview(secret),
        root_key=ROOT,
        root_version=ROOT_VERSION,
        deployment_id=DEPLOYMENT_ID,
        owner=OWNER,
        identity_salt=IDENTITY_SALT,
    )
    return FixedIdentityKey(ROOT_VERSION, OWNER, bytes(secret))
