"""A server whose signing key changes when a test says so, and that explains it as it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass

import grpc
from shop.v1.orders_pb2 import ListOrdersResponse, Order, PlaceOrderResponse

from sealwire.client.key_lookup import LIST_SERVER_KEYS
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from sealwire.core.responses import ResponseFactory
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from sealwire.v1.keys_pb2 import ListServerKeysResponse
from tests.interceptors.impostor import SERVICE, Answers, Handler, trailing
from tests.interceptors.shop import APPLES
from tests.support.pki import HOST
from tests.support.servers import House

PLACED = PlaceOrderResponse(order=Order(number=1, customer="alice", item=APPLES))
ORDERS = [ListOrdersResponse(order=Order(number=number)) for number in (1, 2)]
_OK = Status(code=Code.OK, reason="OK", message="Complete.")

Explain = Callable[[SignedMessage, grpc.ServicerContext], bytes]
"""How it answers when it is asked for its keys."""


@dataclass(slots=True)
class Turncoat:
    """Signs with `key`; `stream_keys` sign the answers of a stream and its end, one by one."""

    house: House
    key: PrivateKey
    explain: Explain
    stream_keys: Sequence[PrivateKey] = ()
    asked: int = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve one unary method, one that answers with a stream, and the list of keys."""
        with futures.ThreadPoolExecutor(8) as pool:
            server = grpc.server(pool)
            server.add_generic_rpc_handlers((self._orders(), self._keys()))
            server_tls = self.house.pki.server()
            credentials = grpc.ssl_server_credentials(
                [(server_tls.key_pem, server_tls.certificate_pem)],
                root_certificates=self.house.pki.ca_pem,
                require_client_auth=True,
            )
            self.house.port = server.add_secure_port(f"{HOST}:0", credentials)
            server.start()
            try:
                yield
            finally:
                server.stop(0).wait()

    def _orders(self) -> grpc.GenericRpcHandler:
        handlers: dict[str, Handler] = {
            "PlaceOrder": grpc.unary_unary_rpc_method_handler(self._place),
            "ListOrders": grpc.unary_stream_rpc_method_handler(self._list),
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _keys(self) -> grpc.GenericRpcHandler:
        service, name = LIST_SERVER_KEYS[1:].split("/")
        handlers: dict[str, Handler] = {name: grpc.unary_unary_rpc_method_handler(self._explain)}
        return grpc.method_handlers_generic_handler(service, handlers)

    def _place(self, data: bytes, _: grpc.ServicerContext) -> bytes:
        answers = Answers(self.house, SignedMessage.FromString(data), self.key)
        return answers.body(PLACED.SerializeToString()).SerializeToString()

    def _list(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        answers = Answers(self.house, SignedMessage.FromString(data))
        first, second, end = self.stream_keys
        for key, order in zip((first, second), ORDERS, strict=True):
            answers.responses = ResponseFactory(key, self.house.clock)
            yield answers.next(order.SerializeToString())
        answers.responses = ResponseFactory(end, self.house.clock)
        context.set_trailing_metadata(trailing(answers.end(_OK)))

    def _explain(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked += 1
        return self.explain(SignedMessage.FromString(data), context)


def explaining(house: House, key: PrivateKey, successions: Sequence[SignedMessage]) -> Explain:
    """Return an explanation signed by `key`."""
    body = ListServerKeysResponse(successions=successions).SerializeToString()

    def explain(request: SignedMessage, _: grpc.ServicerContext) -> bytes:
        answer = Answers(house, request, key).body(body, method=LIST_SERVER_KEYS)
        return answer.SerializeToString()

    return explain
