"""Customers who stay connected, the server key that they pinned, and those they were told of."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ImportOrdersResponse,
    Item,
    ListOrdersRequest,
    ListOrdersResponse,
    PlaceOrderRequest,
    PlaceOrderResponse,
    PriceOrdersRequest,
    PriceOrdersResponse,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import AsyncSigningChannel, SigningChannel
from sealwire.core.keys import PublicKey
from tests.interceptors.shop import APPLES
from tests.support.pki import Client
from tests.support.servers import AUDIENCE, House

T = TypeVar("T")


@dataclass(slots=True)
class Pinned(abc.ABC):
    """Somebody who pinned a server's key; `seen` is what came of a stream before an error."""

    house: House
    client: Client
    pin: PublicKey
    told: list[PublicKey] = field(default_factory=list)
    seen: list[ListOrdersResponse] = field(default_factory=list)
    on_new_key: Callable[[PublicKey], object] | None = None

    @abc.abstractmethod
    def connected(self) -> contextlib.AbstractContextManager[None]:
        """Stay connected to where the house serves now."""

    @property
    @abc.abstractmethod
    def server_key(self) -> PublicKey:
        """The key that is believed now."""

    @abc.abstractmethod
    def place(self, item: Item = APPLES, *, timeout: float | None = None) -> PlaceOrderResponse:
        """Order something."""

    @abc.abstractmethod
    def place_at_once(self, count: int) -> list[PlaceOrderResponse]:
        """Order apples that often, at the same time."""

    @abc.abstractmethod
    def list_orders(self) -> list[ListOrdersResponse]:
        """List the orders, one by one."""

    @abc.abstractmethod
    def bring(self, items: Sequence[Item]) -> ImportOrdersResponse:
        """Import orders."""

    @abc.abstractmethod
    def price(self, items: Sequence[Item]) -> list[PriceOrdersResponse]:
        """Ask for prices."""

    def _tell(self, key: PublicKey) -> None:
        self.told.append(key)
        if self.on_new_key is not None:
            self.on_new_key(key)


@dataclass(slots=True)
class BlockingPinned(Pinned):
    """Asks through one `SigningChannel`."""

    signing: SigningChannel = field(init=False)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        with self.house.channel(self.client.tls) as channel:
            self.signing = SigningChannel(
                channel,
                self.client.key,
                audience=AUDIENCE,
                server_key=self.pin,
                clock=self.house.clock,
                on_new_server_key=self._tell,
            )
            yield

    @property
    def server_key(self) -> PublicKey:
        return self.signing.server_key

    @property
    def _stub(self) -> OrderServiceStub:
        return OrderServiceStub(self.signing)

    def place(self, item: Item = APPLES, *, timeout: float | None = None) -> PlaceOrderResponse:
        placed: PlaceOrderResponse = self._stub.PlaceOrder(
            PlaceOrderRequest(item=item), timeout=timeout
        )
        return placed

    def place_at_once(self, count: int) -> list[PlaceOrderResponse]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: self.place(), range(count)))

    def list_orders(self) -> list[ListOrdersResponse]:
        self.seen.extend(self._stub.ListOrders(ListOrdersRequest()))
        return self.seen

    def bring(self, items: Sequence[Item]) -> ImportOrdersResponse:
        requests = (ImportOrdersRequest(item=item) for item in items)
        brought: ImportOrdersResponse = self._stub.ImportOrders(requests)
        return brought

    def price(self, items: Sequence[Item]) -> list[PriceOrdersResponse]:
        return list(self._stub.PriceOrders(PriceOrdersRequest(item=item) for item in items))


@dataclass(slots=True)
class AsyncPinned(Pinned):
    """Asks through one `AsyncSigningChannel`, on the loop that servers run on."""

    signing: AsyncSigningChannel = field(init=False)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        channel = self._run(self._open())
        try:
            yield
        finally:
            self._run(channel.close())

    async def _open(self) -> grpc.aio.Channel:
        credentials = self.house.credentials(self.client.tls)
        channel = grpc.aio.secure_channel(self.house.address, credentials)
        self.signing = AsyncSigningChannel(
            channel,
            self.client.key,
            audience=AUDIENCE,
            server_key=self.pin,
            clock=self.house.clock,
            on_new_server_key=self._tell,
        )
        return channel

    @property
    def server_key(self) -> PublicKey:
        return self.signing.server_key

    @property
    def _stub(self) -> OrderServiceStub:
        return OrderServiceStub(self.signing)

    def place(self, item: Item = APPLES, *, timeout: float | None = None) -> PlaceOrderResponse:
        return self._run(self._place(item, timeout))

    def place_at_once(self, count: int) -> list[PlaceOrderResponse]:
        async def each() -> list[PlaceOrderResponse]:
            return await asyncio.gather(*(self._place(APPLES, None) for _ in range(count)))

        return self._run(each())

    async def _place(self, item: Item, timeout: float | None) -> PlaceOrderResponse:
        placed: PlaceOrderResponse = await self._stub.PlaceOrder(
            PlaceOrderRequest(item=item), timeout=timeout
        )
        return placed

    def list_orders(self) -> list[ListOrdersResponse]:
        async def listen() -> list[ListOrdersResponse]:
            async for answer in self._stub.ListOrders(ListOrdersRequest()):
                self.seen.append(answer)
            return self.seen

        return self._run(listen())

    def bring(self, items: Sequence[Item]) -> ImportOrdersResponse:
        async def each() -> AsyncIterator[ImportOrdersRequest]:
            for item in items:
                yield ImportOrdersRequest(item=item)

        async def ask() -> ImportOrdersResponse:
            brought: ImportOrdersResponse = await self._stub.ImportOrders(each())
            return brought

        return self._run(ask())

    def price(self, items: Sequence[Item]) -> list[PriceOrdersResponse]:
        async def each() -> AsyncIterator[PriceOrdersRequest]:
            for item in items:
                yield PriceOrdersRequest(item=item)

        async def ask() -> list[PriceOrdersResponse]:
            return [answer async for answer in self._stub.PriceOrders(each())]

        return self._run(ask())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.house.loop.run(coroutine)
