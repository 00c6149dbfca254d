"""The orders example behind a server that tests control, and plain calls to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import grpc
from shop.v1.orders_pb2 import Item, PlaceOrderRequest, PlaceOrderResponse
from shop.v1.orders_pb2_grpc import OrderServiceStub, add_OrderServiceServicer_to_server

from examples.orders.service import OrderService
from sealwire.client import TlsIdentity
from sealwire.core.envelope import digest, parse_envelope
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PublicKey
from sealwire.core.responses import STATUS_METADATA_KEY, open_response, open_stream_response
from sealwire.core.streams import StreamChain
from sealwire.interceptors import Call, ProtectedServer
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage, Status
from tests.support.pki import Client
from tests.support.rpc_errors import failed_call
from tests.support.servers import House

PLACE = "/shop.v1.OrderService/PlaceOrder"
LIST = "/shop.v1.OrderService/ListOrders"
IMPORT = "/shop.v1.OrderService/ImportOrders"
PRICE = "/shop.v1.OrderService/PriceOrders"

APPLES = Item(sku="apple", quantity=3)
ORDER = PlaceOrderRequest(item=APPLES).SerializeToString()
EVERYTHING = frozenset({"orders.place", "orders.list"})

Data = bytes | SignedMessage


class ObservedOrders(OrderService):
    """The example's service; it counts how often a handler was entered."""

    entered: int = 0

    def _require_permission(self, call: Call) -> None:
        self.entered += 1
        super()._require_permission(call)


@dataclass(frozen=True, slots=True)
class Shop:
    """A serving shop, and alice's way to it."""

    house: House
    service: ObservedOrders
    granted: dict[str, frozenset[str]]
    alice: Client
    line: Line

    def order(self) -> SignedMessage:
        """Return a new order of alice's, signed."""
        return self.house.requests(self.alice).unary(PLACE, ORDER)

    @property
    def stub(self) -> OrderServiceStub:
        """Alice's generated stub."""
        return OrderServiceStub(self.house.signing_channel(self.line.channel, self.alice))

    @contextlib.contextmanager
    def line_of(self, client: Client) -> Iterator[Line]:
        """Give another client's way to the shop."""
        with self.house.channel(client.tls) as channel:
            yield Line(channel, self.house.server_key.public_key)


@dataclass(frozen=True, slots=True)
class Line:
    """A plain channel: whatever goes out, what comes back must be signed for it."""

    channel: grpc.Channel
    server_key: PublicKey

    def place(self, data: Data) -> PlaceOrderResponse:
        """Send one order that must be accepted."""
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(PLACE)
        statement = open_response(
            send(serialized(data)),
            server_key=self.server_key,
            method=PLACE,
            request_digests=digests([data]),
        )
        return PlaceOrderResponse.FromString(statement.body)

    def future(self, data: Data, *, path: str = PLACE) -> grpc.Future[bytes]:
        """Send one message and do not wait."""
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        future: grpc.Future[bytes] = send.future(serialized(data))
        return future

    def refusal(self, data: Data, *, path: str = PLACE) -> Status:
        """Send one message that must be refused, and return what the server signed."""
        return self.refused(self.future(data, path=path), data, path=path)

    def refused(self, future: grpc.Future[bytes], data: Data, *, path: str = PLACE) -> Status:
        """Return the signed status of a call that must have failed."""
        return self.signed_status(future.exception(), [data], path=path)

    def stream_refusal(self, messages: Iterable[Data], *, path: str = IMPORT) -> Status:
        """Send a request stream that must be refused, and return what the server signed."""
        sent = list(messages)
        send: grpc.StreamUnaryMultiCallable[bytes, bytes] = self.channel.stream_unary(path)
        try:
            send(serialized(data) for data in sent)
        except grpc.RpcError as error:
            return self.signed_status(error, sent, path=path)
        raise AssertionError("the server accepted what it must refuse")

    def signed_status(
        self, error: BaseException | None, sent: Iterable[Data], *, path: str = PLACE
    ) -> Status:
        """Return the status in an error's trailing metadata, verified; gRPC's own must equal it."""
        statement = open_response(
            trailing_status(error),
            server_key=self.server_key,
            method=path,
            request_digests=digests(sent),
        )
        return agreed(statement, error)

    def signed_end(self, error: BaseException | None, sent: Iterable[Data], *, path: str) -> Status:
        """Return the status that ends a response stream in which nothing was answered."""
        statement = open_stream_response(
            trailing_status(error),
            server_key=self.server_key,
            method=path,
            request_digests=digests(sent),
            chain=StreamChain(),
        )
        return agreed(statement, error)


@contextlib.contextmanager
def open_shop(
    house: House,
    service: ObservedOrders | None = None,
    *,
    tls: TlsIdentity | None = None,
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[Shop]:
    """Serve the orders example, or a variation of it."""
    alice = house.enrol("alice")
    granted = {"alice": EVERYTHING}
    orders = service or ObservedOrders(granted)

    def register(server: ProtectedServer) -> None:
        add_OrderServiceServicer_to_server(orders, server)

    serving = house.serving(register, tls=tls, credentials=credentials)
    with serving, house.channel(alice.tls) as channel:
        yield Shop(house, orders, granted, alice, Line(channel, house.server_key.public_key))


def serialized(data: Data) -> bytes:
    """Return the bytes that go over the wire."""
    return data if isinstance(data, bytes) else data.SerializeToString()


def digests(sent: Iterable[Data]) -> set[bytes]:
    """Return what an answer may be bound to (docs/protocol.md section 5.1)."""
    return {request_digest(serialized(data)) for data in sent} or {digest(b"")}


def request_digest(data: bytes) -> bytes:
    """Return the digest of an envelope's payload, or of bytes that are no envelope."""
    try:
        return digest(parse_envelope(data).payload)
    except MalformedError:
        return digest(data)


def trailing_status(error: BaseException | None) -> bytes:
    """Return the one signed status of a failed call."""
    call = failed_call(error)
    values = [v for k, v in call.trailing_metadata() or () if k == STATUS_METADATA_KEY]
    assert len(values) == 1, f"unsigned: {call.code().name}, {call.details()}"
    assert isinstance(values[0], bytes)
    return values[0]


def agreed(statement: ResponseStatement, error: BaseException | None) -> Status:
    """Return the status; what gRPC itself says must be the same."""
    call = failed_call(error)
    assert statement.HasField("status")
    unsigned = (call.code().value[0], call.details())
    assert (statement.status.code, statement.status.message) == unsigned
    return statement.status
