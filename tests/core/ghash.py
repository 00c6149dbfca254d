"""GHASH (NIST SP 800-38D section 6.4), to make one ciphertext that opens under two AES-GCM keys.

Grubbs, Lu, Ristenpart, "Message Franking via Committing Authenticated Encryption" (2017), and
Dodis, Grubbs, Ristenpart, Woodage, "Fast Message Franking" (2018), which named it a salamander.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

BLOCK: Final = 16
_REDUCTION: Final = 0xE1 << 120


def salamander(
    keys: tuple[bytes, bytes], nonce: bytes, associated_data: bytes, *, blocks: int = 4
) -> bytes:
    """Return a ciphertext with its tag that AES-GCM accepts under both keys.

    Both tags are polynomials in the ciphertext's blocks, so one block can be solved for.
    """
    hash_keys = [_cipher_block(key, bytes(BLOCK)) for key in keys]
    masks = [_cipher_block(key, nonce + b"\0\0\0\1") for key in keys]
    zeros = bytes(blocks * BLOCK)
    tags = [
        _ghash(h, associated_data, zeros) ^ mask for h, mask in zip(hash_keys, masks, strict=True)
    ]
    # The first block is multiplied by H to the power of the blocks after it, and the length.
    first, second = (_power(h, blocks + 1) for h in hash_keys)
    block = _multiply(tags[0] ^ tags[1], _inverse(first ^ second))
    ciphertext = block.to_bytes(BLOCK, "big") + zeros[BLOCK:]
    tag = _ghash(hash_keys[0], associated_data, ciphertext) ^ masks[0]
    return ciphertext + tag.to_bytes(BLOCK, "big")


def _cipher_block(key: bytes, block: bytes) -> int:
    keystream = Cipher(AES(key), CTR(block)).encryptor().update(bytes(BLOCK))
    return int.from_bytes(keystream, "big")


def _ghash(h: int, associated_data: bytes, ciphertext: bytes) -> int:
    lengths = b"".join((8 * len(part)).to_bytes(8, "big") for part in (associated_data, ciphertext))
    padded = b"".join(part + bytes(-len(part) % BLOCK) for part in (associated_data, ciphertext))
    data, total = padded + lengths, 0
    for start in range(0, len(data), BLOCK):
        total = _multiply(total ^ int.from_bytes(data[start : start + BLOCK], "big"), h)
    return total


def _multiply(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_REDUCTION if y & 1 else 0)
    return product


def _power(x: int, exponent: int) -> int:
    product = 1 << 127
    for bit in f"{exponent:b}":
        product = _multiply(product, product)
        if bit == "1":
            product = _multiply(product, x)
    return product


def _inverse(x: int) -> int:
    return _power(x, 2**128 - 2)
