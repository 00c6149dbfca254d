"""A server that holds the right keys and answers what a test tells it to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, TypeAlias

import grpc

from sealwire.core.envelope import digest
from sealwire.core.keys import PrivateKey
from sealwire.core.responses import STATUS_METADATA_KEY, ResponseFactory
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from tests.interceptors.shop import LIST, PLACE
from tests.support.pki import HOST
from tests.support.servers import House

SERVICE = "shop.v1.OrderService"

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Unary = Callable[[SignedMessage, grpc.ServicerContext], bytes]
Stream = Callable[[SignedMessage, grpc.ServicerContext], Iterable[bytes]]


@contextlib.contextmanager
def impostor(house: House, name: str, handler: Handler) -> Iterator[None]:
    """Serve one method, in the place of the real server."""
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {name: handler}),)
        )
        tls = house.pki.server()
        credentials = grpc.ssl_server_credentials(
            [(tls.key_pem, tls.certificate_pem)],
            root_certificates=house.pki.ca_pem,
            require_client_auth=True,
        )
        house.port = server.add_secure_port(f"{HOST}:0", credentials)
        server.start()
        try:
            yield
        finally:
            server.stop(0).wait()


def answering(house: House, answer: Unary) -> contextlib.AbstractContextManager[None]:
    """Serve PlaceOrder with `answer`."""

    def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
        return answer(SignedMessage.FromString(data), context)

    return impostor(house, "PlaceOrder", grpc.unary_unary_rpc_method_handler(handle))


def streaming(house: House, answers: Stream) -> contextlib.AbstractContextManager[None]:
    """Serve ListOrders with `answers`."""

    def handle(data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from answers(SignedMessage.FromString(data), context)

    return impostor(house, "ListOrders", grpc.unary_stream_rpc_method_handler(handle))


class Answers:
    """Makes what the real server would sign, for one request."""

    def __init__(self, house: House, request: SignedMessage, key: PrivateKey | None = None) -> None:
        """Sign with the server's key, or with another."""
        self.responses = ResponseFactory(key or house.server_key, house.clock)
        self.digest = digest(request.payload)
        self.chain = StreamChain()

    def body(self, body: bytes, *, method: str = PLACE) -> SignedMessage:
        """Return a unary answer."""
        return self.responses.body(method, self.digest, body)

    def status(self, status: Status, *, method: str = PLACE) -> SignedMessage:
        """Return a unary error."""
        return self.responses.status(method, self.digest, status)

    def next(self, body: bytes) -> bytes:
        """Return the next answer of a stream."""
        signed = self.responses.stream_body(LIST, self.digest, body, self.chain)
        return signed.SerializeToString()

    def end(self, status: Status) -> SignedMessage:
        """Return the end of a stream."""
        return self.responses.stream_end(LIST, self.digest, status, self.chain)


def fail(context: grpc.ServicerContext, code: grpc.StatusCode, *statuses: SignedMessage) -> None:
    """End a call with an error, and any number of signed statuses."""
    context.set_trailing_metadata(trailing(*statuses))
    context.abort(code, "the impostor's own words")


def trailing(*statuses: SignedMessage) -> tuple[tuple[str, bytes], ...]:
    """Return trailing metadata with any number of signed statuses."""
    return tuple((STATUS_METADATA_KEY, signed.SerializeToString()) for signed in statuses)
