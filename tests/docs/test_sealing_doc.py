"""docs/sealing.md, checked by an implementation that was written from it and is in this file."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "sealing.md").read_text(encoding="utf-8")
BYTES = re.sub(r"\s", "", TEXT)
VECTORS: dict[str, Any] = json.loads((DOCS / "vectors" / "sealing.json").read_text("utf-8"))
STEPS = {name: bytes.fromhex(value) for name, value in VECTORS["steps"].items()}
ADDRESS = (VECTORS["address"]["namespace"], VECTORS["address"]["name"])
VERSION: int = VECTORS["address"]["version"]
DEPLOYMENT_ID: str = VECTORS["deployment_id"]
ROOT_VERSION: int = VECTORS["root_version"]
TAG: dict[str, Any] = VECTORS["tag"]
EXAMPLES = {example["name"]: example for example in VECTORS["examples"]}
PLAINTEXTS = {
    "empty": b"",
    "short": b"hello, world",
    "two-chunks": bytes(index % 251 for index in range(65_537)),
}
P = 2**255 - 19
HEADER = 106
CHUNK = 65_536


class RefusedError(Exception):
    """The blob does not open; the text says at which row of section 3.3."""


def hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256."""
    key = hmac.digest(salt, secret, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:size]


def prefixed(*parts: bytes) -> bytes:
    """Section 2.1."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def to_x25519(ed25519: bytes) -> bytes:
    """Section 2.2."""
    y = int.from_bytes(ed25519, "little") % 2**255
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


def identity_key(owner: bytes, salt: bytes, root_version: int) -> bytes:
    """Section 2.3."""
    root = X25519PrivateKey.from_private_bytes(STEPS["root_key"])
    shared = root.exchange(X25519PublicKey.from_public_bytes(to_x25519(owner)))
    version = root_version.to_bytes(4, "big")
    info = prefixed(b"sealwire/v1/identity-key", version, DEPLOYMENT_ID.encode(), owner)
    return hkdf(salt, shared, info, 32)


def record_key(key: bytes, salt: bytes, version: int) -> tuple[bytes, bytes]:
    """Section 2.5."""
    namespace, name = ADDRESS
    info = prefixed(
        b"sealwire/v1/record-key", namespace.encode(), name.encode(), version.to_bytes(8, "big")
    )
    output = hkdf(salt, key, info, 64)
    return output[:32], output[32:]


def nonce(index: int, *, last: bool) -> bytes:
    """Section 3.1."""
    return index.to_bytes(11, "big") + bytes([last])


def seal(plaintext: bytes) -> bytes:
    """Section 3, with the examples' keys and salts."""
    key = identity_key(STEPS["owner"], STEPS["identity_salt"], ROOT_VERSION)
    secret, commitment = record_key(key, STEPS["record_salt"], VERSION)
    root_version = ROOT_VERSION.to_bytes(4, "big")
    header = b"SWSB\x01\x01" + root_version + STEPS["owner"] + STEPS["record_salt"] + commitment
    chunks = [plaintext[at : at + CHUNK] for at in range(0, len(plaintext), CHUNK)] or [b""]
    return header + b"".join(
        AESGCM(secret).encrypt(nonce(index, last=index == len(chunks) - 1), chunk, header)
        for index, chunk in enumerate(chunks)
    )


def opened(blob: bytes) -> bytes:
    """Section 3.3, at the examples' address."""
    if len(blob) < HEADER:
        raise RefusedError("1")
    header, sealed = blob[:HEADER], blob[HEADER:]
    if header[:6] != b"SWSB\x01\x01":
        raise RefusedError("2")
    root_version, owner = int.from_bytes(header[6:10], "big"), header[10:42]
    if (root_version, owner) != (ROOT_VERSION, STEPS["owner"]):
        raise RefusedError("4")
    key = identity_key(owner, STEPS["identity_salt"], root_version)
    secret, commitment = record_key(key, header[42:74], VERSION)
    if not hmac.compare_digest(commitment, header[74:]):
        raise RefusedError("5")
    chunks = [sealed[at : at + CHUNK + 16] for at in range(0, len(sealed), CHUNK + 16)] or [b""]
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


def test_the_root_keys_public_half_is_the_documents() -> None:
    root = X25519PrivateKey.from_private_bytes(STEPS["root_key"])
    assert root.public_key().public_bytes_raw() == STEPS["root_public_key"]


def test_the_owners_x25519_key_and_the_shared_secret_follow() -> None:
    root = X25519PrivateKey.from_private_bytes(STEPS["root_key"])
    assert to_x25519(STEPS["owner"]) == STEPS["owner_as_x25519"]
    shared = root.exchange(X25519PublicKey.from_public_bytes(STEPS["owner_as_x25519"]))
    assert shared == STEPS["shared_secret"]


def test_the_identity_key_follows() -> None:
    key = identity_key(STEPS["owner"], STEPS["identity_salt"], ROOT_VERSION)
    assert key == STEPS["identity_key"]
    assert hkdf(STEPS["identity_salt"], STEPS["shared_secret"], STEPS["identity_info"], 32) == key


def test_the_record_key_and_the_commitment_follow() -> None:
    found = record_key(STEPS["identity_key"], STEPS["record_salt"], VERSION)
    assert found == (STEPS["record_key"], STEPS["commitment"])
    output = hkdf(STEPS["record_salt"], STEPS["identity_key"], STEPS["record_info"], 64)
    assert output == b"".join(found)


def test_a_key_and_its_negative_share_the_x25519_key_but_not_the_identity_key() -> None:
    owner = STEPS["owner"]
    negative = owner[:31] + bytes([owner[31] ^ 0x80])
    assert to_x25519(negative) == to_x25519(owner)
    assert identity_key(negative, STEPS["identity_salt"], 1) != STEPS["identity_key"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_examples_blob_follows_from_its_plaintext(name: str) -> None:
    example, blob = EXAMPLES[name], seal(PLAINTEXTS[name])
    assert hashlib.sha256(PLAINTEXTS[name]).hexdigest() == example["plaintext_sha256"]
    assert hashlib.sha256(blob).hexdigest() == example["blob_sha256"]
    assert example["blob"] in {"", blob.hex()}
    assert blob[:HEADER] == STEPS["header"]
    assert opened(blob) == PLAINTEXTS[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_examples_chunks_have_the_nonces_tags_and_sizes_of_the_document(name: str) -> None:
    example, blob = EXAMPLES[name], seal(PLAINTEXTS[name])
    count = max(1, -(-example["plaintext_size"] // CHUNK))
    ends = [min(HEADER + (CHUNK + 16) * (index + 1), len(blob)) for index in range(count)]
    nonces = [nonce(index, last=index == count - 1).hex() for index in range(count)]
    assert example["blob_size"] == len(blob) == HEADER + len(PLAINTEXTS[name]) + 16 * count
    assert example["tags"] == [blob[end - 16 : end].hex() for end in ends]
    assert example["nonces"] == nonces


@pytest.mark.parametrize("name", STEPS)
def test_the_document_shows_a_step(name: str) -> None:
    assert VECTORS["steps"][name] in BYTES


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_document_shows_an_example(name: str) -> None:
    example = EXAMPLES[name]
    shown = [example["blob"], example["blob_sha256"], *example["nonces"], *example["tags"]]
    assert [value for value in shown if value not in BYTES] == []


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: str(case["name"]))
def test_a_refused_blob_does_not_open(case: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        opened(bytes.fromhex(case["blob"]))


def test_an_empty_last_chunk_does_not_open() -> None:
    blob = seal(bytes(2 * CHUNK))
    header, secret = blob[:HEADER], STEPS["record_key"]
    chunks = [
        AESGCM(secret).encrypt(nonce(0, last=False), bytes(CHUNK), header),
        AESGCM(secret).encrypt(nonce(1, last=True), b"", header),
    ]
    with pytest.raises(RefusedError, match="7"):
        opened(header + b"".join(chunks))


def encoded(value: str | int | None) -> bytes:
    """Section 7.2; the vectors write blobs in hexadecimal."""
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    return b"s" + value.encode()


def tag(row: dict[str, Any]) -> bytes:
    """Section 7."""
    version = ROOT_VERSION.to_bytes(4, "big")
    info = prefixed(b"sealwire/v1/authority-key", version, DEPLOYMENT_ID.encode())
    key = hkdf(bytes(32), STEPS["root_key"], info, 32)
    parts = [b"sealwire/v1/authority-tag", TAG["table"].encode()]
    for column in sorted(TAG["columns"], key=str.encode):
        value = row.get(column)
        blob = b"b" + bytes.fromhex(str(value)) if column == "public_key" else encoded(value)
        parts += [column.encode(), blob]
    return version + hmac.digest(key, prefixed(*parts), "sha256")


def test_the_tag_of_the_example_follows_from_its_row() -> None:
    assert tag(TAG["row"]).hex() == TAG["tag"]
    assert len(TAG["tag"]) == 2 * 36
    assert TAG["row"]["public_key"] == STEPS["owner"].hex()


@pytest.mark.parametrize("column", TAG["columns"])
def test_the_tag_covers_each_column(column: str) -> None:
    present = TAG["row"].get(column)
    other: str | int = "00" if isinstance(present, str) else 7
    assert tag({**TAG["row"], column: other}).hex() != TAG["tag"]


@pytest.mark.parametrize("name", ["info", "authority_key", "message", "tag"])
def test_the_document_shows_a_step_to_the_tag(name: str) -> None:
    assert TAG[name] in BYTES


@pytest.mark.parametrize(
    ("label", "size"),
    [
        ("sealwire/v1/identity-key", 24),
        ("sealwire/v1/record-key", 22),
        ("sealwire/v1/authority-key", 25),
        ("sealwire/v1/authority-tag", 25),
    ],
)
def test_the_document_states_the_labels_and_their_lengths(label: str, size: int) -> None:
    assert len(label) == size
    assert f"| `{label}` | {size} |" in TEXT
