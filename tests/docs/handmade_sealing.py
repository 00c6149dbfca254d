"""docs/sealing.md, implemented from that document alone, without our code.

It says of a blob which row of section 3.3 refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

P = 2**255 - 19
HEADER = 106
CHUNK = 65_536
TAG = 16


class RefusedError(Exception):
    """The blob does not open; the text says at which row of section 3.3."""


class Address(NamedTuple):
    """Sections 2.5 and 8: what is sealed, and where it belongs."""

    label: str
    namespace: str
    name: str
    version: int
    attributes: bytes = b""

    @property
    def info(self) -> bytes:
        """What a blob's key depends on."""
        parts = [
            self.label.encode(),
            self.namespace.encode(),
            self.name.encode(),
            u64(self.version),
        ]
        return prefixed(*parts, *([self.attributes] if self.attributes else []))


def hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256."""
    key = hmac.digest(salt, secret, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:size]


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def prefixed(*parts: bytes) -> bytes:
    """Section 2.1."""
    return b"".join(u32(len(part)) + part for part in parts)


def to_x25519(ed25519: bytes) -> bytes:
    """Section 2.2."""
    y = int.from_bytes(ed25519, "little") % 2**255
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


def nonce(index: int, *, last: bool) -> bytes:
    """Section 3.1."""
    return index.to_bytes(11, "big") + bytes([last])


@dataclass(frozen=True)
class Sealer:
    """Seals and opens with one root key for one owner."""

    root_key: bytes
    root_version: int
    deployment_id: str
    owner: bytes
    identity_salt: bytes

    @property
    def identity_key(self) -> bytes:
        """Section 2.3."""
        root = X25519PrivateKey.from_private_bytes(self.root_key)
        shared = root.exchange(X25519PublicKey.from_public_bytes(to_x25519(self.owner)))
        parts = [u32(self.root_version), self.deployment_id.encode(), self.owner]
        info = prefixed(b"sealwire/v1/identity-key", *parts)
        return hkdf(self.identity_salt, shared, info, 32)

    def record_key(self, salt: bytes, address: Address) -> tuple[bytes, bytes]:
        """Section 2.5: the key and the commitment."""
        output = hkdf(salt, self.identity_key, address.info, 64)
        return output[:32], output[32:]

    def seal(self, plaintext: bytes, address: Address, *, salt: bytes) -> bytes:
        """Section 3."""
        secret, commitment = self.record_key(salt, address)
        header = b"SWSB\x01\x01" + u32(self.root_version) + self.owner + salt + commitment
        chunks = _cut(plaintext, CHUNK)
        return header + b"".join(
            AESGCM(secret).encrypt(nonce(index, last=index == len(chunks) - 1), chunk, header)
            for index, chunk in enumerate(chunks)
        )

    def opened(self, blob: bytes, address: Address) -> bytes:
        """Section 3.3."""
        if len(blob) < HEADER:
            raise RefusedError("1")
        header, sealed = blob[:HEADER], blob[HEADER:]
        if header[:6] != b"SWSB\x01\x01":
            raise RefusedError("2")
        if header[6:42] != u32(self.root_version) + self.owner:
            raise RefusedError("4")
        secret, commitment = self.record_key(header[42:74], address)
        if not hmac.compare_digest(commitment, header[74:]):
            raise RefusedError("5")
        chunks = _cut(sealed, CHUNK + TAG)
        try:
            plain = [
                AESGCM(secret).decrypt(nonce(index, last=index == len(chunks) - 1), chunk, header)
                for index, chunk in enumerate(chunks)
            ]
        except InvalidTag:
            raise RefusedError("6") from None
        if len(plain) > 1 and not plain[-1]:
            raise RefusedError("7")
        return b"".join(plain)


def metadata_bytes(content_type: str, labels: dict[str, str]) -> bytes:
    """Section 8.1."""
    pairs = ",".join(f"{_json(key)}:{_json(labels[key])}" for key in sorted(labels))
    return f'{{"content_type":{_json(content_type)},"labels":{{{pairs}}}}}'.encode("ascii")


def attributes(*, expires_at: int, metadata: bytes) -> bytes:
    """Section 8.2."""
    digest = hashlib.sha256(metadata).digest()
    return prefixed(b"sealwire/v1/attributes", u64(expires_at), digest)


def stored_name(name_key: bytes, name: str) -> str:
    """Section 8.3."""
    mac = hmac.digest(name_key, prefixed(b"sealwire/v1/stored-name", name.encode()), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def request_digest(method: str, body: bytes) -> bytes:
    """Section 8.1."""
    parts = prefixed(b"sealwire/v1/answered-request", method.encode(), body)
    return hashlib.sha256(parts).digest()


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


def _json(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isascii():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
