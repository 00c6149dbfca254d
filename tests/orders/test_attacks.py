"""The orders example under attack: only what its customers may do is done."""

from __future__ import annotations

import os
from collections.abc import Callable

import grpc
import pytest
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    Item,
    ListOrdersRequest,
    PlaceOrderRequest,
    PriceOrdersRequest,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from examples.orders.people import Customer, Town
from examples.orders.service import MAX_QUANTITY
from sealwire.client import (
    ForbiddenError,
    InvalidRequestError,
    MissingError,
    TransportError,
    UnauthenticatedError,
)
from sealwire.client.connection import open_channel
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import RequestFactory
from tests.orders.conftest import Market, Opening
from tests.support.rpc_errors import failed_call

APPLES = Item(sku="apple", quantity=3)
PLACE = "/shop.v1.OrderService/PlaceOrder"

CALLS: dict[str, Callable[[OrderServiceStub], object]] = {
    "place": lambda stub: stub.PlaceOrder(PlaceOrderRequest(item=APPLES)),
    "list": lambda stub: list(stub.ListOrders(ListOrdersRequest())),
    "import": lambda stub: stub.ImportOrders(iter([ImportOrdersRequest(item=APPLES)])),
    "price": lambda stub: list(stub.PriceOrders(iter([PriceOrdersRequest(item=APPLES)]))),
}


@pytest.mark.parametrize("call", CALLS)
def test_alice_may_do_everything(market: Market, call: str) -> None:
    with market.stub(market.alice) as stub:
        CALLS[call](stub)


@pytest.mark.parametrize("call", ["place", "import"])
def test_bob_may_only_look(market: Market, call: str) -> None:
    # case 48
    with market.stub(market.bob) as stub:
        CALLS["list"](stub)
        with pytest.raises(ForbiddenError):
            CALLS[call](stub)
    assert market.service.orders == []


@pytest.mark.parametrize("call", CALLS)
def test_carol_without_a_grant_may_do_nothing(market: Market, call: str) -> None:
    # case 48
    with market.stub(market.carol) as stub, pytest.raises(ForbiddenError):
        CALLS[call](stub)
    assert market.service.orders == []


@pytest.mark.parametrize("call", CALLS)
def test_a_stranger_of_the_same_ca_is_not_let_in(market: Market, call: str) -> None:
    # case 16
    mallory = market.town.customer("mallory")
    with market.stub(mallory) as stub, pytest.raises(UnauthenticatedError):
        CALLS[call](stub)


def test_a_customer_of_another_town_does_not_connect(market: Market) -> None:
    # case 5
    with market.stub(Town.found().customer("alice")) as stub, pytest.raises(TransportError):
        CALLS["place"](stub)


def test_alices_certificate_does_not_help_another_key(market: Market) -> None:
    # case 9
    thief = Customer("alice", PrivateKey.generate(os.urandom), market.alice.tls)
    with market.stub(thief) as stub, pytest.raises(UnauthenticatedError):
        CALLS["place"](stub)


def test_bobs_certificate_does_not_carry_alices_order(market: Market) -> None:
    # case 9
    mixed = Customer("alice", market.alice.key, market.bob.tls)
    with market.stub(mixed) as stub, pytest.raises(UnauthenticatedError):
        CALLS["place"](stub)
    assert market.service.orders == []


def test_an_order_is_for_whoever_signed_it(market: Market) -> None:
    # case 58
    with market.stub(market.alice) as stub:
        placed = stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
    assert placed.order.customer == "alice"


def test_an_import_with_one_bad_item_places_nothing(market: Market) -> None:
    # case 42
    items = [APPLES, Item(sku="dragon", quantity=1)]
    with market.stub(market.alice) as stub, pytest.raises(MissingError):
        stub.ImportOrders(ImportOrdersRequest(item=item) for item in items)
    assert market.service.orders == []


@pytest.mark.parametrize("quantity", [0, MAX_QUANTITY + 1, 2**32 - 1])
def test_an_absurd_quantity_is_refused(market: Market, quantity: int) -> None:
    with market.stub(market.alice) as stub, pytest.raises(InvalidRequestError):
        stub.PlaceOrder(PlaceOrderRequest(item=Item(sku="apple", quantity=quantity)))
    assert market.service.orders == []


def test_an_accepted_order_is_not_accepted_again_after_a_restart(opening: Opening) -> None:
    # case 20
    with opening() as market:
        requests = RequestFactory(
            market.alice.key, market.server.audience, system_clock, os.urandom
        )
        body = PlaceOrderRequest(item=APPLES).SerializeToString()
        signed = requests.unary(PLACE, body)
        with open_channel(market.server, market.alice.tls) as channel:
            OrderServiceStub(channel).PlaceOrder(signed)
    with opening() as market, open_channel(market.server, market.alice.tls) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            OrderServiceStub(channel).PlaceOrder(signed)
        assert failed_call(refused.value).code() is grpc.StatusCode.UNAUTHENTICATED
        assert market.service.orders == []
        with market.stub(market.alice) as stub:
            CALLS["place"](stub)
