from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import REQUEST_TYPE, RESPONSE_TYPE, pae, verify_request, verify_response
from sealwire.core.errors import AuthenticationError
from sealwire.core.keys import PublicKey
from sealwire.v1.envelope_pb2 import SignedMessage
from tests.core.builders import ALICE, BOB, METHOD, SERVER, request_factory, response_factory
from tests.core.edwards import (
    IDENTITY,
    NON_CANONICAL,
    SMALL_ORDER,
    L,
    add,
    base_times,
    sign_with_nonce,
)

MESSAGE = b"ten to Bob"


def assert_refused(signature: bytes, key: PublicKey = ALICE.public_key) -> None:
    with pytest.raises(AuthenticationError):
        key.verify(signature, MESSAGE)


@given(st.binary())
def test_what_a_key_signs_it_verifies(message: bytes) -> None:
    ALICE.public_key.verify(ALICE.sign(message), message)


def test_each_bit_of_a_signature_counts() -> None:  # case 15
    signature = ALICE.sign(MESSAGE)
    for bit in range(8 * len(signature)):
        altered = bytearray(signature)
        altered[bit // 8] ^= 1 << bit % 8
        assert_refused(bytes(altered))


def test_each_bit_of_a_message_counts() -> None:  # case 15
    signature = ALICE.sign(MESSAGE)
    for bit in range(8 * len(MESSAGE)):
        altered = bytearray(MESSAGE)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthenticationError):
            ALICE.public_key.verify(signature, bytes(altered))


@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(size: int) -> None:  # case 35
    assert_refused((ALICE.sign(MESSAGE) * 2)[:size])


def test_a_signature_and_message_can_not_trade_a_byte() -> None:  # case 35
    signature = ALICE.sign(MESSAGE)
    with pytest.raises(AuthenticationError):
        ALICE.public_key.verify(signature + MESSAGE[:1], MESSAGE[1:])


def test_another_keys_signature_is_refused() -> None:  # case 18
    assert_refused(BOB.sign(MESSAGE))
    assert_refused(ALICE.sign(MESSAGE), BOB.public_key)


def test_a_signature_has_one_s_only() -> None:  # case 36
    signature = ALICE.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little")
    assert s < L
    for malleated in range(s + L, 2**256, L):
        assert_refused(signature[:32] + malleated.to_bytes(32, "little"))


def test_a_hand_made_signature_with_an_honest_nonce_is_accepted() -> None:
    signature = sign_with_nonce(ALICE.seed, MESSAGE, point=base_times(7), scalar=7)
    ALICE.public_key.verify(signature, MESSAGE)


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_small_order_r_is_refused(point: bytes) -> None:  # case 38
    # With R the identity, the equation S·B = R + k·A holds; the others hold with the cofactor.
    assert_refused(sign_with_nonce(ALICE.seed, MESSAGE, point=point, scalar=0))


@pytest.mark.parametrize("point", NON_CANONICAL, ids=bytes.hex)
def test_a_non_canonical_r_is_refused(point: bytes) -> None:  # case 39
    assert_refused(sign_with_nonce(ALICE.seed, MESSAGE, point=point, scalar=0))


@pytest.mark.parametrize("torsion", [point for point in SMALL_ORDER if point != IDENTITY])
def test_a_mixed_order_r_is_refused(torsion: bytes) -> None:
    mixed = add(base_times(7), torsion)
    assert_refused(sign_with_nonce(ALICE.seed, MESSAGE, point=mixed, scalar=7))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_small_order_key_verifies_nothing_even_past_the_gate(point: bytes) -> None:  # case 37
    # S·B = R + k·A holds for every message where A is the identity, R is S·B and S is anything.
    forgery = base_times(7) + (7).to_bytes(32, "little")
    assert_refused(forgery, PublicKey(raw=point, key_id=ALICE.public_key.key_id))


def test_a_request_is_no_response_and_a_response_no_request() -> None:  # case 41
    request = request_factory().unary(METHOD, b"body")
    verify_request(request, ALICE.public_key)
    with pytest.raises(AuthenticationError):
        verify_response(request, ALICE.public_key)
    response = response_factory().body(METHOD, bytes(32), b"body")
    verify_response(response, SERVER.public_key)
    with pytest.raises(AuthenticationError):
        verify_request(response, SERVER.public_key)


@pytest.mark.parametrize(
    "signed",
    [
        MESSAGE,
        pae("application/vnd.sealwire.request.v2+protobuf", MESSAGE),
        pae("", MESSAGE),
        pae(RESPONSE_TYPE, MESSAGE),
        pae(REQUEST_TYPE, MESSAGE + b"\0"),
    ],
)
def test_a_signature_for_another_domain_is_refused(signed: bytes) -> None:  # case 41
    right = SignedMessage(payload=MESSAGE, signature=ALICE.sign(pae(REQUEST_TYPE, MESSAGE)))
    verify_request(right, ALICE.public_key)
    with pytest.raises(AuthenticationError):
        verify_request(
            SignedMessage(payload=MESSAGE, signature=ALICE.sign(signed)), ALICE.public_key
        )
