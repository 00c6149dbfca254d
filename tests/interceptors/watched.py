"""The orders example, telling a test how far its reading of a request stream has come."""

from __future__ import annotations

import queue
from collections.abc import AsyncIterator, Callable, Iterator

from shop.v1.orders_pb2 import ImportOrdersRequest, ImportOrdersResponse

from sealwire.interceptors import Call
from tests.interceptors.shop import APPLES, EVERYTHING, ObservedOrders, Shop


class Watched(ObservedOrders):
    """It tells when it has the first request, and how its reading ended."""

    def __init__(self) -> None:
        super().__init__({"alice": EVERYTHING})
        self.events: queue.Queue[str] = queue.Queue()

    async def ImportOrders(
        self, requests: AsyncIterator[ImportOrdersRequest], call: Call
    ) -> ImportOrdersResponse:
        try:
            return await super().ImportOrders(self._watched(requests), call)
        except BaseException as error:
            self.events.put(type(error).__name__)
            raise

    async def _watched(
        self, requests: AsyncIterator[ImportOrdersRequest]
    ) -> AsyncIterator[ImportOrdersRequest]:
        async for request in requests:
            self.events.put("request")
            yield request


def import_two(
    shop: Shop, service: Watched, *, between: Callable[[], object]
) -> ImportOrdersResponse:
    """Import two orders, and do something once the first has reached the handler."""

    def requests() -> Iterator[ImportOrdersRequest]:
        yield ImportOrdersRequest(item=APPLES)
        assert service.events.get(timeout=30) == "request"
        between()
        yield ImportOrdersRequest(item=APPLES)

    answer: ImportOrdersResponse = shop.stub.ImportOrders(requests())
    return answer
