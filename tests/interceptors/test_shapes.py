"""All four RPC shapes, signed and verified, through both channels and by hand."""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import grpc.aio
import pytest
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ImportOrdersResponse,
    Item,
    ListOrdersRequest,
    ListOrdersResponse,
    PlaceOrderRequest,
    PriceOrdersRequest,
    PriceOrdersResponse,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import AsyncSigningChannel, ForbiddenError
from sealwire.core.envelope import digest
from sealwire.core.errors import Code, MalformedError
from sealwire.core.responses import (
    STATUS_METADATA_KEY,
    open_response,
    open_stream_response,
)
from sealwire.core.streams import StreamChain
from sealwire.interceptors import Call
from tests.interceptors.shop import (
    APPLES,
    IMPORT,
    LIST,
    ORDER,
    PLACE,
    PRICE,
    ObservedOrders,
    Shop,
    open_shop,
)
from tests.support.servers import House

BREAD = Item(sku="bread", quantity=1)


def test_a_unary_call_is_signed_and_verified(shop: Shop) -> None:
    placed = shop.stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
    assert (placed.order.number, placed.order.customer) == (1, "alice")
    assert [order.item for order in shop.service.orders] == [APPLES]


def test_a_response_stream_is_signed_and_verified(shop: Shop) -> None:
    for item in (APPLES, BREAD):
        shop.stub.PlaceOrder(PlaceOrderRequest(item=item))
    listed = list(shop.stub.ListOrders(ListOrdersRequest()))
    assert [answer.order.item for answer in listed] == [APPLES, BREAD]


def test_an_empty_response_stream_is_verified_too(shop: Shop) -> None:
    assert list(shop.stub.ListOrders(ListOrdersRequest())) == []


def test_a_request_stream_is_signed_and_verified(shop: Shop) -> None:
    imported = shop.stub.ImportOrders(ImportOrdersRequest(item=i) for i in (APPLES, BREAD))
    assert imported == ImportOrdersResponse(placed=2)
    assert [order.item for order in shop.service.orders] == [APPLES, BREAD]


def test_an_empty_request_stream_is_verified_too(shop: Shop) -> None:
    assert shop.stub.ImportOrders(iter(())) == ImportOrdersResponse(placed=0)


def test_a_dialogue_is_signed_and_verified_message_by_message(shop: Shop) -> None:
    prices = shop.stub.PriceOrders(PriceOrdersRequest(item=i) for i in (APPLES, BREAD))
    assert [answer.price for answer in prices] == [120, 320]


def test_a_dialogue_answers_before_the_next_question_exists(shop: Shop) -> None:
    answered: queue.Queue[int] = queue.Queue()
    heard = []

    def questions() -> Iterator[PriceOrdersRequest]:
        for quantity in (1, 2, 3):
            yield PriceOrdersRequest(item=Item(sku="apple", quantity=quantity))
            heard.append(answered.get())

    for answer in shop.stub.PriceOrders(questions()):
        answered.put(answer.price)
    assert heard == [40, 80, 120]


def test_the_four_shapes_work_on_an_asyncio_channel(shop: Shop) -> None:
    async def talk(stub: OrderServiceStub) -> list[object]:
        placed = await stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
        imported = await stub.ImportOrders(each(ImportOrdersRequest(item=BREAD)))
        listed = [answer.order.item async for answer in stub.ListOrders(ListOrdersRequest())]
        prices = stub.PriceOrders(each(PriceOrdersRequest(item=APPLES)))
        return [
            placed.order.number,
            imported.placed,
            listed,
            [answer.price async for answer in prices],
        ]

    assert with_async_stub(shop, talk) == [1, 1, [APPLES, BREAD], [120]]


def test_a_refusal_reaches_an_asyncio_caller_in_each_shape(shop: Shop) -> None:
    shop.granted.clear()

    async def talk(stub: OrderServiceStub) -> int:
        with pytest.raises(ForbiddenError):
            await stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
        with pytest.raises(ForbiddenError):
            await stub.ImportOrders(each(ImportOrdersRequest(item=BREAD)))
        with pytest.raises(ForbiddenError):
            [answer async for answer in stub.ListOrders(ListOrdersRequest())]
        with pytest.raises(ForbiddenError):
            [a async for a in stub.PriceOrders(each(PriceOrdersRequest(item=APPLES)))]
        return 4

    assert with_async_stub(shop, talk) == shop.service.entered == 4


def test_a_refusal_reaches_a_blocking_caller_in_each_shape(shop: Shop) -> None:
    shop.granted.clear()
    calls: list[Callable[[], object]] = [
        lambda: shop.stub.PlaceOrder(PlaceOrderRequest(item=APPLES)),
        lambda: shop.stub.ImportOrders(iter([ImportOrdersRequest(item=BREAD)])),
        lambda: list(shop.stub.ListOrders(ListOrdersRequest())),
        lambda: list(shop.stub.PriceOrders(iter([PriceOrdersRequest(item=APPLES)]))),
    ]
    for call in calls:
        with pytest.raises(ForbiddenError) as refused:
            call()
        assert refused.value.code == Code.PERMISSION_DENIED
        assert shop.house.refusals == []  # they got through, and were told no
        assert "orders." in str(refused.value)


def test_a_stub_takes_only_the_message_of_the_policy(shop: Shop) -> None:
    with pytest.raises(MalformedError, match=r"takes a shop\.v1\.PlaceOrderRequest"):
        shop.stub.PlaceOrder(PriceOrdersRequest(item=APPLES))
    assert shop.service.entered == 0


def test_a_plain_stub_places_an_order_with_a_message_signed_by_hand(shop: Shop) -> None:
    signed = shop.order()
    answer = OrderServiceStub(shop.line.channel).PlaceOrder(signed)
    statement = open_response(
        answer.SerializeToString(),
        server_key=shop.line.server_key,
        method=PLACE,
        request_digests={digest(signed.payload)},
    )
    assert statement.HasField("body")


def test_a_plain_stub_imports_a_stream_signed_by_hand(shop: Shop) -> None:
    stream = shop.house.requests(shop.alice).stream(IMPORT)
    body = ImportOrdersRequest(item=APPLES).SerializeToString()
    messages = [stream.message(body), stream.message(body), stream.close()]
    answer = OrderServiceStub(shop.line.channel).ImportOrders(iter(messages))
    statement = open_response(
        answer.SerializeToString(),
        server_key=shop.line.server_key,
        method=IMPORT,
        request_digests={digest(messages[-1].payload)},
    )
    assert ImportOrdersResponse.FromString(statement.body).placed == 2


@pytest.mark.parametrize("path", [LIST, PRICE])
def test_a_plain_stub_reads_a_signed_stream_and_its_signed_end(shop: Shop, path: str) -> None:
    shop.line.place(shop.order())
    stub = OrderServiceStub(shop.line.channel)
    requests = shop.house.requests(shop.alice)
    if path == LIST:
        sent = [requests.unary(LIST, ListOrdersRequest().SerializeToString())]
        call = stub.ListOrders(sent[0])
    else:
        stream = requests.stream(PRICE)
        sent = [stream.message(ORDER), stream.close()]
        call = stub.PriceOrders(iter(sent))
    chain = StreamChain()
    answers = [answer.SerializeToString() for answer in call]
    end = dict(call.trailing_metadata())[STATUS_METADATA_KEY]
    statements = [
        open_stream_response(
            data,
            server_key=shop.line.server_key,
            method=path,
            request_digests={digest(signed.payload) for signed in sent},
            chain=chain,
        )
        for data in (*answers, end)
    ]
    kind = ListOrdersResponse if path == LIST else PriceOrdersResponse
    assert len(kind.FromString(statements[0].body).SerializeToString()) > 0
    assert [statement.stream.last for statement in statements] == [False, True]
    assert statements[-1].status.code == Code.OK


async def each(*messages: Any) -> AsyncIterator[Any]:
    """Give messages one by one."""
    for message in messages:
        yield message


def with_async_stub(
    shop: Shop, talk: Callable[[OrderServiceStub], Coroutine[Any, Any, Any]]
) -> object:
    """Run `talk` with alice's asyncio stub, on the server's loop."""

    async def run() -> object:
        credentials = shop.house.credentials(shop.alice.tls)
        async with grpc.aio.secure_channel(shop.house.address, credentials) as channel:
            options = shop.house.signing_options
            signing = AsyncSigningChannel(channel, shop.alice.key, **options)
            return await talk(OrderServiceStub(signing))

    return shop.house.loop.run(run())


class Patient(ObservedOrders):
    """It lists forever, and tells when it is let go."""

    def __init__(self) -> None:
        super().__init__({})
        self.let_go = threading.Event()

    async def ListOrders(
        self, request: ListOrdersRequest, call: Call
    ) -> AsyncIterator[ListOrdersResponse]:
        try:
            while True:
                yield ListOrdersResponse()
        finally:
            self.let_go.set()


def test_a_handler_is_let_go_when_its_client_stops_listening(house: House) -> None:
    service = Patient()
    with open_shop(house, service) as shop:
        listing = shop.stub.ListOrders(ListOrdersRequest())
        next(listing)
        listing.close()
        assert service.let_go.wait(timeout=30)
