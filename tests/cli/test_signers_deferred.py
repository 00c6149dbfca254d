"""A key that is opened when it is first used: once, and only as the enrolled one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sealwire.client.signers import DeferredSigner, SignerError
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import PrivateKey
from tests.cli.agents import new_key

ALICE = new_key()


class Opening:
    """Counts how often a key is opened."""

    def __init__(self, key: PrivateKey | SignerError) -> None:
        self.key = key
        self.times = 0

    def __call__(self) -> PrivateKey:
        self.times += 1
        if isinstance(self.key, SignerError):
            raise self.key
        return self.key


def test_a_key_is_opened_at_its_first_use_and_once() -> None:
    opening = Opening(ALICE)
    signer = DeferredSigner(opening, public_key_id=ALICE.public_key.key_id)
    assert opening.times == 0
    with ThreadPoolExecutor(8) as pool:
        signatures = set(pool.map(signer.sign, [b"message"] * 64))
    assert signatures == {ALICE.sign(b"message")}
    assert signer.public_key == ALICE.public_key
    assert opening.times == 1


def test_another_key_than_the_enrolled_one_signs_nothing() -> None:
    opening = Opening(new_key())
    signer = DeferredSigner(opening, public_key_id=ALICE.public_key.key_id)
    for _ in range(3):
        with pytest.raises(ConfigurationError, match="not the one that this profile was enrolled"):
            signer.sign(b"message")
        with pytest.raises(ConfigurationError):
            _ = signer.public_key
    assert opening.times == 1


def test_what_failed_is_not_tried_again() -> None:
    """So no program burns the tries of a token by calling again and again."""
    opening = Opening(SignerError("The token refused the PIN."))
    signer = DeferredSigner(opening, public_key_id=ALICE.public_key.key_id)
    for _ in range(3):
        with pytest.raises(SignerError, match="refused the PIN"):
            signer.sign(b"message")
    assert opening.times == 1
