from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.errors import MalformedError
from sealwire.core.keys import PrivateKey, PublicKey, is_key_id
from tests.core.builders import ALICE, BOB, RepeatableRandom, held_key
from tests.core.edwards import (
    IDENTITY,
    NON_CANONICAL,
    SMALL_ORDER,
    add,
    base_times,
    is_on_curve,
    negative,
    to_montgomery,
)


def test_a_public_key_comes_back_from_its_bytes_and_its_text() -> None:
    key = ALICE.public_key
    assert PublicKey.from_bytes(key.raw) == key
    assert PublicKey.from_text(key.text) == key
    assert len(key.text) == 43


@pytest.mark.parametrize("raw", SMALL_ORDER, ids=bytes.hex)
def test_a_small_order_key_is_refused(raw: bytes) -> None:  # case 37
    with pytest.raises(MalformedError, match="prime-order"):
        PublicKey.from_bytes(raw)


@pytest.mark.parametrize("raw", NON_CANONICAL, ids=bytes.hex)
def test_a_non_canonical_key_is_refused(raw: bytes) -> None:  # case 39
    with pytest.raises(MalformedError, match="prime-order"):
        PublicKey.from_bytes(raw)


@pytest.mark.parametrize("torsion", [point for point in SMALL_ORDER if point != IDENTITY])
@pytest.mark.parametrize("scalar", [1, 2, 0xDECAF])
def test_a_mixed_order_key_is_refused(torsion: bytes, scalar: int) -> None:  # case 40
    mixed = add(base_times(scalar), torsion)
    assert is_on_curve(mixed)
    with pytest.raises(MalformedError, match="prime-order"):
        PublicKey.from_bytes(mixed)


@pytest.mark.parametrize("scalar", [1, 2, 0xDECAF])
def test_the_prime_order_points_behind_the_mixed_ones_are_keys(scalar: int) -> None:
    point = base_times(scalar)
    assert PublicKey.from_bytes(point).raw == point
    assert PublicKey.from_bytes(add(point, IDENTITY)).raw == point


@given(st.binary(min_size=32, max_size=32).filter(lambda raw: not is_on_curve(raw)))
def test_bytes_that_are_no_point_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError, match="prime-order"):
        PublicKey.from_bytes(raw)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(MalformedError, match="32 bytes"):
        PublicKey.from_bytes((ALICE.public_key.raw * 2)[:size])


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(MalformedError, match="32 bytes"):
        PrivateKey.from_seed(bytes(size))


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, ALICE.public_key.text + "=", "é" * 43])
def test_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        PublicKey.from_text(text)


def test_a_key_is_made_from_the_randomness_it_is_given() -> None:
    random = RepeatableRandom()
    one, other = PrivateKey.generate(random), PrivateKey.generate(random)
    assert one.public_key != other.public_key
    assert one.seed == RepeatableRandom()(32)
    assert PrivateKey.from_seed(one.seed) == one


@pytest.mark.parametrize("text", [ALICE.public_key.key_id, "A" * 43, "-" * 43, "_" * 43])
def test_a_key_id_has_43_base64url_characters(text: str) -> None:
    assert is_key_id(text)


@pytest.mark.parametrize(
    "text", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "+", "A" * 43 + "\n", "é" * 43]
)
def test_anything_else_is_no_key_id(text: str) -> None:
    assert not is_key_id(text)


def test_the_x25519_key_is_the_birational_equivalent() -> None:
    for key in (ALICE.public_key, BOB.public_key):
        assert key.to_x25519() == to_montgomery(key.raw)


def test_a_key_and_its_negative_share_an_x25519_key_but_no_identity_key() -> None:
    key = ALICE.public_key
    mirrored = PublicKey.from_bytes(negative(key.raw))
    assert mirrored.key_id != key.key_id
    assert mirrored.to_x25519() == key.to_x25519()
    assert held_key(mirrored).secret != held_key(key).secret


@pytest.mark.parametrize("raw", SMALL_ORDER, ids=bytes.hex)
def test_a_small_order_point_has_no_x25519_key_even_past_the_gate(raw: bytes) -> None:  # case 37
    smuggled = PublicKey(raw=raw, key_id=ALICE.public_key.key_id)
    with pytest.raises(MalformedError, match="X25519"):
        smuggled.to_x25519()


def test_a_private_keys_repr_shows_the_public_key_and_no_secret() -> None:
    shown = repr(ALICE)
    assert ALICE.public_key.key_id in shown
    assert repr(ALICE.seed)[2:-1] not in shown
    assert ALICE.seed.hex() not in shown
