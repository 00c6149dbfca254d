"""One envelope, changed in every way that an attacker could think of."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable

import grpc
import pytest

from sealwire.core.envelope import (
    MAX_ENVELOPE_BYTES,
    REQUEST_TYPE,
    RESPONSE_TYPE,
    pae,
    sign_request,
)
from sealwire.core.errors import Code
from sealwire.core.responses import ResponseFactory
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage, Status, StreamPosition
from tests.interceptors.shop import IMPORT, ORDER, PLACE, PRICE, Shop, serialized
from tests.support.rpc_errors import failed_call

MAX_INT64 = 2**63 - 1
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
Change = Callable[[RequestStatement], object]


def statement_of(signed: SignedMessage) -> RequestStatement:
    return RequestStatement.FromString(signed.payload)


def order_with(shop: Shop, change: Change) -> SignedMessage:
    """Return an order whose statement was changed before alice signed it."""
    statement = statement_of(shop.order())
    change(statement)
    return sign_request(statement, shop.alice.key)


def order_issued_at(shop: Shop, issued_at: int) -> SignedMessage:
    return order_with(shop, lambda statement: setattr(statement, "issued_at", issued_at))


def signed_bytes(shop: Shop, payload: bytes) -> SignedMessage:
    """Return an envelope in which alice's signature holds over any bytes."""
    return SignedMessage(
        payload=payload,
        signature=shop.alice.key.sign(pae(REQUEST_TYPE, payload)),
        public_key_id=shop.alice.key_id,
    )


def assert_refused(shop: Shop, data: bytes | SignedMessage, code: Code) -> None:
    status = shop.line.refusal(data)
    assert status.code == code, status
    assert shop.service.entered == 0


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def refusals(shop: Shop, messages: Iterable[bytes]) -> list[Status]:
    """Send many messages, a hundred at a time; each must be refused, with a signed status."""
    found, remaining = [], iter(messages)
    while batch := list(itertools.islice(remaining, 100)):
        sent = [(message, shop.line.future(message)) for message in batch]
        found += [shop.line.refused(future, message) for message, future in sent]
    return found


@pytest.mark.parametrize("field", ["payload", "signature"])
def test_no_flipped_bit_of_payload_or_signature_is_authentic(shop: Shop, field: str) -> None:
    # case 15
    signed = shop.order()
    value = getattr(signed, field)
    changed = []
    for bit in range(8 * len(value)):
        setattr(signed, field, flipped(value, bit))
        changed.append(signed.SerializeToString())
    assert {status.code for status in refusals(shop, changed)} == {Code.UNAUTHENTICATED}
    assert shop.service.entered == 0


def test_no_flipped_bit_of_the_key_id_is_authentic(shop: Shop) -> None:
    # case 15
    data = shop.order().SerializeToString()
    start = data.rindex(shop.alice.key_id.encode()) * 8
    changed = [flipped(data, bit) for bit in range(start, start + 8 * len(shop.alice.key_id))]
    for status, message in zip(refusals(shop, changed), changed, strict=True):
        # The top bit makes what is no UTF-8, so the envelope does not parse.
        readable = message[start // 8 :].isascii()
        assert status.code == (Code.UNAUTHENTICATED if readable else Code.INVALID_ARGUMENT)
    assert shop.service.entered == 0


def test_every_flipped_bit_of_the_whole_message_is_refused(shop: Shop) -> None:
    # case 15
    data = shop.order().SerializeToString()
    found = {s.code for s in refusals(shop, (flipped(data, n) for n in range(8 * len(data))))}
    assert found == {Code.UNAUTHENTICATED, Code.INVALID_ARGUMENT}
    assert shop.service.entered == 0
    assert shop.line.place(data).order.number == 1


def test_an_unknown_key_reads_the_same_as_a_bad_signature(shop: Shop) -> None:
    # case 16
    unknown = shop.order()
    unknown.public_key_id = "x" * 43
    forged = shop.order()
    forged.signature = bytes(64)
    first, second = shop.line.refusal(unknown), shop.line.refusal(forged)
    assert first == second
    assert "not known" in str(shop.house.refusals[0].error)
    assert "signature" in str(shop.house.refusals[1].error)


def test_a_key_that_was_removed_is_not_authentic_any_more(shop: Shop) -> None:
    # case 17
    shop.line.place(shop.order())
    shop.house.directory.keys.clear()
    assert shop.line.refusal(shop.order()).code == Code.UNAUTHENTICATED


def test_one_messages_payload_with_anothers_signature_is_not_authentic(shop: Shop) -> None:
    # case 18
    first, second = shop.order(), shop.order()
    first.signature = second.signature
    assert_refused(shop, first, Code.UNAUTHENTICATED)


def test_a_key_id_inside_must_equal_the_one_outside(shop: Shop) -> None:
    bob = shop.house.enrol("bob")
    signed = order_with(shop, lambda s: setattr(s, "public_key_id", bob.key_id))
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_a_request_for_another_method_is_not_authentic(shop: Shop) -> None:
    # case 23
    assert_refused(shop, shop.house.requests(shop.alice).unary(IMPORT, ORDER), Code.UNAUTHENTICATED)
    signed = shop.order()
    assert shop.line.stream_refusal([signed]).code == Code.UNAUTHENTICATED
    send: grpc.StreamStreamMultiCallable[bytes, bytes] = shop.line.channel.stream_stream(PRICE)
    with pytest.raises(grpc.RpcError) as refused:
        list(send(iter([signed.SerializeToString()])))
    status = shop.line.signed_end(refused.value, [signed], path=PRICE)
    assert status.code == Code.UNAUTHENTICATED
    shop.line.place(signed)


@pytest.mark.parametrize("audience", ["", "other.example", "test.example.", "TEST.example"])
def test_a_request_for_another_audience_is_not_authentic(shop: Shop, audience: str) -> None:
    # case 24
    signed = shop.house.requests(shop.alice, audience=audience).unary(PLACE, ORDER)
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_the_time_window_is_exact_at_both_ends(shop: Shop) -> None:
    # case 25
    shop.house.clock.advance(shop.house.window.window_ms)  # away from the start of the server
    now, window = shop.house.clock(), shop.house.window
    oldest, newest = now - window.window_ms, now + window.skew_ms
    for issued_at in (oldest - 1, newest + 1):
        assert_refused(shop, order_issued_at(shop, issued_at), Code.UNAUTHENTICATED)
        assert "time window" in str(shop.house.refusals[-1].error)
    for issued_at in (oldest, newest):
        shop.line.place(order_issued_at(shop, issued_at))


@pytest.mark.parametrize("issued_at", [0, 1, -1, MAX_INT64, -MAX_INT64 - 1])
def test_an_absurd_time_is_not_authentic_and_overflows_nothing(shop: Shop, issued_at: int) -> None:
    # case 26
    assert_refused(shop, order_issued_at(shop, issued_at), Code.UNAUTHENTICATED)


@pytest.mark.parametrize("size", [0, 1, 15, 33, 1_000])
def test_a_nonce_of_another_length_is_malformed(shop: Shop, size: int) -> None:
    # case 27
    signed = order_with(shop, lambda s: setattr(s, "nonce", os.urandom(size)))
    assert_refused(shop, signed, Code.INVALID_ARGUMENT)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_nonce_of_16_to_32_bytes_is_accepted(shop: Shop, size: int) -> None:
    # case 27
    shop.line.place(order_with(shop, lambda s: setattr(s, "nonce", os.urandom(size))))


def test_a_message_that_is_too_large_is_refused_before_it_is_read(shop: Shop) -> None:
    # case 30
    signed = signed_bytes(shop, bytes(MAX_ENVELOPE_BYTES))
    call = failed_call(shop.line.future(signed).exception())
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shop.service.entered == 0


def test_the_largest_message_gets_as_far_as_its_body(shop: Shop) -> None:
    # case 30
    overhead = len(shop.order().SerializeToString()) + 16
    body = bytes(MAX_ENVELOPE_BYTES - overhead)
    signed = order_with(shop, lambda s: setattr(s, "body", body))
    assert MAX_ENVELOPE_BYTES - 64 < len(serialized(signed)) <= MAX_ENVELOPE_BYTES
    status = shop.line.refusal(signed)
    assert (status.code, status.message[:8]) == (Code.INVALID_ARGUMENT, "The body")


def test_metadata_that_is_too_large_is_refused(shop: Shop) -> None:
    # case 30
    send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = shop.line.channel.unary_unary(PLACE)
    with pytest.raises(grpc.RpcError) as refused:
        send(serialized(shop.order()), metadata=(("x-large", "x" * 20_000),))
    assert failed_call(refused.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shop.service.entered == 0


def test_an_envelope_cut_at_any_byte_is_malformed(shop: Shop) -> None:
    # case 31
    data = shop.order().SerializeToString()
    fields = [shop.order().payload, shop.order().signature]
    codes = [status.code for status in refusals(shop, (data[:n] for n in range(len(data))))]
    # Cut exactly between two fields, an envelope parses, and is not authentic.
    assert set(codes) <= {Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED}
    assert codes.count(Code.UNAUTHENTICATED) <= len(fields)
    assert shop.service.entered == 0


def test_a_statement_cut_at_any_byte_is_refused_though_its_signature_holds(shop: Shop) -> None:
    # case 31
    payload = shop.order().payload
    cut = [serialized(signed_bytes(shop, payload[:n])) for n in range(len(payload))]
    assert {s.code for s in refusals(shop, cut)} <= {Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED}
    assert shop.service.entered == 0


@pytest.mark.parametrize("garbage", [b"", b"\0", b"\xff" * 100, b"{}", b"GET / HTTP/1.1\r\n\r\n"])
def test_bytes_that_are_no_envelope_are_malformed(shop: Shop, garbage: bytes) -> None:
    # case 31
    assert_refused(shop, garbage, Code.INVALID_ARGUMENT)
    assert shop.house.refusals[-1].claimed_key_id == ""


UNKNOWN_FIELD = b"\xf8\x07\x01"  # field 127, integer 1


def test_an_unknown_field_is_malformed_in_envelope_and_statement(shop: Shop) -> None:
    # case 32
    assert_refused(shop, serialized(shop.order()) + UNKNOWN_FIELD, Code.INVALID_ARGUMENT)
    inside = signed_bytes(shop, shop.order().payload + UNKNOWN_FIELD)
    assert_refused(shop, inside, Code.INVALID_ARGUMENT)


def test_an_unknown_field_in_the_body_is_malformed(shop: Shop) -> None:
    # case 32
    signed = order_with(shop, lambda s: setattr(s, "body", ORDER + UNKNOWN_FIELD))
    assert_refused(shop, signed, Code.INVALID_ARGUMENT)


def test_a_repeated_field_is_malformed_in_envelope_and_statement(shop: Shop) -> None:
    # case 33
    signed = shop.order()
    twice = (
        serialized(signed) + SignedMessage(public_key_id=signed.public_key_id).SerializeToString()
    )
    assert_refused(shop, twice, Code.INVALID_ARGUMENT)
    audience = RequestStatement(audience=statement_of(signed).audience).SerializeToString()
    assert_refused(shop, signed_bytes(shop, signed.payload + audience), Code.INVALID_ARGUMENT)


def test_a_concatenation_of_two_envelopes_is_malformed(shop: Shop) -> None:
    # case 33
    assert_refused(shop, serialized(shop.order()) * 2, Code.INVALID_ARGUMENT)


def test_deep_nesting_is_malformed(shop: Shop) -> None:
    # case 34
    nested = b""
    for _ in range(200):
        nested = b"\x3a" + varint(len(nested)) + nested  # field 7, the stream position
    assert_refused(shop, nested, Code.INVALID_ARGUMENT)
    assert_refused(shop, signed_bytes(shop, nested), Code.INVALID_ARGUMENT)
    groups = b"\x0b" * 10_000
    assert_refused(shop, groups, Code.INVALID_ARGUMENT)
    assert_refused(shop, signed_bytes(shop, groups), Code.INVALID_ARGUMENT)
    assert_refused(
        shop, order_with(shop, lambda s: setattr(s, "body", nested)), Code.INVALID_ARGUMENT
    )


def varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_not_authentic(shop: Shop, size: int) -> None:
    # case 35
    signed = shop.order()
    signed.signature = (signed.signature * 2)[:size]
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_a_signature_with_a_scalar_that_is_not_reduced_is_not_authentic(shop: Shop) -> None:
    # case 36
    signed = shop.order()
    scalar = int.from_bytes(signed.signature[32:], "little") + GROUP_ORDER
    signed.signature = signed.signature[:32] + scalar.to_bytes(32, "little")
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_content_is_empty_in_this_version(shop: Shop) -> None:
    signed = shop.order()
    signed.content = b"x"
    assert_refused(shop, signed, Code.INVALID_ARGUMENT)


def test_a_key_id_that_is_too_long_is_malformed(shop: Shop) -> None:
    signed = shop.order()
    signed.public_key_id = "x" * 65
    assert_refused(shop, signed, Code.INVALID_ARGUMENT)


def test_a_request_signed_as_a_response_is_not_authentic(shop: Shop) -> None:
    # case 41
    signed = shop.order()
    signed.signature = shop.alice.key.sign(pae(RESPONSE_TYPE, signed.payload))
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_a_request_signed_without_its_type_is_not_authentic(shop: Shop) -> None:
    # case 41
    signed = shop.order()
    signed.signature = shop.alice.key.sign(signed.payload)
    assert_refused(shop, signed, Code.UNAUTHENTICATED)


def test_a_response_of_an_enrolled_key_is_no_request(shop: Shop) -> None:
    # case 41
    responses = ResponseFactory(shop.alice.key, shop.house.clock)
    assert_refused(shop, responses.body(PLACE, bytes(32), ORDER), Code.UNAUTHENTICATED)


def test_the_servers_own_answer_sent_back_is_not_authentic(shop: Shop) -> None:
    # case 41
    responses = ResponseFactory(shop.house.server_key, shop.house.clock)
    assert_refused(shop, responses.body(PLACE, bytes(32), ORDER), Code.UNAUTHENTICATED)


def test_a_statement_without_a_body_is_malformed(shop: Shop) -> None:
    assert_refused(shop, order_with(shop, lambda s: s.ClearField("body")), Code.INVALID_ARGUMENT)
    closing = StreamPosition(last=True)

    def close(statement: RequestStatement) -> None:
        statement.ClearField("body")
        statement.stream.CopyFrom(closing)

    assert_refused(shop, order_with(shop, close), Code.INVALID_ARGUMENT)


def test_every_refusal_is_logged_with_its_true_reason(shop: Shop) -> None:
    bob = shop.house.enrol("bob")
    late = order_with(shop, lambda s: setattr(s, "issued_at", 1))
    elsewhere = order_with(shop, lambda s: setattr(s, "audience", "elsewhere"))
    accepted = shop.order()
    shop.line.place(accepted)
    reasons = []
    for signed in (late, elsewhere, accepted, shop.house.requests(bob).unary(PLACE, ORDER)):
        shop.line.refusal(signed)
        reasons.append(str(shop.house.refusals[-1].error))
        assert shop.house.refusals[-1].claimed_key_id == signed.public_key_id
        assert shop.house.refusals[-1].method == PLACE
    assert [words for words in reasons if "not authenticated" in words] == []
    assert len(set(reasons)) == len(shop.house.refusals) == 4


def test_all_authentication_failures_look_alike(shop: Shop) -> None:
    # case 16
    bob = shop.house.enrol("bob")
    accepted, forged, unknown = shop.order(), shop.order(), shop.order()
    shop.line.place(accepted)
    forged.signature = bytes(64)
    unknown.public_key_id = "x" * 43
    suspects = [
        accepted,
        forged,
        unknown,
        shop.house.requests(bob).unary(PLACE, ORDER),
        order_with(shop, lambda s: setattr(s, "issued_at", 1)),
        order_with(shop, lambda s: setattr(s, "audience", "elsewhere")),
        order_with(shop, lambda s: setattr(s, "method", IMPORT)),
        order_with(shop, lambda s: setattr(s, "public_key_id", bob.key_id)),
        ResponseFactory(shop.alice.key, shop.house.clock).body(PLACE, bytes(32), ORDER),
    ]
    outside = {shop.line.refusal(signed).SerializeToString() for signed in suspects}
    assert len(outside) == 1
