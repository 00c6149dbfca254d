from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealwire.core.derivation import derive_record_key
from sealwire.core.errors import SealError
from sealwire.core.sealing import HEADER_BYTES, read_header, seal, unseal
from sealwire.core.stream_aead import decrypt
from tests.core.builders import ADDRESS, HeldKey, RepeatableRandom, held_key
from tests.core.ghash import salamander

NONCE = bytes(11) + b"\1"
KEYS = (held_key(), held_key(identity_salt=bytes(32)))


def record_key(key: HeldKey, salt: bytes) -> bytes:
    return derive_record_key(
        key.secret,
        record_salt=salt,
        namespace=ADDRESS.namespace,
        name=ADDRESS.name,
        version=ADDRESS.version,
    )[0]


def two_key_blob() -> tuple[bytes, tuple[bytes, bytes]]:
    """Return a blob that commits to the first of `KEYS`, and both record keys."""
    header = seal(KEYS[0], b"", address=ADDRESS, random=RepeatableRandom())[:HEADER_BYTES]
    salt = read_header(header).record_salt
    record_keys = record_key(KEYS[0], salt), record_key(KEYS[1], salt)
    return header + salamander(record_keys, NONCE, header), record_keys


def test_aes_gcm_alone_opens_one_ciphertext_under_two_keys() -> None:
    keys = (bytes([1]) * 32, bytes([2]) * 32)
    ciphertext = salamander(keys, NONCE, b"data")
    texts = {AESGCM(key).decrypt(NONCE, ciphertext, b"data") for key in keys}
    assert len(texts) == 2


def test_a_two_key_blob_opens_only_under_the_key_it_commits_to() -> None:  # case 68
    blob, record_keys = two_key_blob()
    ciphertext, header = memoryview(blob)[HEADER_BYTES:], blob[:HEADER_BYTES]
    texts = [decrypt(key, ciphertext, associated_data=header) for key in record_keys]
    assert texts[0] != texts[1]
    assert unseal(KEYS[0], blob, address=ADDRESS) == texts[0]
    with pytest.raises(SealError, match="commit"):
        unseal(KEYS[1], blob, address=ADDRESS)


def test_a_blob_that_commits_to_another_key_does_not_open() -> None:  # case 68
    blob = seal(KEYS[0], b"value", address=ADDRESS, random=RepeatableRandom())
    other = seal(KEYS[1], b"value", address=ADDRESS, random=RepeatableRandom())
    exchanged = blob[:74] + other[74:106] + blob[106:]
    for key in KEYS:
        with pytest.raises(SealError):
            unseal(key, exchanged, address=ADDRESS)
