"""A customer who asks through the blocking channel, and one who asks through the asyncio one."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ImportOrdersResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    PlaceOrderRequest,
    PlaceOrderResponse,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import AsyncSigningChannel
from tests.interceptors.shop import APPLES
from tests.support.pki import Client
from tests.support.servers import House

T = TypeVar("T")


@dataclass(slots=True)
class Customer(abc.ABC):
    """Somebody who asks a server that may lie; `seen` is what came before an error."""

    house: House
    client: Client
    seen: list[ListOrdersResponse] = field(default_factory=list)

    @abc.abstractmethod
    def place(self) -> PlaceOrderResponse:
        """Order apples."""

    @abc.abstractmethod
    def list_orders(self) -> list[ListOrdersResponse]:
        """List the orders, one by one."""

    @abc.abstractmethod
    def bring(self, requests: Iterable[ImportOrdersRequest]) -> ImportOrdersResponse:
        """Import orders."""


class BlockingCustomer(Customer):
    """Asks through `SigningChannel`."""

    def place(self) -> PlaceOrderResponse:
        request = PlaceOrderRequest(item=APPLES)
        placed: PlaceOrderResponse = self._ask(lambda stub: stub.PlaceOrder(request))
        return placed

    def list_orders(self) -> list[ListOrdersResponse]:
        def listen(stub: OrderServiceStub) -> list[ListOrdersResponse]:
            self.seen.extend(stub.ListOrders(ListOrdersRequest()))
            return self.seen

        return self._ask(listen)

    def bring(self, requests: Iterable[ImportOrdersRequest]) -> ImportOrdersResponse:
        brought: ImportOrdersResponse = self._ask(lambda stub: stub.ImportOrders(iter(requests)))
        return brought

    def _ask(self, question: Callable[[OrderServiceStub], T]) -> T:
        with self.house.channel(self.client.tls) as channel:
            return question(OrderServiceStub(self.house.signing_channel(channel, self.client)))


class AsyncCustomer(Customer):
    """Asks through `AsyncSigningChannel`, on the loop that servers run on."""

    def place(self) -> PlaceOrderResponse:
        request = PlaceOrderRequest(item=APPLES)
        placed: PlaceOrderResponse = self._ask(lambda stub: stub.PlaceOrder(request))
        return placed

    def list_orders(self) -> list[ListOrdersResponse]:
        async def listen(stub: OrderServiceStub) -> list[ListOrdersResponse]:
            async for answer in stub.ListOrders(ListOrdersRequest()):
                self.seen.append(answer)
            return self.seen

        return self._ask(listen)

    def bring(self, requests: Iterable[ImportOrdersRequest]) -> ImportOrdersResponse:
        async def each() -> AsyncIterator[ImportOrdersRequest]:
            for request in requests:
                yield request

        brought: ImportOrdersResponse = self._ask(lambda stub: stub.ImportOrders(each()))
        return brought

    def _ask(self, question: Callable[[OrderServiceStub], Coroutine[Any, Any, T]]) -> T:
        async def ask() -> T:
            credentials = self.house.credentials(self.client.tls)
            async with grpc.aio.secure_channel(self.house.address, credentials) as channel:
                options = self.house.signing_options
                signing = AsyncSigningChannel(channel, self.client.key, **options)
                return await question(OrderServiceStub(signing))

        return self.house.loop.run(ask())
