"""The sealed blob: what storage holds in place of a value (docs/sealing.md section 3).

    offset  bytes
    0       4      magic "SWSB"
    4       1      format version, 1
    5       1      suite, 1 = X25519, HKDF-SHA256, AES-256-GCM STREAM
    6       4      root key version, big-endian
    10      32     owner's Ed25519 public key
    42      32     record salt
    74      32     key commitment
    106     ...    chunks

The first 106 bytes are the associated data of every chunk.
"""

from __future__ import annotations

import enum
import hmac
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple, NewType, Protocol

from sealwire.core.derivation import (
    ANSWER_LABEL,
    METADATA_LABEL,
    NAME_INDEX_LABEL,
    NAME_LABEL,
    RECORD_LABEL,
    SALT_BYTES,
    derive_record_key,
)
from sealwire.core.errors import MalformedError, SealError
from sealwire.core.keys import PublicKey, Random
from sealwire.core.stream_aead import decrypt, encrypt

SealedBlob = NewType("SealedBlob", bytes)
"""Ciphertext. Storage takes nothing else, and only `seal` makes it."""

MAGIC: Final = b"SWSB"
FORMAT_VERSION: Final = 1
SUITE: Final = 1
_SEALED_TO: Final = struct.Struct(">4sBBI32s")
_HEADER: Final = struct.Struct(_SEALED_TO.format + "32s32s")
HEADER_BYTES: Final = _HEADER.size


class Purpose(enum.StrEnum):
    """What a blob holds; one that was sealed for one purpose does not open for another."""

    VALUE = RECORD_LABEL
    METADATA = METADATA_LABEL
    NAME = NAME_LABEL
    NAME_INDEX = NAME_INDEX_LABEL
    ANSWER = ANSWER_LABEL


class RecordAddress(NamedTuple):
    """What a blob is bound to besides its owner: it opens here and nowhere else."""

    namespace: str
    name: str
    version: int
    purpose: Purpose = Purpose.VALUE
    attributes: bytes = b""


@dataclass(frozen=True, slots=True)
class SealHeader:
    """What the first 106 bytes of a blob say."""

    root_version: int
    owner: PublicKey
    record_salt: bytes
    commitment: bytes


class IdentityKey(Protocol):
    """An identity's derived key, while it is held in memory."""

    @property
    def root_version(self) -> int:
        """The version of the root key that it was derived from."""
        ...

    @property
    def owner(self) -> PublicKey:
        """The public key that it was derived for."""
        ...

    @property
    def secret(self) -> bytes | memoryview:
        """The 32 bytes."""
        ...


def seal(
    key: IdentityKey, plaintext: bytes, *, address: RecordAddress, random: Random
) -> SealedBlob:
    """Return `plaintext` sealed to the key's owner at `address`, under a key used this once."""
    salt = random(SALT_BYTES)
    record_key, commitment = _record_key(key, salt, address)
    header = _HEADER.pack(
        MAGIC, FORMAT_VERSION, SUITE, key.root_version, key.owner.raw, salt, commitment
    )
    return SealedBlob(header + encrypt(record_key, plaintext, associated_data=header))


def read_header(blob: bytes) -> SealHeader:
    """Return what a blob says about itself; nothing of it is authenticated before `unseal`.

    Raises:
        SealError: for a cut header, or a format or suite that this version does not know.
    """
    if len(blob) < HEADER_BYTES:
        raise SealError("The sealed bytes are shorter than their header.")
    magic, version, suite, root_version, owner, salt, commitment = _HEADER.unpack_from(blob)
    if (magic, version, suite) != (MAGIC, FORMAT_VERSION, SUITE):
        raise SealError("The sealed bytes are of a format or suite that this version refuses.")
    try:
        owner_key = PublicKey.from_bytes(owner)
    except MalformedError:
        raise SealError("The sealed bytes name an owner key that can't be one.") from None
    return SealHeader(root_version, owner_key, salt, commitment)


def is_sealed_to(blob: bytes, owner: PublicKey, *, root_version: int) -> bool:
    """Tell whether a blob, or its header, names this owner and root key in this format.

    Nothing of it is authenticated; a blob that is damaged further on is not found out.
    """
    return blob.startswith(_SEALED_TO.pack(MAGIC, FORMAT_VERSION, SUITE, root_version, owner.raw))


def unseal(key: IdentityKey, blob: bytes, *, address: RecordAddress) -> bytes:
    """Return the plaintext of a blob that `seal` made with this key for this address.

    Raises:
        SealError: if the blob was altered, cut, moved, or sealed to another key or root.
    """
    header = read_header(blob)
    if (header.root_version, header.owner) != (key.root_version, key.owner):
        raise SealError("The sealed bytes belong to another owner or root key.")
    record_key, commitment = _record_key(key, header.record_salt, address)
    if not hmac.compare_digest(commitment, header.commitment):
        raise SealError("The sealed bytes do not commit to this key: moved, or altered.")
    view = memoryview(blob)
    return decrypt(record_key, view[HEADER_BYTES:], associated_data=blob[:HEADER_BYTES])


def _record_key(key: IdentityKey, salt: bytes, address: RecordAddress) -> tuple[bytes, bytes]:
    return derive_record_key(
        key.secret,
        record_salt=salt,
        namespace=address.namespace,
        name=address.name,
        version=address.version,
        label=address.purpose,
        attributes=address.attributes,
    )
