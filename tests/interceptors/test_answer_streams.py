"""Streams of answers that are cut, reordered, spliced, or end without the server's word."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from shop.v1.orders_pb2 import ListOrdersRequest, ListOrdersResponse, Order
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import ForbiddenError, ResponseVerificationError, TransportError
from sealwire.core.envelope import sign_response
from sealwire.core.errors import Code, SealwireError
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage, Status
from tests.interceptors.customers import AsyncCustomer, BlockingCustomer, Customer
from tests.interceptors.impostor import Answers, fail, streaming, trailing
from tests.interceptors.shop import LIST
from tests.support.servers import House

ORDERS = [ListOrdersResponse(order=Order(number=number)) for number in (1, 2, 3)]
OK = Status(code=Code.OK, reason="OK", message="Complete.")
DENIED = Status(code=Code.PERMISSION_DENIED, reason="PERMISSION_DENIED", message="No.")


@pytest.fixture(params=[BlockingCustomer, AsyncCustomer])
def customer(request: pytest.FixtureRequest, house: House) -> Customer:
    made: Customer = request.param(house, house.enrol("alice"))
    return made


Play = Callable[[Answers, grpc.ServicerContext], Iterator[bytes]]


def playing(house: House, play: Play) -> contextlib.AbstractContextManager[None]:
    """Serve ListOrders with what `play` gives."""

    def answers(request: SignedMessage, context: grpc.ServicerContext) -> Iterator[bytes]:
        return play(Answers(house, request), context)

    return streaming(house, answers)


def refusal_of(customer: Customer, play: Play) -> SealwireError:
    """Return the error in which the stream of `play` ends for a customer."""
    with playing(customer.house, play), pytest.raises(SealwireError) as refused:
        customer.list_orders()
    return refused.value


def three(answers: Answers) -> list[bytes]:
    """Return three true answers."""
    return [answers.next(order.SerializeToString()) for order in ORDERS]


def complete(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from three(answers)
    context.set_trailing_metadata(trailing(answers.end(OK)))


def test_a_complete_stream_is_accepted(customer: Customer) -> None:
    with playing(customer.house, complete):
        assert customer.list_orders() == ORDERS


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_without_the_servers_signed_end_may_be_cut_short(
    customer: Customer, count: int
) -> None:
    # case 86
    refused = refusal_of(customer, lambda answers, _: iter(three(answers)[:count]))
    assert isinstance(refused, ResponseVerificationError)
    assert "may be cut short" in str(refused)
    assert customer.seen == ORDERS[:count]


@pytest.mark.parametrize(
    ("order", "believed"),
    [
        ([0, 1], 2),
        ([1, 2], 0),
        ([0, 2], 1),
        ([1, 0, 2], 0),
        ([0, 2, 1], 1),
        ([0, 0, 1, 2], 1),
        ([0, 1, 2, 2], 3),
        ([], 0),
    ],
)
def test_a_dropped_swapped_or_repeated_answer_is_noticed_at_once(
    customer: Customer, order: list[int], believed: int
) -> None:
    # case 86
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        messages = three(answers)
        context.set_trailing_metadata(trailing(answers.end(OK)))
        yield from (messages[n] for n in order)

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)
    assert customer.seen == ORDERS[:believed]


def test_an_answer_of_another_stream_is_noticed(customer: Customer) -> None:
    # case 87
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        other = Answers(customer.house, SignedMessage(payload=b"another request"))
        yield three(answers)[0]
        yield three(other)[1]

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)
    assert customer.seen == ORDERS[:1]


def test_an_answer_without_a_place_in_the_stream_is_discarded(customer: Customer) -> None:
    # case 86
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield answers.body(ORDERS[0].SerializeToString(), method=LIST).SerializeToString()

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)
    assert customer.seen == []


def test_an_end_among_the_answers_is_no_answer(customer: Customer) -> None:
    # case 86
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield answers.end(OK).SerializeToString()

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)


def test_an_answer_that_says_it_is_the_end_is_discarded(customer: Customer) -> None:
    # case 86
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        first = SignedMessage.FromString(answers.next(ORDERS[0].SerializeToString()))
        yield with_last(answers, first, last=True).SerializeToString()

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)
    assert customer.seen == []


def unsigned(answers: Answers) -> SignedMessage:
    signed = answers.end(OK)
    signed.ClearField("signature")
    return signed


def early(answers: Answers) -> SignedMessage:
    answers.chain.index -= 1
    return answers.end(OK)


def not_the_last(answers: Answers) -> SignedMessage:
    return with_last(answers, answers.end(OK), last=False)


def with_last(answers: Answers, signed: SignedMessage, *, last: bool) -> SignedMessage:
    """Return what the server would sign if it stated `last` otherwise."""
    statement = ResponseStatement.FromString(signed.payload)
    statement.stream.last = last
    return sign_response(statement, answers.responses.signer)


WRONG_ENDS: dict[str, Callable[[Answers], SignedMessage]] = {
    "unsigned": unsigned,
    "an error": lambda answers: answers.end(DENIED),
    "without a place in the stream": lambda answers: answers.status(OK, method=LIST),
    "of a shorter stream": early,
    "that is not the last": not_the_last,
}


@pytest.mark.parametrize("what", WRONG_ENDS)
def test_a_stream_ends_only_by_the_signed_end_that_belongs_to_it(
    customer: Customer, what: str
) -> None:
    # case 86
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from three(answers)
        context.set_trailing_metadata(trailing(WRONG_ENDS[what](answers)))

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)
    assert customer.seen == ORDERS


def test_a_signed_error_midway_is_believed(customer: Customer) -> None:
    # case 89
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield answers.next(ORDERS[0].SerializeToString())
        fail(context, grpc.StatusCode.PERMISSION_DENIED, answers.end(DENIED))

    assert isinstance(refusal_of(customer, play), ForbiddenError)
    assert customer.seen == ORDERS[:1]


def test_an_unsigned_error_midway_proves_nothing(customer: Customer) -> None:
    # case 89
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield answers.next(ORDERS[0].SerializeToString())
        fail(context, grpc.StatusCode.PERMISSION_DENIED)

    assert isinstance(refusal_of(customer, play), TransportError)


def test_a_signed_error_after_a_dropped_answer_proves_nothing(customer: Customer) -> None:
    # case 89
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        first, *_ = three(answers)
        yield first
        fail(context, grpc.StatusCode.PERMISSION_DENIED, answers.end(DENIED))

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)


def test_success_is_no_explanation_of_an_error(customer: Customer) -> None:
    # case 89
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield answers.next(ORDERS[0].SerializeToString())
        fail(context, grpc.StatusCode.PERMISSION_DENIED, answers.end(OK))

    assert isinstance(refusal_of(customer, play), ResponseVerificationError)


@pytest.mark.parametrize(("count", "kind"), [(0, ForbiddenError), (1, ResponseVerificationError)])
def test_an_error_without_a_place_in_the_stream_is_believed_before_any_answer_only(
    customer: Customer, count: int, kind: type[SealwireError]
) -> None:
    # case 89
    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from three(answers)[:count]
        fail(context, grpc.StatusCode.PERMISSION_DENIED, answers.status(DENIED, method=LIST))

    assert isinstance(refusal_of(customer, play), kind)


def test_a_customer_who_stops_listening_ends_the_call(house: House) -> None:
    alice = house.enrol("alice")
    ended = threading.Event()

    def play(answers: Answers, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(ended.set)
        while True:
            yield answers.next(ORDERS[0].SerializeToString())

    with playing(house, play), house.channel(alice.tls) as channel:
        stub = OrderServiceStub(house.signing_channel(channel, alice))
        listing = stub.ListOrders(ListOrdersRequest())
        next(listing)
        listing.close()
        assert ended.wait(timeout=30)
