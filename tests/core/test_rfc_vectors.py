from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealwire.core.encoding import from_base64url
from sealwire.core.envelope import pae
from sealwire.core.keys import PrivateKey, PublicKey, is_key_id, thumbprint

RFC_8032 = json.loads((Path(__file__).parent / "vectors" / "rfc8032.json").read_text("utf-8"))

X25519_SCALAR_MULTIPLICATIONS = [  # RFC 7748 section 5.2
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
]

HKDF_CASES = [  # RFC 5869 appendix A.1 to A.3
    (
        bytes([0x0B]) * 22,
        bytes(range(0x0D)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        bytes([0x0B]) * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize("case", RFC_8032, ids=[case["name"] for case in RFC_8032])
def test_ed25519_signs_as_rfc_8032_does(case: dict[str, str]) -> None:
    message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
    key = PrivateKey.from_seed(bytes.fromhex(case["secret_key"]))
    assert key.public_key.raw.hex() == case["public_key"]
    assert key.sign(message) == signature
    key.public_key.verify(signature, message)


def test_the_rfc_8032_file_holds_the_five_vectors_of_section_7_1() -> None:
    names = [case["name"] for case in RFC_8032]
    assert names == ["TEST 1", "TEST 2", "TEST 3", "TEST 1024", "TEST SHA(abc)"]
    assert len(RFC_8032[3]["message"]) == 2 * 1023


def test_a_key_id_is_the_thumbprint_of_rfc_8037() -> None:  # appendix A.1 and A.3
    seed = from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    key = PrivateKey.from_seed(seed).public_key
    assert key.text == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert thumbprint(key.raw) == key.key_id
    assert is_key_id(key.key_id)


def test_ed25519_verifies_the_signature_of_rfc_8037() -> None:  # appendix A.4
    key = PublicKey.from_text("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    signature = from_base64url(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    key.verify(signature, b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc")


@pytest.mark.parametrize(("scalar", "u", "product"), X25519_SCALAR_MULTIPLICATIONS)
def test_x25519_multiplies_as_rfc_7748_does(scalar: str, u: str, product: str) -> None:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(scalar))
    assert private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(u))).hex() == product


def test_x25519_agrees_on_the_secret_of_rfc_7748() -> None:  # section 6.1
    alice = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    )
    bob = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    )
    assert alice.public_key().public_bytes_raw().hex() == (
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    )
    assert bob.public_key().public_bytes_raw().hex() == (
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    )
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.exchange(bob.public_key()).hex() == secret
    assert bob.exchange(alice.public_key()).hex() == secret


@pytest.mark.parametrize(("material", "salt", "info", "expected"), HKDF_CASES)
def test_hkdf_derives_as_rfc_5869_does(
    material: bytes, salt: bytes, info: bytes, expected: str
) -> None:
    size = len(expected) // 2
    assert HKDF(SHA256(), size, salt, info).derive(material).hex() == expected
    buffer = bytearray(size)
    HKDF(SHA256(), size, salt, info).derive_into(material, buffer)
    assert buffer.hex() == expected


def test_pae_is_that_of_the_dsse_protocol() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected
    assert pae("", b"") == b"DSSEv1 0  0 "
    assert pae("é", b"\0") == b"DSSEv1 2 \xc3\xa9 1 \0"  # lengths are of bytes
