"""Just enough arithmetic on edwards25519 (RFC 8032 section 5.1) to make keys and signatures bad."""

from __future__ import annotations

import hashlib
from typing import Final

import nacl.bindings as sodium

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
SIGN_BIT: Final = 1 << 255

IDENTITY: Final = (1).to_bytes(32, "little")
SMALL_ORDER: Final = (
    IDENTITY,
    (P - 1).to_bytes(32, "little"),  # order 2
    bytes(32),  # order 4
    SIGN_BIT.to_bytes(32, "little"),  # order 4
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),  # order 8
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
)
"""The eight points whose order divides 8, as RFC 8032 section 5.1.2 encodes them."""

NON_CANONICAL: Final = tuple(
    (y | sign).to_bytes(32, "little") for sign in (0, SIGN_BIT) for y in range(P, 2**255)
) + tuple((y | SIGN_BIT).to_bytes(32, "little") for y in (1, P - 1))
"""Every encoding with y >= p, and both that give x = 0 a sign; some are of small order."""


def is_on_curve(encoding: bytes) -> bool:
    """Tell whether a point has the y that the encoding states (by Euler's criterion)."""
    y = int.from_bytes(encoding, "little") % SIGN_BIT % P
    x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    return pow(x_squared, (P - 1) // 2, P) in (0, 1)


def negative(point: bytes) -> bytes:
    """Return -A: the same y, the other x."""
    return point[:31] + bytes([point[31] ^ 0x80])


def to_montgomery(point: bytes) -> bytes:
    """Return u = (1 + y) / (1 - y), the X25519 key of a point (RFC 7748 section 4.1)."""
    y = int.from_bytes(point, "little") % SIGN_BIT
    return ((1 + y) * pow(1 - y, -1, P) % P).to_bytes(32, "little")


def base_times(scalar: int) -> bytes:
    """Return the point scalar * B."""
    product: bytes = sodium.crypto_scalarmult_ed25519_base_noclamp(
        (scalar % L).to_bytes(32, "little")
    )
    return product


def add(one: bytes, other: bytes) -> bytes:
    """Return the sum of two points, of whatever order."""
    total: bytes = sodium.crypto_core_ed25519_add(one, other)
    return total


def sign_with_nonce(seed: bytes, message: bytes, *, point: bytes, scalar: int) -> bytes:
    """Return R ‖ S where R is `point` and S = scalar + SHA-512(R ‖ A ‖ M) * a.

    It is a true signature if `point` is scalar * B; else it holds at most where a verifier
    multiplies by the cofactor or reads R loosely.
    """
    public, _ = sodium.crypto_sign_seed_keypair(seed)
    secret = bytearray(hashlib.sha512(seed).digest()[:32])
    secret[0] &= 248
    secret[31] = secret[31] & 127 | 64
    challenge = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little")
    response = (scalar + challenge * int.from_bytes(secret, "little")) % L
    return point + response.to_bytes(32, "little")
