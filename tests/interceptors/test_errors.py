"""Every error that leaves a server is signed, bound to its request, and tells no secrets."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import cast
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ImportOrdersResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    Order,
    PlaceOrderRequest,
    PlaceOrderResponse,
    PriceOrdersRequest,
    PriceOrdersResponse,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import (
    ConflictError,
    RemoteError,
    SigningChannel,
    TransportError,
    UnauthenticatedError,
)
from sealwire.core.envelope import digest
from sealwire.core.errors import (
    STATUS_CODES,
    AuthenticationError,
    Code,
    CompactedError,
    ConfigurationError,
    ErasedError,
    SealError,
    SealwireError,
    StatusError,
    UnknownOutcomeError,
    VersionMismatchError,
)
from sealwire.core.responses import ResponseVerificationError, open_response
from sealwire.interceptors import Call, Refusal
from sealwire.interceptors.errors import error_details, to_status
from tests.interceptors.shop import (
    APPLES,
    ORDER,
    PLACE,
    ObservedOrders,
    Shop,
    open_shop,
    trailing_status,
)
from tests.support.clocks import AdjustableClock
from tests.support.rpc_errors import failed_call
from tests.support.servers import House

CANARY = "canary-4711"


class Troubled(ObservedOrders):
    """Each method fails as it is told; those that stream do so after one answer."""

    def __init__(self, trouble: BaseException | None) -> None:
        super().__init__({})
        self.trouble = trouble

    async def PlaceOrder(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
        self._fail()
        return cast("PlaceOrderResponse", ListOrdersRequest())

    async def ImportOrders(
        self, requests: AsyncIterator[ImportOrdersRequest], call: Call
    ) -> ImportOrdersResponse:
        async for _ in requests:
            pass
        self._fail()
        return cast("ImportOrdersResponse", ListOrdersRequest())

    async def ListOrders(
        self, request: ListOrdersRequest, call: Call
    ) -> AsyncIterator[ListOrdersResponse]:
        yield ListOrdersResponse(order=Order(number=1))
        self._fail()

    async def PriceOrders(
        self, requests: AsyncIterator[PriceOrdersRequest], call: Call
    ) -> AsyncIterator[PriceOrdersResponse]:
        async for _ in requests:
            yield PriceOrdersResponse(price=1)
        self._fail()

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble


Shape = Callable[[Shop], object]


def place(shop: Shop) -> object:
    return shop.stub.PlaceOrder(PlaceOrderRequest(item=APPLES))


def bring(shop: Shop) -> object:
    return shop.stub.ImportOrders(iter([ImportOrdersRequest(item=APPLES)]))


def listing(shop: Shop) -> object:
    return list(shop.stub.ListOrders(ListOrdersRequest()))


def prices(shop: Shop) -> object:
    return list(shop.stub.PriceOrders(iter([PriceOrdersRequest(item=APPLES)])))


SHAPES = {"unary": place, "import": bring, "list": listing, "price": prices}


def trouble_of(kind: type[SealwireError], text: str) -> SealwireError:
    """Return an error that says `text`, if its kind lets it, and the largest numbers it can."""
    largest = 2**64 - 1
    if issubclass(kind, VersionMismatchError):
        return kind(text, current_version=largest, condition=999)
    if issubclass(kind, CompactedError):
        return kind(text, oldest_revision=largest)
    return kind() if issubclass(kind, ErasedError) else kind(text)


def remote_error(house: House, trouble: BaseException | None, shape: Shape = place) -> RemoteError:
    """Return what a client is told when a handler raises `trouble`."""
    with open_shop(house, Troubled(trouble)) as shop, pytest.raises(RemoteError) as told:
        shape(shop)
    return told.value


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_handlers_own_error_arrives_signed_in_each_shape(house: House, shape: Shape) -> None:
    trouble = StatusError(Code.FAILED_PRECONDITION, "SOLD_OUT", "There are no äpples.")
    told = remote_error(house, trouble, shape)
    assert (told.code, told.status_reason) == (Code.FAILED_PRECONDITION, "SOLD_OUT")
    assert str(told) == "There are no äpples."


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_unexpected_exception_leaks_nothing_in_each_shape(
    house: House, shape: Shape, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="sealwire.interceptors"):
        told = remote_error(house, RuntimeError(CANARY), shape)
    assert (told.code, told.status_reason) == (Code.INTERNAL, "INTERNAL")
    assert CANARY not in str(told)
    assert CANARY in caplog.text


def test_no_part_of_an_internal_error_leaks_on_the_wire(house: House) -> None:
    with open_shop(house, Troubled(RuntimeError(CANARY))) as shop:
        signed = shop.order()
        error = shop.line.future(signed).exception()
        assert shop.line.signed_status(error, [signed]).code == Code.INTERNAL
        call = failed_call(error)
        seen = repr((call.details(), call.initial_metadata(), call.trailing_metadata()))
    assert CANARY not in seen


@pytest.mark.parametrize(
    "trouble",
    [
        ConfigurationError(CANARY),
        SealwireError(CANARY),
        StopAsyncIteration(CANARY),
        KeyError(CANARY),
        StatusError(Code.OK, "FINE", CANARY),
        None,
    ],
    ids=repr,
)
def test_what_a_handler_must_not_do_is_an_internal_error(
    house: House, trouble: BaseException | None
) -> None:
    told = remote_error(house, trouble)
    assert told.code == Code.INTERNAL
    assert CANARY not in str(told)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_handler_that_is_cancelled_from_within_answers_all_the_same(
    house: House, shape: Shape
) -> None:
    told = remote_error(house, asyncio.CancelledError(CANARY), shape)
    assert told.code == Code.INTERNAL
    assert CANARY not in str(told)


def errors(kind: type[SealwireError] = SealwireError) -> list[type[SealwireError]]:
    """Return every error that the table gives a status."""
    found = [kind] if kind.reason in STATUS_CODES else []
    return found + [leaf for child in kind.__subclasses__() for leaf in errors(child)]


@pytest.mark.parametrize("kind", list(dict.fromkeys(errors())))
def test_each_error_of_the_table_arrives_with_its_code(
    house: House, kind: type[SealwireError]
) -> None:
    trouble = trouble_of(kind, CANARY)
    told = remote_error(house, trouble)
    assert (told.code, told.status_reason) == (STATUS_CODES[kind.reason], kind.reason)
    assert told.metadata == trouble.metadata
    hidden = kind in {AuthenticationError, SealError, ErasedError}
    assert (CANARY in str(told)) is not hidden


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_condition_that_did_not_hold_arrives_as_a_conflict_with_what_is_there(
    house: House, shape: Shape
) -> None:
    trouble = VersionMismatchError("It has version 7.", current_version=7, condition=2)
    told = remote_error(house, trouble, shape)
    assert isinstance(told, ConflictError)
    assert (told.code, told.status_reason) == (Code.ABORTED, "VERSION_MISMATCH")
    assert told.metadata == {"current_version": "7", "condition": "2"}


@pytest.mark.parametrize("kind", [VersionMismatchError, CompactedError, UnknownOutcomeError])
def test_the_longest_metadata_beside_the_longest_text_still_arrive_signed(
    house: House, kind: type[SealwireError]
) -> None:
    # Percent-encoded in grpc-message, each byte of the text takes three.
    trouble = trouble_of(kind, "ä" * 5_000)
    told = remote_error(house, trouble)
    assert (told.status_reason, told.metadata) == (kind.reason, trouble.metadata)


@pytest.mark.parametrize("kind", list(dict.fromkeys(errors())))
def test_an_errors_three_copies_fit_the_metadata_that_grpc_takes(
    kind: type[SealwireError],
) -> None:
    status = to_status(trouble_of(kind, "ä" * 5_000))
    signed = status.SerializeToString() + bytes(1_000)  # more than what an envelope adds
    copies = quote(status.message), b64encode(error_details(status)), b64encode(signed)
    assert sum(map(len, copies)) <= 8 * 1024


def test_an_error_without_more_to_say_has_no_metadata(house: House) -> None:
    assert remote_error(house, StatusError(Code.ABORTED, "ODD", "No.")).metadata == {}
    assert remote_error(house, RuntimeError(CANARY)).metadata == {}


def test_standard_tooling_finds_the_metadata_that_were_signed(house: House) -> None:
    trouble = VersionMismatchError("It has version 7.", current_version=7)
    with open_shop(house, Troubled(trouble)) as shop:
        signed = shop.order()
        error = shop.line.future(signed).exception()
        assert shop.line.signed_status(error, [signed]).metadata == {"current_version": "7"}
        status = rpc_status.from_call(failed_call(error))
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (info.reason, info.metadata) == ("VERSION_MISMATCH", {"current_version": "7"})


def test_metadata_that_were_altered_on_the_way_are_not_the_servers_word(house: House) -> None:
    # case 86
    with open_shop(house, Troubled(VersionMismatchError("No.", current_version=7))) as shop:
        signed = shop.order()
        error = shop.line.future(signed).exception()
        assert shop.line.signed_status(error, [signed]).metadata == {"current_version": "7"}
    altered = trailing_status(error).replace(b"\x12\x017", b"\x12\x018")
    assert altered != trailing_status(error)
    with pytest.raises(ResponseVerificationError, match="signature does not hold"):
        open_response(
            altered,
            server_key=house.server_key.public_key,
            method=PLACE,
            request_digests=[digest(signed.payload)],
        )


def test_standard_tooling_finds_reason_and_domain(shop: Shop) -> None:
    status = rpc_status.from_call(failed_call(shop.line.future(b"garbage").exception()))
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("MALFORMED", "sealwire")


def test_an_error_says_by_the_servers_clock_when_it_happened(shop: Shop) -> None:
    # case 101
    options = shop.house.signing_options
    options["clock"] = AdjustableClock(shop.house.clock() - 3_600_000)
    stub = OrderServiceStub(SigningChannel(shop.line.channel, shop.alice.key, **options))
    with pytest.raises(UnauthenticatedError, match=r"3600\.0 s ahead"):
        stub.PlaceOrder(PlaceOrderRequest(item=APPLES))


@pytest.mark.parametrize("size", [5_000, 20_000, 200_000])
def test_an_error_with_a_very_long_text_still_arrives_signed(house: House, size: int) -> None:
    trouble = StatusError(Code.ABORTED, "LONG", "ä" * size)
    told = remote_error(house, trouble)
    assert (told.code, told.status_reason) == (Code.ABORTED, "LONG")


def test_an_error_whose_text_is_no_unicode_still_arrives_signed(house: House) -> None:
    told = remote_error(house, StatusError(Code.ABORTED, "ODD", "\ud800!"))
    assert (told.code, str(told)) == (Code.ABORTED, "?!")


class FullLog(list[Refusal]):
    def append(self, _: Refusal) -> None:
        raise OSError(CANARY)


def test_a_log_that_fails_does_not_change_what_a_client_sees(house: House) -> None:
    house.refusals = FullLog()
    with open_shop(house) as shop:
        assert shop.line.refusal(b"garbage").code == Code.INVALID_ARGUMENT


def test_a_handlers_own_abort_is_not_taken_for_the_servers_word(house: House) -> None:
    class Aborting(ObservedOrders):
        async def PlaceOrder(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
            await call.rpc.abort(grpc.StatusCode.NOT_FOUND, CANARY)  # type: ignore[attr-defined]
            return PlaceOrderResponse()

    with open_shop(house, Aborting({})) as shop, pytest.raises(TransportError):
        place(shop)


def test_the_exact_same_path_and_bytes_are_what_a_handler_is_told(house: House) -> None:
    calls: list[Call] = []

    class Listening(ObservedOrders):
        async def PlaceOrder(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
            calls.append(call)
            return PlaceOrderResponse()

    with open_shop(house, Listening({})) as shop:
        signed = shop.order()
        shop.line.place(signed)
    (call,) = calls
    assert call.signed == signed
    assert call.statement.body == ORDER
    assert (call.method.path, call.method.permission) == (PLACE, "orders.place")
    assert (call.caller.identity, call.caller.public_key) == ("alice", shop.alice.key.public_key)
    with pytest.raises(AuthenticationError):
        _ = call.applicant
