from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import digest, sign_response
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from sealwire.core.responses import ResponseVerificationError, open_stream_response
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import ResponseStatement, Status
from tests.core.builders import ALICE, METHOD, SERVER, encoded, response_factory

REQUEST = digest(b"request")
OK = Status(code=Code.OK)
FAILURE = Status(code=Code.DATA_LOSS, reason="STREAM_BROKEN", message="A message is missing.")
BODIES = [b"one", b"two", b"three"]


def sent(
    bodies: Sequence[bytes], end: Status = OK, request: bytes = REQUEST, signer: PrivateKey = SERVER
) -> list[bytes]:
    factory, chain = response_factory(signer), StreamChain()
    messages = [factory.stream_body(METHOD, request, body, chain) for body in bodies]
    return [encoded(m) for m in (*messages, factory.stream_end(METHOD, request, end, chain))]


def received(messages: Sequence[bytes]) -> tuple[list[ResponseStatement], bool]:
    """Verify a response stream; return its statements, and whether it was closed."""
    chain = StreamChain()
    statements = [
        open_stream_response(
            data,
            server_key=SERVER.public_key,
            method=METHOD,
            request_digests=(REQUEST,),
            chain=chain,
        )
        for data in messages
    ]
    return statements, chain.closed


@given(st.lists(st.binary(max_size=8), max_size=6))
def test_a_response_stream_arrives_as_it_was_sent(bodies: list[bytes]) -> None:
    statements, closed = received(sent(bodies))
    assert [statement.body for statement in statements[:-1]] == bodies
    assert statements[-1].status == OK
    assert closed


def test_a_response_stream_can_end_in_an_error() -> None:
    statements, closed = received(sent(BODIES, FAILURE))
    assert statements[-1].status == FAILURE
    assert closed


def test_no_order_but_the_sent_one_is_accepted() -> None:  # case 42
    messages = sent(BODIES)
    for order in itertools.permutations(messages):
        if list(order) != messages:
            with pytest.raises(ResponseVerificationError):
                received(order)


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda m: m[1:], id="drop the first"),
        pytest.param(lambda m: [m[0], *m[2:]], id="drop one"),
        pytest.param(lambda m: [m[0], *m], id="repeat the first"),
        pytest.param(lambda m: [*m, m[-1]], id="repeat the end"),
        pytest.param(lambda m: [*m, m[0]], id="go on after the end"),
        pytest.param(lambda m: [*m[:2], *sent([b"x"] * 3)[2:]], id="splice from another history"),
        pytest.param(lambda m: [*m[:2], *sent(BODIES, request=bytes(32))[2:]], id="other request"),
        pytest.param(lambda m: [*m[:2], *sent(BODIES, signer=ALICE)[2:]], id="other server"),
    ],
)
def test_an_altered_response_stream_is_refused(
    alter: Callable[[list[bytes]], list[bytes]],
) -> None:  # cases 42, 44, 45, 87, 88
    with pytest.raises(ResponseVerificationError):
        received(alter(sent(BODIES)))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_cut_response_stream_is_not_closed(count: int) -> None:  # case 43
    statements, closed = received(sent(BODIES)[:count])
    assert [statement.body for statement in statements] == BODIES[:count]
    assert not closed


def test_a_refused_message_leaves_the_stream_where_it_was() -> None:
    chain, messages = StreamChain(), sent(BODIES)
    for data in (messages[1], messages[3]):
        with pytest.raises(ResponseVerificationError):
            open_stream_response(
                data,
                server_key=SERVER.public_key,
                method=METHOD,
                request_digests=(REQUEST,),
                chain=chain,
            )
    assert chain == StreamChain()


@pytest.mark.parametrize("closes", [False, True])
def test_a_stream_ends_with_a_status_and_with_nothing_else(closes: bool) -> None:
    body = ResponseStatement(method=METHOD, request_digest=REQUEST, body=b"body")
    end = ResponseStatement(method=METHOD, request_digest=REQUEST, status=OK)
    body.stream.last = closes
    end.stream.last = closes
    right, wrong = (end, body) if closes else (body, end)
    received([encoded(sign_response(right, SERVER))])
    with pytest.raises(ResponseVerificationError):
        received([encoded(sign_response(wrong, SERVER))])


def test_a_unary_answer_is_no_stream_message() -> None:
    factory = response_factory()
    for answer in (
        factory.body(METHOD, REQUEST, b"answer"),
        factory.status(METHOD, REQUEST, FAILURE),
    ):
        with pytest.raises(ResponseVerificationError):
            received([encoded(answer)])
