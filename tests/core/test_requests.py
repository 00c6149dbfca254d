from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import NONCE_BYTES, verify_request
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.requests import (
    SKEW_MS,
    WINDOW_MS,
    TimeWindow,
    check_continuation,
    check_statement,
    parse_statement,
)
from sealwire.v1.envelope_pb2 import RequestStatement, StreamPosition
from tests.core.builders import (
    ALICE,
    AUDIENCE,
    BOB,
    METHOD,
    NOW,
    encoded,
    request_factory,
    request_statement,
)

WINDOW = TimeWindow()


def check(
    statement: RequestStatement,
    *,
    public_key_id: str = ALICE.public_key.key_id,
    method: str = METHOD,
    audience: str = AUDIENCE,
    now: int = NOW,
) -> None:
    check_statement(
        statement,
        public_key_id=public_key_id,
        method=method,
        audience=audience,
        now=now,
        window=WINDOW,
    )


def test_a_factorys_request_passes_every_check() -> None:
    signed = request_factory().unary(METHOD, b"body")
    verify_request(signed, ALICE.public_key)
    statement = parse_statement(signed.payload)
    check(statement, public_key_id=signed.public_key_id)
    assert statement.body == b"body"
    assert statement.issued_at == NOW
    assert len(statement.nonce) == NONCE_BYTES
    assert not statement.HasField("stream")


def test_no_two_requests_of_a_factory_share_a_nonce() -> None:
    factory = request_factory()
    requests = [factory.unary(METHOD, b"body") for _ in range(100)]
    assert len({parse_statement(signed.payload).nonce for signed in requests}) == 100


def test_an_empty_body_is_a_body() -> None:
    statement = parse_statement(request_factory().unary(METHOD, b"").payload)
    assert statement.HasField("body")


def test_a_window_is_60_seconds_back_and_10_ahead_unless_it_is_said_otherwise() -> None:
    assert TimeWindow(window_ms=60_000, skew_ms=10_000) == WINDOW


@pytest.mark.parametrize("issued_at", [NOW - WINDOW_MS, NOW - 1, NOW, NOW + SKEW_MS])
def test_a_request_is_admitted_up_to_the_exact_limits_of_its_window(issued_at: int) -> None:
    statement = request_statement()  # case 25
    statement.issued_at = issued_at
    check(statement)


@pytest.mark.parametrize(
    "issued_at",
    [
        NOW - WINDOW_MS - 1,  # case 25
        NOW + SKEW_MS + 1,  # case 25
        0,  # case 26
        -1,  # case 26
        -NOW,  # case 26
        -(2**63),  # case 26
        2**63 - 1,  # case 26
        NOW // 1000,  # seconds in place of milliseconds
    ],
)
def test_a_request_from_another_time_is_refused(issued_at: int) -> None:
    statement = request_statement()
    statement.issued_at = issued_at
    with pytest.raises(AuthenticationError, match="time window"):
        check(parse_statement(encoded(statement)))


@given(
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.integers(min_value=0, max_value=2**40),
    st.integers(min_value=0, max_value=2**40),
)
def test_a_window_admits_its_limits_and_nothing_outside_at_any_time(
    now: int, window_ms: int, skew_ms: int
) -> None:
    window = TimeWindow(window_ms=window_ms, skew_ms=skew_ms)
    assert window.admits(now - window_ms, now=now)
    assert window.admits(now + skew_ms, now=now)
    assert not window.admits(now - window_ms - 1, now=now)
    assert not window.admits(now + skew_ms + 1, now=now)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_nonce_has_16_to_32_bytes(size: int) -> None:  # case 27
    assert len(parse_statement(encoded(request_statement(nonce=bytes(size)))).nonce) == size


@pytest.mark.parametrize("size", [0, 1, 15, 33, 64, 4096])
def test_a_nonce_of_another_length_is_malformed(size: int) -> None:  # case 27
    with pytest.raises(MalformedError, match="nonce"):
        parse_statement(encoded(request_statement(nonce=bytes(size))))


@pytest.mark.parametrize("other", [BOB.public_key.key_id, "", ALICE.public_key.key_id[:-1]])
def test_a_statement_of_another_key_is_refused(other: str) -> None:
    with pytest.raises(AuthenticationError, match="key id"):
        check(request_statement(), public_key_id=other)


@pytest.mark.parametrize(
    "other",
    [
        "/sealwire.v1.RecordService/DeleteRecord",
        "/sealwire.v1.RecordService/putrecord",
        METHOD + "/",
        METHOD[1:],
        "",
    ],
)
def test_a_statement_for_another_method_is_refused(other: str) -> None:  # case 23
    with pytest.raises(AuthenticationError, match="method"):
        check(request_statement(), method=other)


@pytest.mark.parametrize("other", ["records.example.org", "Records.example", "records", ""])
def test_a_statement_for_another_audience_is_refused(other: str) -> None:  # case 24
    with pytest.raises(AuthenticationError, match="audience"):
        check(request_statement(), audience=other)


def test_a_statement_cut_anywhere_is_malformed() -> None:  # case 31
    closing = request_statement()
    closing.ClearField("body")
    closing.stream.CopyFrom(StreamPosition(index=1, previous_digest=bytes(32), last=True))
    for payload in (encoded(request_statement()), encoded(closing)):
        parse_statement(payload)
        for size in range(len(payload)):
            with pytest.raises(MalformedError):
                parse_statement(payload[:size])


def test_a_statement_without_a_body_is_malformed_unless_it_closes_a_stream() -> None:
    statement = request_statement()
    statement.ClearField("body")
    for position in (None, StreamPosition(), StreamPosition(index=3)):
        if position is not None:
            statement.stream.CopyFrom(position)
        with pytest.raises(MalformedError, match="body"):
            parse_statement(encoded(statement))
    statement.stream.last = True
    assert parse_statement(encoded(statement)) == statement


def test_a_closing_statement_with_a_body_is_malformed() -> None:
    statement = request_statement(body=b"")
    statement.stream.last = True
    with pytest.raises(MalformedError, match="body"):
        parse_statement(encoded(statement))


def test_a_message_continues_a_stream_only_if_it_repeats_what_the_first_one_states() -> None:
    first = request_statement()
    check_continuation(first, request_statement(body=b"another body"))
    for field, value in [
        ("method", "/sealwire.v1.RecordService/GetRecord"),
        ("audience", "other"),
        ("public_key_id", BOB.public_key.key_id),
        ("issued_at", NOW + 1),
        ("nonce", bytes(25)),
    ]:
        other = request_statement()
        setattr(other, field, value)
        with pytest.raises(AuthenticationError, match="another stream"):  # case 45
            check_continuation(first, other)
