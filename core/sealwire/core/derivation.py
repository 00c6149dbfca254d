"""Every HKDF of the sealing format, with its labels (docs/sealing.md section 2).

All parts of an `info` are length-prefixed, so namespaces, names and versions can't run together.
"""

from __future__ import annotations

import functools
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealwire.core.encoding import length_prefixed, prefixed
from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey

IDENTITY_LABEL: Final = "sealwire/v1/identity-key"
RECORD_LABEL: Final = "sealwire/v1/record-key"
METADATA_LABEL: Final = "sealwire/v1/metadata-key"
NAME_LABEL: Final = "sealwire/v1/name-key"
NAME_INDEX_LABEL: Final = "sealwire/v1/name-index-key"
ANSWER_LABEL: Final = "sealwire/v1/answer-key"
AUTHORITY_LABEL: Final = "sealwire/v1/authority-key"
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
COMMITMENT_BYTES: Final = 32


def derive_identity_key_into(
    buffer: memoryview,
    *,
    root_key: X25519PrivateKey,
    root_version: int,
    deployment_id: str,
    owner: PublicKey,
    identity_salt: bytes,
) -> None:
    """Write an identity's 32-byte sealing key into `buffer`.

    The key follows from the root key, the owner's public key and the salt; destroy any of them
    and it can't be made again. The full Ed25519 key is in `info` because a key and its negative
    share one X25519 equivalent.

    Raises:
        SealError: if the salt does not have 32 bytes: an erased one must derive nothing.
        ValueError: if the shared secret is all zero, which no checked key gives (RFC 7748 6.1).
    """
    _require_salt(identity_salt)
    shared = root_key.exchange(X25519PublicKey.from_public_bytes(owner.to_x25519()))
    info = length_prefixed(
        IDENTITY_LABEL, root_version.to_bytes(4, "big"), deployment_id.encode(), owner.raw
    )
    HKDF(SHA256(), KEY_BYTES, identity_salt, info).derive_into(shared, buffer)


def derive_record_key(
    identity_key: bytes | memoryview,
    *,
    record_salt: bytes,
    namespace: str,
    name: str,
    version: int,
    label: str = RECORD_LABEL,
    attributes: bytes = b"",
) -> tuple[bytes, bytes]:
    """Return one blob's AES-256 key and its 32-byte key commitment.

    `label` says what is sealed. `attributes` are further bytes without which it does not open;
    where there are none, that part is absent, as it was before there were any.

    AES-GCM alone does not commit to its key: one ciphertext can be made to open under two. The
    commitment comes out of the same HKDF as the key; a second key would need a SHA-256 collision.

    Raises:
        SealError: if the salt does not have 32 bytes.
    """
    _require_salt(record_salt)
    info = (
        _beginning(label, namespace)
        + prefixed(name.encode())
        + prefixed(version.to_bytes(8, "big"))
    )
    if attributes:
        info += prefixed(attributes)
    okm = HKDF(SHA256(), KEY_BYTES + COMMITMENT_BYTES, record_salt, info).derive(identity_key)
    return okm[:KEY_BYTES], okm[KEY_BYTES:]


def derive_authority_key(
    root_key: X25519PrivateKey, *, root_version: int, deployment_id: str
) -> bytes:
    """Return the 32-byte key of the tags on rows that carry authority (docs/sealing.md)."""
    info = length_prefixed(AUTHORITY_LABEL, root_version.to_bytes(4, "big"), deployment_id.encode())
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(root_key.private_bytes_raw())


@functools.lru_cache(maxsize=256)
def _beginning(label: str, namespace: str) -> bytes:
    """Return what the `info` of all blobs of a kind in a namespace begins with."""
    return length_prefixed(label, namespace.encode())


def _require_salt(salt: bytes) -> None:
    # HMAC pads its key with zeros, so a shorter salt would share its keys with a padded one.
    if len(salt) != SALT_BYTES:
        raise SealError("A salt does not have 32 bytes, so no key was derived.")
