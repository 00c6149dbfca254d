"""Request streams under attack: whatever is wrong, nothing is committed."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator

import grpc
import pytest
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    Item,
)

from sealwire.core.envelope import sign_request
from sealwire.core.errors import Code
from sealwire.core.requests import RequestStream
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage, Status
from tests.interceptors.shop import IMPORT, Shop, open_shop
from tests.interceptors.watched import Watched, import_two
from tests.support.servers import House

BODIES = [
    ImportOrdersRequest(item=Item(sku="apple", quantity=n)).SerializeToString() for n in (1, 2, 3)
]


def new_stream(shop: Shop) -> RequestStream:
    return shop.house.requests(shop.alice).stream(IMPORT)


def closed_stream(shop: Shop) -> list[SignedMessage]:
    """Return three messages and their closing statement."""
    stream = new_stream(shop)
    return [*(stream.message(body) for body in BODIES), stream.close()]


def assert_nothing_committed(shop: Shop, status: Status, *codes: Code) -> None:
    assert status.code in codes, status
    assert shop.service.orders == []


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ([1, 0, 2, 3], Code.DATA_LOSS),
        ([0, 2, 1, 3], Code.DATA_LOSS),
        ([0, 1, 1, 2, 3], Code.DATA_LOSS),
        ([0, 0, 1, 2, 3], Code.DATA_LOSS),
        ([0, 2, 3], Code.DATA_LOSS),
        ([1, 2, 3], Code.DATA_LOSS),
        ([0, 1, 3], Code.DATA_LOSS),
        ([3], Code.DATA_LOSS),
    ],
)
def test_a_swapped_repeated_or_dropped_message_breaks_the_stream(
    shop: Shop, order: list[int], code: Code
) -> None:
    # case 42
    messages = closed_stream(shop)
    status = shop.line.stream_refusal([messages[n] for n in order])
    assert_nothing_committed(shop, status, code)
    assert status.reason == "STREAM_BROKEN"


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_stream_cut_before_its_closing_statement_is_refused(shop: Shop, kept: int) -> None:
    # case 43
    status = shop.line.stream_refusal(closed_stream(shop)[:kept])
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_a_message_after_the_closing_statement_is_refused(shop: Shop) -> None:
    # case 44
    stream = new_stream(shop)
    messages = [stream.message(BODIES[0]), stream.close(), stream.message(BODIES[1])]
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_a_second_closing_statement_is_refused(shop: Shop) -> None:
    # case 44
    stream = new_stream(shop)
    messages = [stream.message(BODIES[0]), stream.close(), stream.close()]
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_garbage_after_the_closing_statement_is_refused(shop: Shop) -> None:
    # case 44
    status = shop.line.stream_refusal([*closed_stream(shop), b"garbage"])
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_message_of_another_stream_is_not_authentic(shop: Shop, position: int) -> None:
    # case 45
    messages, others = closed_stream(shop), closed_stream(shop)
    messages[position] = others[position]
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.UNAUTHENTICATED)


def test_a_message_of_another_callers_stream_is_not_authentic(shop: Shop) -> None:
    # case 45
    bob = shop.house.enrol("bob")
    messages = closed_stream(shop)
    theirs = shop.house.requests(bob).stream(IMPORT)
    others = [theirs.message(body) for body in BODIES]
    status = shop.line.stream_refusal([messages[0], others[1], *messages[2:]])
    assert_nothing_committed(shop, status, Code.UNAUTHENTICATED)


@pytest.mark.parametrize("field", ["method", "audience", "public_key_id", "issued_at", "nonce"])
def test_a_later_message_must_repeat_what_the_first_one_states(shop: Shop, field: str) -> None:
    # case 45
    first, second, *_ = closed_stream(shop)
    statement = RequestStatement.FromString(second.payload)
    other = {"issued_at": statement.issued_at + 1, "nonce": bytes(24)}.get(field, "other")
    setattr(statement, field, other)
    status = shop.line.stream_refusal([first, sign_request(statement, shop.alice.key)])
    assert_nothing_committed(shop, status, Code.UNAUTHENTICATED)


def test_a_later_message_must_name_the_same_key(shop: Shop) -> None:
    # case 45
    bob = shop.house.enrol("bob")
    messages = closed_stream(shop)
    messages[1].public_key_id = bob.key_id
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.UNAUTHENTICATED)


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_a_flipped_bit_in_a_later_message_is_not_authentic(shop: Shop, part: str) -> None:
    # case 42
    messages = closed_stream(shop)
    value = bytearray(getattr(messages[1], part))
    value[-1] ^= 1
    setattr(messages[1], part, bytes(value))
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.UNAUTHENTICATED)
    assert len(shop.house.refusals) == 1


def test_a_message_that_does_not_parse_ends_the_stream(shop: Shop) -> None:
    status = shop.line.stream_refusal([closed_stream(shop)[0], b"garbage"])
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_a_body_that_does_not_parse_ends_the_stream(shop: Shop) -> None:
    stream = new_stream(shop)
    messages = [stream.message(BODIES[0]), stream.message(b"\xff"), stream.close()]
    status = shop.line.stream_refusal(messages)
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_a_stream_that_was_accepted_is_not_accepted_again(shop: Shop) -> None:
    # case 19
    messages = closed_stream(shop)
    send: grpc.StreamUnaryMultiCallable[bytes, bytes] = shop.line.channel.stream_unary(IMPORT)
    send(message.SerializeToString() for message in messages)
    assert shop.line.stream_refusal(messages).code == Code.UNAUTHENTICATED
    assert len(shop.service.orders) == len(BODIES)


def test_a_message_of_a_stream_is_no_unary_request(shop: Shop) -> None:
    signed = shop.house.requests(shop.alice).stream("/shop.v1.OrderService/PlaceOrder")
    status = shop.line.refusal(signed.message(BODIES[0]))
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)


def test_a_unary_request_opens_no_stream(shop: Shop) -> None:
    signed = shop.house.requests(shop.alice).unary(IMPORT, BODIES[0])
    status = shop.line.stream_refusal([signed])
    assert_nothing_committed(shop, status, Code.INVALID_ARGUMENT)
    assert "without a stream position" in status.message


def test_two_messages_to_a_unary_method_are_refused(shop: Shop) -> None:
    send: grpc.StreamUnaryMultiCallable[bytes, bytes] = shop.line.channel.stream_unary(
        "/shop.v1.OrderService/PlaceOrder"
    )
    messages = [shop.order().SerializeToString(), shop.order().SerializeToString()]
    with contextlib.suppress(grpc.RpcError):
        send(iter(messages))
    assert len(shop.service.orders) <= 1


def test_a_disconnect_midway_commits_nothing_and_leaves_nothing_running(house: House) -> None:
    # case 46
    service = Watched()
    with open_shop(house, service) as shop:
        end: queue.Queue[bytes] = queue.Queue()
        first = new_stream(shop).message(BODIES[0])

        def messages() -> Iterator[bytes]:
            yield first.SerializeToString()
            yield end.get()

        with house.channel(shop.alice.tls) as channel:
            send: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(IMPORT)
            future = send.future(messages())
            assert service.events.get(timeout=30) == "request"
        # gRPC may end the stream of requests before it cancels; only the closing statement counts.
        assert service.events.get(timeout=30) in {"CancelledError", "MalformedError"}
        assert future.cancelled() or future.exception() is not None
        end.put(b"")
        assert service.orders == []


def test_a_stream_outlives_the_time_window_of_its_first_message(house: House) -> None:
    service = Watched()
    with open_shop(house, service) as shop:
        later = 10 * house.window.window_ms
        answer = import_two(shop, service, between=lambda: house.clock.advance(later))
        assert answer.placed == 2


def test_an_error_midway_is_bound_to_the_message_that_caused_it(shop: Shop) -> None:
    messages = closed_stream(shop)
    broken = [messages[0], messages[2]]
    send: grpc.StreamUnaryMultiCallable[bytes, bytes] = shop.line.channel.stream_unary(IMPORT)
    with pytest.raises(grpc.RpcError) as refused:
        send(message.SerializeToString() for message in broken)
    shop.line.signed_status(refused.value, broken[1:], path=IMPORT)
