from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import PublicKey
from tests.core.wycheproof import Vector, vectors


def accepts(public_key: str, test: Vector) -> bool:
    try:
        key = PublicKey.from_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
    except (MalformedError, AuthenticationError):
        return False
    return True


def exchanged(test: Vector) -> str:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(test["private"]))
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(test["public"]))
    return private.exchange(public).hex()


def test_ed25519_accepts_every_valid_signature_and_nothing_else() -> None:
    # "Acceptable" ones stand under a small- or mixed-order key; here they are refused.
    counts = {"valid": 0, "acceptable": 0, "invalid": 0}
    for group, test in vectors("Signature", "ed25519_test.json"):
        counts[test["result"]] += 1
        accepted = accepts(group["publicKey"]["pk"], test)
        assert accepted == (test["result"] == "valid"), test["tcId"]
    assert counts["valid"] >= 100
    assert counts["acceptable"] >= 25
    assert counts["invalid"] >= 50


@pytest.mark.parametrize("flag", ["SmallOrderPublicKey", "MixedOrderPublicKey"])
def test_ed25519_keys_outside_the_prime_order_group_do_not_enter(flag: str) -> None:
    points = {
        group["publicKey"]["pk"]
        for group, test in vectors("Signature", "ed25519_test.json")
        if flag in test["flags"]
    }
    for point in points:
        with pytest.raises(MalformedError):
            PublicKey.from_bytes(bytes.fromhex(point))
    assert len(points) >= 8


def test_x25519_agrees_and_refuses_every_zero_shared_secret() -> None:
    agreed = refused = 0
    for _, test in vectors("Protocol", "x25519_test.json"):
        if "ZeroSharedSecret" in test["flags"]:
            with pytest.raises(ValueError, match="shared"):
                exchanged(test)
            refused += 1
        else:
            assert exchanged(test) == test["shared"], test["tcId"]
            agreed += 1
    assert agreed >= 450
    assert refused >= 30


def test_aes_256_gcm_agrees_and_refuses_every_altered_tag() -> None:
    opened = refused = 0
    for group, test in vectors("Cipher", "aes_gcm_test.json"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        cipher, nonce = AESGCM(bytes.fromhex(test["key"])), bytes.fromhex(test["iv"])
        plaintext, data = bytes.fromhex(test["msg"]), bytes.fromhex(test["aad"])
        sealed = bytes.fromhex(test["ct"] + test["tag"])
        if test["result"] == "valid":
            assert cipher.encrypt(nonce, plaintext, data) == sealed, test["tcId"]
            assert cipher.decrypt(nonce, sealed, data) == plaintext, test["tcId"]
            opened += 1
        else:
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, data)
            refused += 1
    assert opened >= 35
    assert refused >= 25


def test_hkdf_sha256_agrees_and_refuses_to_expand_too_far() -> None:
    agreed = refused = 0
    for _, test in vectors("Protocol", "hkdf_sha256_test.json"):
        salt, info = bytes.fromhex(test["salt"]), bytes.fromhex(test["info"])
        if test["result"] == "valid":
            hkdf = HKDF(SHA256(), test["size"], salt, info)
            assert hkdf.derive(bytes.fromhex(test["ikm"])).hex() == test["okm"], test["tcId"]
            agreed += 1
        else:
            with pytest.raises(ValueError, match="larger"):
                HKDF(SHA256(), test["size"], salt, info)
            refused += 1
    assert agreed >= 80
    assert refused >= 3
