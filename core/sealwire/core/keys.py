"""Ed25519 keys, and the one gate by which a public key enters.

`PublicKey.from_bytes` refuses small-order, mixed-order and non-canonical points: with such a key,
one signature can hold for many messages ("Taming the many EdDSAs", section 2). libsodium
verifies, because it also refuses S >= L and small-order R (RFC 8032 section 5.1.7 and stricter).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import nacl.bindings as sodium
import nacl.exceptions

from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import AuthenticationError, MalformedError

PUBLIC_KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

Random = Callable[[int], bytes]
"""Returns that many bytes from a cryptographic source; `os.urandom` outside of tests."""

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A checked Ed25519 public key: a canonical point of the prime-order group."""

    raw: bytes
    key_id: str

    @classmethod
    def from_bytes(cls, raw: bytes) -> PublicKey:
        """Check 32 bytes and return the key that they are.

        Raises:
            MalformedError: for another length, or a point outside the prime-order group.
        """
        return _checked(bytes(raw))

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read what `text` gives: the raw key as base64url, 43 characters (`x` of RFC 8037)."""
        return cls.from_bytes(from_base64url(text))

    @property
    def text(self) -> str:
        """The raw key as base64url (`x` of RFC 8037 section 2)."""
        return base64url(self.raw)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if `signature` is this key's over `message`.

        Raises:
            AuthenticationError: if it is not, or is not 64 bytes.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise AuthenticationError("The signature does not have 64 bytes.")
        try:
            sodium.crypto_sign_open(signature + message, self.raw)
        except nacl.exceptions.BadSignatureError:
            raise AuthenticationError("The signature does not hold.") from None

    def to_x25519(self) -> bytes:
        """Return the X25519 key that is birationally equivalent (RFC 7748 section 4.1), 32 bytes.

        A key and its negative give the same result, so whoever derives from it also binds `raw`.
        """
        return _to_x25519(self.raw)


class Signer(Protocol):
    """Whatever holds a private key and signs with it: a file, an agent, a token."""

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures verify under."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of `message` (RFC 8032 section 5.1.6)."""
        ...


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An Ed25519 private key in this process's memory; a `Signer`."""

    public_key: PublicKey
    _secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> PrivateKey:
        """Return the key that a 32-byte seed stands for (RFC 8032 section 5.1.5).

        Raises:
            MalformedError: for another length.
        """
        if len(seed) != SEED_BYTES:
            raise MalformedError("An Ed25519 private key has 32 bytes.")
        public, secret = sodium.crypto_sign_seed_keypair(seed)
        return cls(public_key=PublicKey.from_bytes(public), _secret=secret)

    @classmethod
    def generate(cls, random: Random) -> PrivateKey:
        """Return a new key made from 32 bytes of `random`."""
        return cls.from_seed(random(SEED_BYTES))

    @property
    def seed(self) -> bytes:
        """The 32 bytes from which the key can be made again; a secret."""
        return self._secret[:SEED_BYTES]

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message` (RFC 8032 section 5.1.6)."""
        return sodium.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def thumbprint(raw: bytes) -> str:
    """Return a key's id: RFC 7638 with SHA-256 over the RFC 8037 OKP members, base64url."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(raw)}"}}'
    return base64url(hashlib.sha256(jwk.encode("ascii")).digest())


def is_key_id(text: str) -> bool:
    """Tell whether `text` has the form of a key id: 43 base64url characters."""
    return _KEY_ID.fullmatch(text) is not None


# Public data only, so caches of any lifetime are fine. The check costs more than a signature.
@functools.lru_cache(maxsize=4096)
def _checked(raw: bytes) -> PublicKey:
    if len(raw) != PUBLIC_KEY_BYTES:
        raise MalformedError("An Ed25519 public key has 32 bytes.")
    if not sodium.crypto_core_ed25519_is_valid_point(raw):
        raise MalformedError("This Ed25519 public key is not a point of the prime-order group.")
    return PublicKey(raw=raw, key_id=thumbprint(raw))


@functools.lru_cache(maxsize=4096)
def _to_x25519(raw: bytes) -> bytes:
    try:
        converted: bytes = sodium.crypto_sign_ed25519_pk_to_curve25519(raw)
    except RuntimeError:
        raise MalformedError("This Ed25519 public key has no X25519 equivalent.") from None
    return converted
