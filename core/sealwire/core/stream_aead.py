"""AES-256-GCM in the STREAM construction: one format from an empty value to gigabytes.

Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (2015), section 7; the same shape as age's payload. Each chunk's 12-byte nonce is
an 11-byte big-endian counter and a byte that is 1 for the last chunk, so chunks can't be reordered,
dropped, repeated or cut off. A key must be used for one message only; then no nonce repeats.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealwire.core.errors import SealError

CHUNK_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
_SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES
_ONLY_CHUNK: Final = bytes(11) + b"\x01"


def encrypt(key: bytes, plaintext: bytes, *, associated_data: bytes) -> bytes:
    """Return the chunks of `plaintext`, each with its tag. An empty text is one empty chunk."""
    cipher = AESGCM(key)
    if len(plaintext) <= CHUNK_BYTES:  # most records: one chunk, and no time for a loop
        return cipher.encrypt(_ONLY_CHUNK, plaintext, associated_data)
    view = memoryview(plaintext)
    starts = range(0, max(len(view), 1), CHUNK_BYTES)
    return b"".join(
        cipher.encrypt(
            _nonce(index, len(starts)), view[start : start + CHUNK_BYTES], associated_data
        )
        for index, start in enumerate(starts)
    )


def decrypt(key: bytes, ciphertext: memoryview, *, associated_data: bytes) -> bytes:
    """Return the whole plaintext, or nothing of it.

    Raises:
        SealError: if any chunk was altered, moved, dropped, repeated or cut.
    """
    cipher = AESGCM(key)
    starts = range(0, max(len(ciphertext), 1), _SEALED_CHUNK_BYTES)
    try:
        plaintext = b"".join(
            cipher.decrypt(
                _nonce(index, len(starts)),
                ciphertext[start : start + _SEALED_CHUNK_BYTES],
                associated_data,
            )
            for index, start in enumerate(starts)
        )
    except InvalidTag:
        raise SealError("The sealed bytes do not open: they were altered, moved or cut.") from None
    if len(starts) > 1 and len(plaintext) == (len(starts) - 1) * CHUNK_BYTES:
        raise SealError("The sealed bytes end in an empty chunk, which no sealer writes.")
    return plaintext


def _nonce(index: int, count: int) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if index == count - 1 else b"\x00")
