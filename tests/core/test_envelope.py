from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import (
    MAX_ENVELOPE_BYTES,
    REQUEST_TYPE,
    digest,
    pae,
    parse_canonical,
    parse_envelope,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from sealwire.core.errors import MalformedError
from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage
from tests.core.builders import ALICE, METHOD, SERVER, encoded, request_factory, request_statement
from tests.core.wire import chunk

ENVELOPE = encoded(request_factory().unary(METHOD, b"body"))


def test_an_envelope_holds_the_statement_that_was_signed() -> None:
    statement = request_statement()
    signed = parse_envelope(encoded(sign_request(statement, ALICE)))
    verify_request(signed, ALICE.public_key)
    assert signed.public_key_id == ALICE.public_key.key_id
    assert parse_canonical(RequestStatement, signed.payload) == statement


def test_a_response_envelope_holds_the_statement_that_was_signed() -> None:
    statement = ResponseStatement(method=METHOD, request_digest=digest(b"request"), body=b"body")
    signed = parse_envelope(encoded(sign_response(statement, SERVER)))
    verify_response(signed, SERVER.public_key)
    assert parse_canonical(ResponseStatement, signed.payload) == statement


def test_a_second_implementation_verifies_an_envelope_over_its_pae() -> None:
    signed = parse_envelope(ENVELOPE)
    Ed25519PublicKey.from_public_bytes(ALICE.public_key.raw).verify(
        signed.signature, pae(REQUEST_TYPE, signed.payload)
    )


def test_an_envelope_cut_anywhere_is_malformed() -> None:  # case 31
    for size in range(len(ENVELOPE)):
        with pytest.raises(MalformedError):
            parse_envelope(ENVELOPE[:size])


@given(st.binary(max_size=64))
def test_random_bytes_are_an_envelope_only_in_its_own_form(data: bytes) -> None:  # case 31
    try:
        signed = parse_envelope(data)
    except MalformedError:
        return
    assert encoded(signed) == data


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65)])
def test_a_signature_of_another_length_still_parses_so_that_it_can_be_refused_as_such(
    signature: bytes,
) -> None:  # case 35
    signed = SignedMessage(payload=b"x", signature=signature, public_key_id="k")
    assert parse_envelope(encoded(signed)) == signed


@pytest.mark.parametrize(
    "signed",
    [
        SignedMessage(),
        SignedMessage(signature=bytes(64), public_key_id="k"),
        SignedMessage(payload=b"x", signature=bytes(64)),
        SignedMessage(payload=b"x", signature=bytes(64), public_key_id="k" * 65),
        SignedMessage(payload=b"x", signature=bytes(64), public_key_id="k", content=b"c"),
    ],
    ids=["empty", "no payload", "no key id", "long key id", "content"],
)
def test_an_envelope_with_a_field_out_of_bounds_is_malformed(signed: SignedMessage) -> None:
    with pytest.raises(MalformedError):
        parse_envelope(encoded(signed))


def test_an_envelope_has_4_mib_at_most() -> None:
    frame = len(encoded(SignedMessage(payload=bytes(2**21), public_key_id="k"))) - 2**21
    largest = SignedMessage(payload=bytes(MAX_ENVELOPE_BYTES - frame), public_key_id="k")
    assert len(encoded(largest)) == MAX_ENVELOPE_BYTES
    assert parse_envelope(encoded(largest)) == largest
    largest.payload += b"\0"
    with pytest.raises(MalformedError, match="4 MiB"):
        parse_envelope(encoded(largest))


def test_a_key_id_that_is_not_utf_8_is_malformed() -> None:
    with pytest.raises(MalformedError):
        parse_envelope(chunk(1, b"payload") + chunk(3, b"\xff\xfe"))
