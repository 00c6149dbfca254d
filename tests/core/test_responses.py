from __future__ import annotations

from collections.abc import Collection

import pytest

from sealwire.core.envelope import digest, sign_request, sign_response
from sealwire.core.errors import Code
from sealwire.core.keys import PublicKey
from sealwire.core.responses import ResponseVerificationError, open_response
from sealwire.v1.envelope_pb2 import (
    RequestStatement,
    ResponseStatement,
    SignedMessage,
    Status,
    StreamPosition,
)
from tests.core.builders import (
    ALICE,
    METHOD,
    NOW,
    SERVER,
    encoded,
    request_factory,
    response_factory,
)

REQUEST = digest(request_factory().unary(METHOD, b"question").payload)
ANSWER = encoded(response_factory().body(METHOD, REQUEST, b"answer"))
FAILURE = Status(code=Code.PERMISSION_DENIED, reason="PERMISSION_DENIED", message="Not yours.")


def opened(
    data: bytes,
    *,
    server_key: PublicKey = SERVER.public_key,
    method: str = METHOD,
    request_digests: Collection[bytes] = (REQUEST,),
) -> ResponseStatement:
    return open_response(
        data, server_key=server_key, method=method, request_digests=request_digests
    )


def assert_refused(statement: ResponseStatement) -> None:
    with pytest.raises(ResponseVerificationError):
        opened(encoded(sign_response(statement, SERVER)))


def test_the_servers_answer_to_this_request_opens() -> None:
    statement = opened(ANSWER)
    assert statement.body == b"answer"
    assert statement.issued_at == NOW
    assert opened(ANSWER, request_digests=[bytes(32), REQUEST]) == statement


def test_the_servers_error_for_this_request_opens() -> None:
    data = encoded(response_factory().status(METHOD, REQUEST, FAILURE))
    assert opened(data).status == FAILURE


def test_an_answer_with_any_bit_altered_is_refused() -> None:  # case 86
    for bit in range(8 * len(ANSWER)):
        altered = bytearray(ANSWER)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ResponseVerificationError):
            opened(bytes(altered))


def test_an_answer_cut_anywhere_or_grown_is_refused() -> None:  # case 86
    for data in [ANSWER[:size] for size in range(len(ANSWER))] + [ANSWER + b"\0", ANSWER * 2]:
        with pytest.raises(ResponseVerificationError):
            opened(data)


def test_an_error_with_any_bit_altered_is_refused() -> None:  # case 89
    data = encoded(response_factory().status(METHOD, REQUEST, FAILURE))
    for bit in range(8 * len(data)):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ResponseVerificationError):
            opened(bytes(altered))


def test_an_unsigned_error_is_refused() -> None:  # case 89
    statement = ResponseStatement(method=METHOD, request_digest=REQUEST, status=FAILURE)
    unsigned = SignedMessage(
        payload=encoded(statement), signature=bytes(64), public_key_id=SERVER.public_key.key_id
    )
    with pytest.raises(ResponseVerificationError, match="signature does not hold"):
        opened(encoded(unsigned))


def test_the_answer_to_another_request_is_refused() -> None:  # case 87
    other = digest(request_factory(seed="other").unary(METHOD, b"question").payload)
    assert other != REQUEST
    for digests in ((other,), (), (b"",), (REQUEST[:-1],)):
        with pytest.raises(ResponseVerificationError, match="another request"):
            opened(ANSWER, request_digests=digests)


def test_an_answer_that_names_no_request_is_refused() -> None:  # case 87
    assert_refused(ResponseStatement(method=METHOD, body=b"answer"))


def test_the_answer_to_another_method_is_refused() -> None:  # case 87
    with pytest.raises(ResponseVerificationError, match="another request"):
        opened(ANSWER, method="/sealwire.v1.RecordService/GetRecord")


def test_another_servers_answer_is_refused() -> None:  # case 88
    data = encoded(response_factory(ALICE).body(METHOD, REQUEST, b"answer"))
    with pytest.raises(ResponseVerificationError, match="another key"):
        opened(data)
    with pytest.raises(ResponseVerificationError, match="another key"):
        opened(ANSWER, server_key=ALICE.public_key)


def test_another_servers_answer_under_this_servers_name_is_refused() -> None:  # case 88
    forged = response_factory(ALICE).body(METHOD, REQUEST, b"answer")
    forged.public_key_id = SERVER.public_key.key_id
    with pytest.raises(ResponseVerificationError, match="signature does not hold"):
        opened(encoded(forged))


def test_a_request_of_the_servers_own_key_is_no_answer() -> None:  # case 41
    # Field by field it could pass for a ResponseStatement; the domain tells them apart.
    request = sign_request(RequestStatement(method=METHOD), SERVER)
    with pytest.raises(ResponseVerificationError):
        opened(encoded(request))


def test_an_answer_without_an_outcome_is_refused() -> None:
    assert_refused(ResponseStatement(method=METHOD, request_digest=REQUEST, issued_at=NOW))


@pytest.mark.parametrize(
    "position", [StreamPosition(), StreamPosition(last=True), StreamPosition(index=1)]
)
def test_a_stream_message_is_no_unary_answer(position: StreamPosition) -> None:
    for outcome in (ResponseStatement(body=b"answer"), ResponseStatement(status=FAILURE)):
        outcome.method, outcome.request_digest = METHOD, REQUEST
        opened(encoded(sign_response(outcome, SERVER)))
        outcome.stream.CopyFrom(position)
        assert_refused(outcome)


def test_a_refusal_says_that_the_outcome_is_unknown_and_shows_nothing_of_the_answer() -> None:
    data = encoded(response_factory().body(METHOD, REQUEST, b"4711"))
    with pytest.raises(ResponseVerificationError, match="effect is unknown") as refusal:
        opened(data, request_digests=())
    assert "4711" not in str(refusal.value)
