from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import digest, verify_request
from sealwire.core.errors import (
    AuthenticationError,
    MalformedError,
    SealwireError,
    StreamIntegrityError,
)
from sealwire.core.requests import check_continuation, parse_statement
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage, StreamPosition
from tests.core.builders import ALICE, METHOD, request_factory

BODIES = [b"one", b"two", b"three"]


def sent(bodies: Iterable[bytes], seed: str = "sealwire") -> list[SignedMessage]:
    stream = request_factory(seed=seed).stream(METHOD)
    return [*(stream.message(body) for body in bodies), stream.close()]


def received(messages: Iterable[SignedMessage]) -> tuple[list[bytes], bool]:
    """Verify a request stream; return its bodies, and whether it was closed."""
    chain, first, bodies = StreamChain(), RequestStatement(), []
    for signed in messages:
        verify_request(signed, ALICE.public_key)
        statement = parse_statement(signed.payload)
        if chain.index == 0:
            first = statement
        check_continuation(first, statement)
        chain.check(statement.stream)
        chain.advance(signed.payload, statement.stream)
        if statement.HasField("body"):
            bodies.append(statement.body)
    return bodies, chain.closed


@given(st.lists(st.binary(max_size=8), max_size=6))
def test_a_request_stream_arrives_as_it_was_sent(bodies: list[bytes]) -> None:
    assert received(sent(bodies)) == (bodies, True)


def test_an_empty_stream_is_one_closing_statement() -> None:
    messages = sent([])
    assert len(messages) == 1
    assert parse_statement(messages[0].payload).stream == StreamPosition(last=True)
    assert received(messages) == ([], True)


def test_each_message_carries_its_index_and_the_digest_of_the_one_before() -> None:
    messages = sent(BODIES)
    statements = [parse_statement(signed.payload) for signed in messages]
    assert [statement.stream.index for statement in statements] == [0, 1, 2, 3]
    assert [statement.stream.last for statement in statements] == [False, False, False, True]
    assert statements[0].stream.previous_digest == b""
    for before, statement in zip(messages, statements[1:], strict=False):
        assert statement.stream.previous_digest == digest(before.payload)
    assert len({statement.nonce for statement in statements}) == 1


def test_no_order_but_the_sent_one_is_accepted() -> None:  # case 42
    messages = sent(BODIES)
    for order in itertools.permutations(range(4)):
        if order != (0, 1, 2, 3):
            with pytest.raises((StreamIntegrityError, MalformedError)):
                received([messages[index] for index in order])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_dropped_message_is_noticed(index: int) -> None:  # case 42
    messages = sent(BODIES)
    del messages[index]
    with pytest.raises(StreamIntegrityError):
        received(messages)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_repeated_message_is_noticed(index: int) -> None:  # case 42
    messages = sent(BODIES)
    messages.insert(index, messages[index])
    with pytest.raises(StreamIntegrityError):
        received(messages)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_cut_stream_is_not_closed(count: int) -> None:  # case 43
    assert received(sent(BODIES)[:count]) == (BODIES[:count], False)


def test_a_message_after_the_closing_statement_is_malformed() -> None:  # case 44
    stream = request_factory().stream(METHOD)
    messages = [stream.message(b"one"), stream.close(), stream.message(b"late")]
    with pytest.raises(MalformedError, match="closing"):
        received(messages)


def test_a_second_closing_statement_is_malformed() -> None:  # case 44
    stream = request_factory().stream(METHOD)
    with pytest.raises(MalformedError, match="closing"):
        received([stream.message(b"one"), stream.close(), stream.close()])


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_message_of_another_stream_is_noticed(index: int) -> None:  # case 45
    # The same signer, method, time and bodies: only the nonce tells the streams apart.
    messages = sent(BODIES)
    messages[index] = sent(BODIES, seed="other")[index]
    with pytest.raises(AuthenticationError, match="another stream"):
        received(messages)


def test_a_forked_history_is_noticed() -> None:  # case 45
    # The same stream, continued in two ways: the digest of the message before tells them apart.
    one, other = (request_factory().stream(METHOD) for _ in range(2))
    messages = [one.message(b"one"), one.message(b"pay 1")]
    other.message(b"one")
    other.message(b"pay 9")
    messages.append(other.close())
    with pytest.raises(StreamIntegrityError):
        received(messages)


@pytest.mark.parametrize(
    "position",
    [
        StreamPosition(index=1),
        StreamPosition(previous_digest=digest(b"before")),
        StreamPosition(index=2, previous_digest=digest(b"before")),
        StreamPosition(index=2**64 - 1, previous_digest=digest(b"before")),
        StreamPosition(index=1, previous_digest=digest(b"before")[:-1]),
        StreamPosition(index=1, previous_digest=digest(b"before") + b"\0"),
        StreamPosition(),
    ],
)
def test_only_the_position_that_follows_is_accepted(position: StreamPosition) -> None:
    chain = StreamChain()
    chain.advance(b"before", chain.next())
    chain.check(StreamPosition(index=1, previous_digest=digest(b"before")))
    with pytest.raises(SealwireError):
        chain.check(position)
