"""docs/sealing.md sections 2 to 7, checked by an implementation that was written from it."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.docs.handmade_sealing import (
    CHUNK,
    HEADER,
    Address,
    RefusedError,
    Sealer,
    hkdf,
    nonce,
    prefixed,
    to_x25519,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "sealing.md").read_text(encoding="utf-8")
BYTES = re.sub(r"\s", "", TEXT)
VECTORS: dict[str, Any] = json.loads((DOCS / "vectors" / "sealing.json").read_text("utf-8"))
STEPS = {name: bytes.fromhex(value) for name, value in VECTORS["steps"].items()}
DEPLOYMENT_ID: str = VECTORS["deployment_id"]
ROOT_VERSION: int = VECTORS["root_version"]
TAG: dict[str, Any] = VECTORS["tag"]
EXAMPLES = {example["name"]: example for example in VECTORS["examples"]}
PLAINTEXTS = {
    "empty": b"",
    "short": b"hello, world",
    "two-chunks": bytes(index % 251 for index in range(65_537)),
}
SEALER = Sealer(
    STEPS["root_key"], ROOT_VERSION, DEPLOYMENT_ID, STEPS["owner"], STEPS["identity_salt"]
)
ADDRESS = Address("sealwire/v1/record-key", **VECTORS["address"])


def seal(plaintext: bytes) -> bytes:
    return SEALER.seal(plaintext, ADDRESS, salt=STEPS["record_salt"])


def test_the_root_keys_public_half_is_the_documents() -> None:
    root = X25519PrivateKey.from_private_bytes(STEPS["root_key"])
    assert root.public_key().public_bytes_raw() == STEPS["root_public_key"]


def test_the_owners_x25519_key_and_the_shared_secret_follow() -> None:
    root = X25519PrivateKey.from_private_bytes(STEPS["root_key"])
    assert to_x25519(STEPS["owner"]) == STEPS["owner_as_x25519"]
    shared = root.exchange(X25519PublicKey.from_public_bytes(STEPS["owner_as_x25519"]))
    assert shared == STEPS["shared_secret"]


def test_the_identity_key_follows() -> None:
    key = SEALER.identity_key
    assert key == STEPS["identity_key"]
    assert hkdf(STEPS["identity_salt"], STEPS["shared_secret"], STEPS["identity_info"], 32) == key


def test_the_record_key_and_the_commitment_follow() -> None:
    found = SEALER.record_key(STEPS["record_salt"], ADDRESS)
    assert ADDRESS.info == STEPS["record_info"]
    assert found == (STEPS["record_key"], STEPS["commitment"])
    output = hkdf(STEPS["record_salt"], STEPS["identity_key"], STEPS["record_info"], 64)
    assert output == b"".join(found)


def test_a_key_and_its_negative_share_the_x25519_key_but_not_the_identity_key() -> None:
    owner = STEPS["owner"]
    negative = owner[:31] + bytes([owner[31] ^ 0x80])
    assert to_x25519(negative) == to_x25519(owner)
    assert dataclasses.replace(SEALER, owner=negative).identity_key != STEPS["identity_key"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_examples_blob_follows_from_its_plaintext(name: str) -> None:
    example, blob = EXAMPLES[name], seal(PLAINTEXTS[name])
    assert hashlib.sha256(PLAINTEXTS[name]).hexdigest() == example["plaintext_sha256"]
    assert hashlib.sha256(blob).hexdigest() == example["blob_sha256"]
    assert example["blob"] in {"", blob.hex()}
    assert blob[:HEADER] == STEPS["header"]
    assert SEALER.opened(blob, ADDRESS) == PLAINTEXTS[name]


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
        SEALER.opened(bytes.fromhex(case["blob"]), ADDRESS)


def test_an_empty_last_chunk_does_not_open() -> None:
    blob = seal(bytes(2 * CHUNK))
    header, secret = blob[:HEADER], STEPS["record_key"]
    chunks = [
        AESGCM(secret).encrypt(nonce(0, last=False), bytes(CHUNK), header),
        AESGCM(secret).encrypt(nonce(1, last=True), b"", header),
    ]
    with pytest.raises(RefusedError, match="7"):
        SEALER.opened(header + b"".join(chunks), ADDRESS)


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


def test_the_document_states_the_labels_and_their_lengths() -> None:
    stated = dict(re.findall(r"^\| `(sealwire/v1/[a-z-]+)` \| (\d+) \|$", TEXT, re.MULTILINE))
    assert {label: len(label) for label in stated} == {k: int(v) for k, v in stated.items()}
    used = set(re.findall(r'LP\("(sealwire/v1/[a-z-]+)"', TEXT))
    used |= set(re.findall(r"\| `(sealwire/v1/[a-z-]+)` \| [^|]*[a-z]", TEXT))
    assert used == set(stated)
