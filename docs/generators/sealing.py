"""The worked examples of docs/sealing.md, made with the code that seals real records."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from docs.generators import sealed_parts, tags
from docs.generators.fixed import DEPLOYMENT_ID, IDENTITY_SALT, RECORD_SALT, ROOT_KEY
from docs.generators.identity_key import OWNER, ROOT, ROOT_VERSION, identity_key
from docs.generators.rendering import Json, fenced, pretty_json, titled
from sealwire.core.derivation import (
    IDENTITY_LABEL,
    RECORD_LABEL,
    derive_record_key,
)
from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import HEADER_BYTES, RecordAddress, seal, unseal
from sealwire.core.stream_aead import CHUNK_BYTES, TAG_BYTES

ADDRESS: Final = RecordAddress("notes", "hello", 1)


@dataclass(frozen=True, slots=True)
class Example:
    """One value, sealed."""

    name: str
    plaintext: bytes

    @property
    def blob(self) -> bytes:
        """The sealed blob."""
        return seal(identity_key(), self.plaintext, address=ADDRESS, random=lambda _: RECORD_SALT)

    @property
    def chunks(self) -> list[bytes]:
        """The sealed chunks, each with its tag."""
        size = CHUNK_BYTES + TAG_BYTES
        body = self.blob[HEADER_BYTES:]
        return [body[start : start + size] for start in range(0, len(body), size)]

    def vector(self) -> dict[str, Json]:
        """Return everything, for programs; what is long, as its digest."""
        count = len(self.chunks)
        return {
            "name": self.name,
            "plaintext_size": len(self.plaintext),
            "plaintext_sha256": _sha256(self.plaintext),
            "nonces": [_nonce(index, count).hex() for index in range(count)],
            "tags": [chunk[-TAG_BYTES:].hex() for chunk in self.chunks],
            "blob_size": len(self.blob),
            "blob_sha256": _sha256(self.blob),
            "blob": self.blob.hex() if count == 1 else "",
        }

    def text(self) -> str:
        """Return everything, for people; what is long, as its digest."""
        count = len(self.chunks)
        lines = [
            f"chunk {index}  nonce {_nonce(index, count).hex()}  tag {chunk[-TAG_BYTES:].hex()}"
            for index, chunk in enumerate(self.chunks)
        ]
        lines.append(f"blob     {len(self.blob)} bytes, SHA-256 {_sha256(self.blob)}")
        shown = [fenced(lines)] + ([titled("Blob", self.blob)] if count == 1 else [])
        return "\n\n".join(shown)


EXAMPLES: Final = (
    Example("empty", b""),
    Example("short", b"hello, world"),
    Example("two-chunks", bytes(index % 251 for index in range(CHUNK_BYTES + 1))),
)


def steps() -> dict[str, bytes]:
    """Return every value on the way from the inputs to a record key, by name."""
    version = ROOT_VERSION.to_bytes(4, "big")
    record_key, commitment = derive_record_key(
        identity_key().secret,
        record_salt=RECORD_SALT,
        namespace=ADDRESS.namespace,
        name=ADDRESS.name,
        version=ADDRESS.version,
    )
    return {
        "root key": ROOT_KEY,
        "root public key": ROOT.public_key().public_bytes_raw(),
        "owner": OWNER.raw,
        "owner as X25519": OWNER.to_x25519(),
        "shared secret": ROOT.exchange(X25519PublicKey.from_public_bytes(OWNER.to_x25519())),
        "identity salt": IDENTITY_SALT,
        "identity info": length_prefixed(
            IDENTITY_LABEL, version, DEPLOYMENT_ID.encode(), OWNER.raw
        ),
        "identity key": identity_key().secret,
        "record salt": RECORD_SALT,
        "record info": length_prefixed(
            RECORD_LABEL,
            ADDRESS.namespace.encode(),
            ADDRESS.name.encode(),
            ADDRESS.version.to_bytes(8, "big"),
        ),
        "record key": record_key,
        "commitment": commitment,
        "header": EXAMPLES[0].blob[:HEADER_BYTES],
    }


def steps_text() -> str:
    """Return the steps, and the inputs that are not bytes."""
    lines = [
        f"deployment id    {DEPLOYMENT_ID}",
        f"root key version {ROOT_VERSION}",
        f"address          {ADDRESS.namespace!r}, {ADDRESS.name!r}, version {ADDRESS.version}",
    ]
    lines += [f"{name:<16} {value.hex()}" for name, value in steps().items()]
    return fenced(lines)


def refused() -> list[Json]:
    """Return blobs that don't open at the examples' address, made from the short one."""
    blob = EXAMPLES[1].blob
    moved = seal(
        identity_key(),
        EXAMPLES[1].plaintext,
        address=RecordAddress("notes", "hello", 2),
        random=lambda _: RECORD_SALT,
    )
    cases = [
        ("another magic", b"X" + blob[1:]),
        ("another format version", blob[:4] + b"\x02" + blob[5:]),
        ("another suite", blob[:5] + b"\x02" + blob[6:]),
        ("another root key version", blob[:9] + b"\x02" + blob[10:]),
        ("another owner", blob[:10] + PublicKey.from_bytes(_other_owner()).raw + blob[42:]),
        ("another record salt", _flipped(blob, 42)),
        ("another commitment", _flipped(blob, 74)),
        ("another ciphertext", _flipped(blob, HEADER_BYTES)),
        ("another tag", _flipped(blob, len(blob) - 1)),
        ("cut by one byte", blob[:-1]),
        ("a header alone", blob[:HEADER_BYTES]),
        ("a cut header", blob[: HEADER_BYTES - 1]),
        ("a byte too many", blob + b"\x00"),
        ("sealed for another version", moved),
    ]
    for name, damaged in cases:
        if _opens(damaged):
            raise AssertionError(f"our own code opens {name}")
    return [{"name": name, "blob": damaged.hex()} for name, damaged in cases]


def vectors() -> str:
    """Return docs/vectors/sealing.json."""
    return pretty_json(
        {
            "about": (
                "docs/sealing.md sections 6 to 8. Bytes are hexadecimal. Byte i of the plaintext"
                " of two-chunks is i mod 251."
            ),
            "deployment_id": DEPLOYMENT_ID,
            "root_version": ROOT_VERSION,
            "address": {
                "namespace": ADDRESS.namespace,
                "name": ADDRESS.name,
                "version": ADDRESS.version,
            },
            "steps": {
                name.lower().replace(" ", "_"): value.hex() for name, value in steps().items()
            },
            "examples": [example.vector() for example in EXAMPLES],
            "refused": refused(),
            "tag": tags.vector(),
            "parts": sealed_parts.vector(),
        }
    )


def _opens(blob: bytes) -> bool:
    try:
        unseal(identity_key(), blob, address=ADDRESS)
    except SealError:
        return False
    return True


def _other_owner() -> bytes:
    """Return the owner's negative: another key with the same X25519 equivalent."""
    return OWNER.raw[:-1] + bytes([OWNER.raw[-1] ^ 0x80])


def _flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def _nonce(index: int, count: int) -> bytes:
    return index.to_bytes(11, "big") + bytes([index == count - 1])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "sealing-steps": steps_text,
    "sealing-empty": EXAMPLES[0].text,
    "sealing-short": EXAMPLES[1].text,
    "sealing-two-chunks": EXAMPLES[2].text,
    "sealing-tag": tags.text,
    "sealing-part-inputs": sealed_parts.inputs_text,
    **{
        f"sealing-part-{part.slug}": functools.partial(sealed_parts.part_text, part.name)
        for part in sealed_parts.parts()
    },
}
FILES: Final[Mapping[str, Callable[[], str]]] = {"vectors/sealing.json": vectors}
