"""OrderService: what a protected handler looks like.

A handler is given the verified request and a `Call`; when it runs, the caller is authentic. It
checks the permission first, and ends a call with an error by raising a `SealwireError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ImportOrdersResponse,
    Item,
    ListOrdersRequest,
    ListOrdersResponse,
    Order,
    PlaceOrderRequest,
    PlaceOrderResponse,
    PriceOrdersRequest,
    PriceOrdersResponse,
)
from shop.v1.orders_pb2_grpc import OrderServiceServicer

from sealwire.core.errors import Code, MalformedError, PermissionDeniedError, StatusError
from sealwire.interceptors import Call

PRICES: Final = {"apple": 40, "bread": 320, "candle": 150}
MAX_QUANTITY: Final = 1_000


class OrderService(OrderServiceServicer):
    """The orders of a shop, in memory; `granted` maps an identity to its permissions."""

    def __init__(self, granted: Mapping[str, frozenset[str]]) -> None:
        """Begin without orders."""
        self._granted = granted
        self.orders: list[Order] = []

    async def PlaceOrder(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
        """Place one order."""
        self._require_permission(call)
        return PlaceOrderResponse(order=self._place(checked(request.item), call))

    async def ListOrders(
        self, request: ListOrdersRequest, call: Call
    ) -> AsyncIterator[ListOrdersResponse]:
        """Answer with every order."""
        self._require_permission(call)
        for order in tuple(self.orders):
            yield ListOrdersResponse(order=order)

    async def ImportOrders(
        self, requests: AsyncIterator[ImportOrdersRequest], call: Call
    ) -> ImportOrdersResponse:
        """Place all orders of a stream; the loop ends only when all of it has been verified."""
        self._require_permission(call)
        items = [checked(request.item) async for request in requests]
        for item in items:
            self._place(item, call)
        return ImportOrdersResponse(placed=len(items))

    async def PriceOrders(
        self, requests: AsyncIterator[PriceOrdersRequest], call: Call
    ) -> AsyncIterator[PriceOrdersResponse]:
        """Answer each item with its price."""
        self._require_permission(call)
        async for request in requests:
            item = checked(request.item)
            yield PriceOrdersResponse(price=PRICES[item.sku] * item.quantity)

    def _require_permission(self, call: Call) -> None:
        """Return if the caller has what the method's policy asks for; deny by default."""
        if call.method.permission not in self._granted.get(call.caller.identity, frozenset()):
            raise PermissionDeniedError(f"You may not do this: it needs {call.method.permission}.")

    def _place(self, item: Item, call: Call) -> Order:
        number = len(self.orders) + 1
        order = Order(number=number, customer=call.caller.identity, item=item)
        self.orders.append(order)
        return order


def checked(item: Item) -> Item:
    """Return `item` if it can be ordered."""
    if not 1 <= item.quantity <= MAX_QUANTITY:
        raise MalformedError(f"A quantity is 1 to {MAX_QUANTITY}.")
    if item.sku not in PRICES:
        raise StatusError(Code.NOT_FOUND, "UNKNOWN_SKU", "The shop does not sell this.")
    return item
