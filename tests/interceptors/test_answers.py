"""Answers to a single request, from a server or an attacker that does not tell the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import grpc
import pytest
from shop.v1.orders_pb2 import ImportOrdersRequest, Order, PlaceOrderRequest, PlaceOrderResponse
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import (
    ForbiddenError,
    RemoteError,
    ResponseVerificationError,
    TransportError,
    UnauthenticatedError,
)
from sealwire.core.envelope import REQUEST_TYPE, pae, sign_response
from sealwire.core.errors import Code, SealwireError
from sealwire.core.keys import PrivateKey
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage, Status
from tests.interceptors.customers import AsyncCustomer, BlockingCustomer, Customer
from tests.interceptors.impostor import Answers, Handler, answering, fail, impostor, trailing
from tests.interceptors.shop import APPLES, IMPORT, LIST
from tests.support.servers import House

PLACED = PlaceOrderResponse(order=Order(number=1, customer="alice", item=APPLES))
BODY = PLACED.SerializeToString()
DENIED = Status(code=Code.PERMISSION_DENIED, reason="PERMISSION_DENIED", message="No.")

Make = Callable[[House, SignedMessage], bytes]


@pytest.fixture(params=[BlockingCustomer, AsyncCustomer])
def customer(request: pytest.FixtureRequest, house: House) -> Customer:
    made: Customer = request.param(house, house.enrol("alice"))
    return made


def refusal_of_answer(customer: Customer, make: Make) -> SealwireError:
    """Return the error with which a customer discards what `make` made."""
    honest_or_not = answering(customer.house, lambda request, _: make(customer.house, request))
    with honest_or_not, pytest.raises(SealwireError) as refused:
        customer.place()
    return refused.value


def changed(house: House, request: SignedMessage, **fields: object) -> bytes:
    """Return an answer whose statement was changed before the server's key signed it."""
    statement = ResponseStatement.FromString(Answers(house, request).body(BODY).payload)
    for name, value in fields.items():
        setattr(statement, name, value)
    return sign_response(statement, house.server_key).SerializeToString()


def test_a_true_answer_is_accepted(customer: Customer) -> None:
    # case 86
    house = customer.house
    with answering(house, lambda r, _: Answers(house, r).body(BODY).SerializeToString()):
        assert customer.place() == PLACED


def test_no_flipped_bit_of_an_answer_is_accepted(house: House) -> None:
    # case 86
    alice = house.enrol("alice")
    bits = iter(range(1_000_000))
    size = 0

    def answer(request: SignedMessage, _: grpc.ServicerContext) -> bytes:
        nonlocal size
        data = bytearray(Answers(house, request).body(BODY).SerializeToString())
        size = 8 * len(data)
        bit = next(bits)
        data[bit // 8] ^= 1 << bit % 8
        return bytes(data)

    with answering(house, answer), house.channel(alice.tls) as channel:
        stub = OrderServiceStub(house.signing_channel(channel, alice))
        tried = 0
        while not tried or tried < size:
            with pytest.raises(ResponseVerificationError):
                stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
            tried += 1
    assert tried == size > 1_500


def truth(house: House, request: SignedMessage, key: PrivateKey | None = None) -> bytes:
    return Answers(house, request, key).body(BODY).SerializeToString()


def unsigned(house: House, request: SignedMessage) -> bytes:
    signed = Answers(house, request).body(BODY)
    signed.ClearField("signature")
    return signed.SerializeToString()


def signed_as_a_request(house: House, request: SignedMessage) -> bytes:
    signed = Answers(house, request).body(BODY)
    signed.signature = house.server_key.sign(pae(REQUEST_TYPE, signed.payload))
    return signed.SerializeToString()


def without_outcome(house: House, request: SignedMessage) -> bytes:
    statement = ResponseStatement.FromString(Answers(house, request).body(BODY).payload)
    statement.ClearField("body")
    return sign_response(statement, house.server_key).SerializeToString()


WRONG_ANSWERS: dict[str, Make] = {
    "nothing": lambda h, r: b"",
    "garbage": lambda h, r: b"\xff" * 40,
    "the request itself": lambda h, r: r.SerializeToString(),
    "no signature": unsigned,
    "an unknown field": lambda h, r: truth(h, r) + b"\xf8\x07\x01",
    "the key of a stranger": lambda h, r: truth(h, r, PrivateKey.generate(os.urandom)),
    "the signature of a request": signed_as_a_request,
    "the digest of another request": lambda h, r: changed(h, r, request_digest=bytes(32)),
    "no digest": lambda h, r: changed(h, r, request_digest=b""),
    "another method": lambda h, r: changed(h, r, method=LIST),
    "no method": lambda h, r: changed(h, r, method=""),
    "no outcome": without_outcome,
    "a status for a body": lambda h, r: Answers(h, r).status(DENIED).SerializeToString(),
    "a place in a stream": lambda h, r: Answers(h, r).next(BODY),
    "another message": lambda h, r: changed(h, r, body=b"\xff"),
    "a message of tomorrow": lambda h, r: changed(h, r, body=BODY + b"\xf8\x07\x01"),
}


@pytest.mark.parametrize("what", WRONG_ANSWERS)
def test_an_answer_that_is_not_the_servers_to_this_request_is_discarded(
    customer: Customer, what: str
) -> None:
    # case 86
    refused = refusal_of_answer(customer, WRONG_ANSWERS[what])
    assert isinstance(refused, ResponseVerificationError)


def test_the_answer_to_another_request_is_discarded(customer: Customer) -> None:
    # case 87
    earlier: list[bytes] = []

    def answer(house: House, request: SignedMessage) -> bytes:
        earlier.append(truth(house, request))
        return earlier[0]

    with answering(customer.house, lambda request, _: answer(customer.house, request)):
        assert customer.place() == PLACED
        with pytest.raises(ResponseVerificationError, match="another request"):
            customer.place()


def test_a_server_with_a_new_key_is_not_believed(customer: Customer) -> None:
    # case 88
    key = PrivateKey.generate(os.urandom)
    refused = refusal_of_answer(customer, lambda house, request: truth(house, request, key))
    assert isinstance(refused, ResponseVerificationError)
    assert "another key than the pinned one" in str(refused)


def error_of(
    customer: Customer, *make: Callable[[Answers], SignedMessage], code: grpc.StatusCode
) -> SealwireError:
    """Return what a customer makes of an error with these signed statuses."""

    def answer(request: SignedMessage, context: grpc.ServicerContext) -> bytes:
        answers = Answers(customer.house, request)
        fail(context, code, *(one(answers) for one in make))
        return b""

    with answering(customer.house, answer), pytest.raises(SealwireError) as refused:
        customer.place()
    return refused.value


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK])
def test_an_unsigned_error_proves_nothing_whatever_its_code(
    house: House, code: grpc.StatusCode
) -> None:
    # case 89
    refused = error_of(BlockingCustomer(house, house.enrol("alice")), code=code)
    assert isinstance(refused, TransportError)
    assert "Whether the request took effect is unknown" in str(refused)
    assert code.name in str(refused)


def test_a_signed_error_is_believed_and_its_words_are_the_signed_ones(customer: Customer) -> None:
    # case 89
    refused = error_of(customer, lambda a: a.status(DENIED), code=grpc.StatusCode.NOT_FOUND)
    assert isinstance(refused, ForbiddenError)
    assert (refused.code, refused.status_reason) == (Code.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert "impostor" not in str(refused)


def test_two_signed_errors_prove_nothing(customer: Customer) -> None:
    # case 89
    make = [lambda a: a.status(DENIED)] * 2
    assert isinstance(
        error_of(customer, *make, code=grpc.StatusCode.PERMISSION_DENIED), TransportError
    )


def forged(answers: Answers) -> SignedMessage:
    signed = answers.status(DENIED)
    signed.signature = bytes(64)
    return signed


def of_another_request(answers: Answers) -> SignedMessage:
    answers.digest = bytes(32)
    return answers.status(DENIED)


WRONG_ERRORS: dict[str, Callable[[Answers], SignedMessage]] = {
    "forged": forged,
    "of another request": of_another_request,
    "of another method": lambda a: a.status(DENIED, method=LIST),
    "no error": lambda a: a.status(Status(code=Code.OK)),
    "a body": lambda a: a.body(BODY),
    "of a stream": lambda a: a.end(DENIED),
}


@pytest.mark.parametrize("what", WRONG_ERRORS)
def test_a_forged_error_is_no_proof_that_nothing_happened(customer: Customer, what: str) -> None:
    # case 89
    refused = error_of(customer, WRONG_ERRORS[what], code=grpc.StatusCode.PERMISSION_DENIED)
    assert isinstance(refused, ResponseVerificationError)


def test_an_unknown_code_is_kept_as_unknown(customer: Customer) -> None:
    strange = Status(code=99, reason="STRANGE", message="Strange.")
    refused = error_of(customer, lambda a: a.status(strange), code=grpc.StatusCode.UNKNOWN)
    assert isinstance(refused, RemoteError)
    assert (refused.code, refused.status_reason) == (Code.UNKNOWN, "STRANGE")


def test_an_unauthenticated_client_is_told_how_far_the_clocks_are_apart(customer: Customer) -> None:
    # case 101
    clock = customer.house.clock

    def answer(request: SignedMessage, context: grpc.ServicerContext) -> bytes:
        clock.advance(90_000)
        status = Answers(customer.house, request).status(Status(code=Code.UNAUTHENTICATED))
        clock.advance(-90_000)
        fail(context, grpc.StatusCode.UNAUTHENTICATED, status)
        return b""

    refused = pytest.raises(UnauthenticatedError, match=r"90\.0 s ahead")
    with answering(customer.house, answer), refused:
        customer.place()


def test_an_answer_to_a_part_of_a_request_stream_is_discarded(customer: Customer) -> None:
    # case 87
    def handle(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        received = [SignedMessage.FromString(data) for data in messages]
        answers = Answers(customer.house, received[-2])
        return answers.body(b"", method=IMPORT).SerializeToString()

    handler: Handler = grpc.stream_unary_rpc_method_handler(handle)
    refused = pytest.raises(ResponseVerificationError, match="another request")
    with impostor(customer.house, "ImportOrders", handler), refused:
        customer.bring([ImportOrdersRequest(item=APPLES)])


def test_trailing_metadata_beside_a_true_answer_changes_nothing(customer: Customer) -> None:
    house = customer.house

    def answer(request: SignedMessage, context: grpc.ServicerContext) -> bytes:
        answers = Answers(house, request)
        context.set_trailing_metadata(trailing(answers.status(DENIED)))
        return answers.body(BODY).SerializeToString()

    with answering(house, answer):
        assert customer.place() == PLACED
