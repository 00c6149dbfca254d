"""One sealed blob, byte by byte as docs/sealing.md has it: what was sealed once opens for ever."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealwire.core.derivation import derive_record_key
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import RecordAddress, seal, unseal
from tests.core.builders import HeldKey, held_key
from tests.core.edwards import to_montgomery

VECTOR = json.loads((Path(__file__).parent / "vectors" / "sealing.json").read_text("utf-8"))
ROOT_KEY = bytes.fromhex(VECTOR["root_key"])
OWNER = bytes.fromhex(VECTOR["owner"])
IDENTITY_SALT = bytes.fromhex(VECTOR["identity_salt"])
RECORD_SALT = bytes.fromhex(VECTOR["record_salt"])
PLAINTEXT = VECTOR["plaintext"].encode()
ADDRESS = RecordAddress(VECTOR["namespace"], VECTOR["name"], VECTOR["version"])


def identity_key() -> HeldKey:
    return held_key(
        PublicKey.from_bytes(OWNER),
        root_key=X25519PrivateKey.from_private_bytes(ROOT_KEY),
        root_version=VECTOR["root_version"],
        deployment_id=VECTOR["deployment_id"],
        identity_salt=IDENTITY_SALT,
    )


def hkdf(material: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 section 2, by hand."""
    key, block, output = hmac.digest(salt, material, "sha256"), b"", b""
    for counter in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:size]


def parts(*pieces: bytes) -> bytes:
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)


def test_the_core_seals_to_the_frozen_bytes() -> None:
    key = identity_key()
    record_key, commitment = derive_record_key(
        key.secret,
        record_salt=RECORD_SALT,
        namespace=ADDRESS.namespace,
        name=ADDRESS.name,
        version=ADDRESS.version,
    )
    blob = seal(key, PLAINTEXT, address=ADDRESS, random=lambda size: RECORD_SALT[:size])
    assert key.secret.hex() == VECTOR["identity_key"]
    assert record_key.hex() == VECTOR["record_key"]
    assert commitment.hex() == VECTOR["commitment"]
    assert blob.hex() == VECTOR["blob"]


def test_the_core_opens_the_frozen_bytes() -> None:
    assert unseal(identity_key(), bytes.fromhex(VECTOR["blob"]), address=ADDRESS) == PLAINTEXT


def test_the_frozen_bytes_follow_from_the_specification_alone() -> None:
    root = X25519PrivateKey.from_private_bytes(ROOT_KEY)
    shared = root.exchange(X25519PublicKey.from_public_bytes(to_montgomery(OWNER)))
    root_version = VECTOR["root_version"].to_bytes(4, "big")
    info = parts(b"sealwire/v1/identity-key", root_version, VECTOR["deployment_id"].encode(), OWNER)
    identity = hkdf(shared, IDENTITY_SALT, info, 32)
    info = parts(
        b"sealwire/v1/record-key",
        VECTOR["namespace"].encode(),
        VECTOR["name"].encode(),
        VECTOR["version"].to_bytes(8, "big"),
    )
    keys = hkdf(identity, RECORD_SALT, info, 64)
    header = b"SWSB\x01\x01" + root_version + OWNER + RECORD_SALT + keys[32:]
    chunk = AESGCM(keys[:32]).encrypt(bytes(11) + b"\x01", PLAINTEXT, header)
    assert (header + chunk).hex() == VECTOR["blob"]


@pytest.mark.parametrize("size", [65_536, 200_000])
def test_a_value_of_several_chunks_seals_to_frozen_bytes_too(size: int) -> None:
    text = hashlib.shake_256(b"several chunks").digest(size)
    blob = seal(identity_key(), text, address=ADDRESS, random=lambda count: RECORD_SALT[:count])
    assert hashlib.sha256(blob).hexdigest() == VECTOR["blob_sha256_by_size"][str(size)]
