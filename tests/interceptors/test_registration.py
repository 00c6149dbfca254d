"""What can be registered: a method that is not protected as declared never begins to serve."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    ListOrdersRequest,
    ListOrdersResponse,
    PlaceOrderRequest,
    PlaceOrderResponse,
)
from shop.v1.orders_pb2_grpc import (
    OrderServiceServicer,
    OrderServiceStub,
    add_OrderServiceServicer_to_server,
)

from sealwire.client import RemoteError
from sealwire.core.errors import Code, ConfigurationError, PolicyError
from sealwire.interceptors import (
    HEALTH_SERVICE,
    Call,
    ProtectedServer,
    SealwireInterceptor,
)
from tests.interceptors.impostor import Handler
from tests.interceptors.shop import APPLES, ORDER, PLACE, Line, ObservedOrders, Shop
from tests.support.pki import HOST
from tests.support.servers import House

HEALTH_CHECK = f"/{HEALTH_SERVICE}/Check"


class PlainHandler(ObservedOrders):
    def PlaceOrder(  # type: ignore[override]
        self, request: PlaceOrderRequest, call: Call
    ) -> PlaceOrderResponse:
        """Answer without `async`."""
        return PlaceOrderResponse()


class GeneratorHandler(ObservedOrders):
    async def PlaceOrder(  # type: ignore[override]
        self, request: PlaceOrderRequest, call: Call
    ) -> AsyncIterator[PlaceOrderResponse]:
        """Yield where one answer belongs."""
        yield PlaceOrderResponse()


class ListHandler(ObservedOrders):
    async def ListOrders(  # type: ignore[override]
        self, request: ListOrdersRequest, call: Call
    ) -> list[ListOrdersResponse]:
        """Return where a stream belongs."""
        return [ListOrdersResponse()]


class PlainGeneratorHandler(ObservedOrders):
    def ListOrders(  # type: ignore[override]
        self, request: ListOrdersRequest, call: Call
    ) -> Iterator[ListOrdersResponse]:
        """Yield without `async`."""
        yield ListOrdersResponse()


class ForgottenHandler(OrderServiceServicer):
    async def PlaceOrder(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
        """Answer; the other three methods are the generated base class's."""
        return PlaceOrderResponse()


def test_a_method_without_a_policy_keeps_the_server_from_starting(house: House) -> None:
    # case 59
    def register(server: ProtectedServer) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)

    with pytest.raises(PolicyError, match="must take and return"), house.serving(register):
        pass


def test_a_method_that_no_proto_declares_keeps_the_server_from_starting(house: House) -> None:
    # case 59
    handler: Handler = grpc.unary_unary_rpc_method_handler(ObservedOrders({}).PlaceOrder)

    def register(server: ProtectedServer) -> None:
        server.add_registered_method_handlers("shop.v1.OrderService", {"Refund": handler})

    with pytest.raises(PolicyError, match=r"No loaded \.proto declares"), house.serving(register):
        pass


@pytest.mark.parametrize(
    ("servicer", "complaint"),
    [
        (PlainHandler({}), "PlaceOrder is not implemented by an `async def`"),
        (GeneratorHandler({}), "PlaceOrder must return its response"),
        (ListHandler({}), "ListOrders must yield its responses"),
        (PlainGeneratorHandler({}), "ListOrders is not implemented by an `async def`"),
        (ForgottenHandler(), "ListOrders is not implemented by an `async def`"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_handler_that_is_not_as_its_method_needs_is_refused(
    house: House, servicer: OrderServiceServicer, complaint: str
) -> None:
    def register(server: ProtectedServer) -> None:
        add_OrderServiceServicer_to_server(servicer, server)

    with pytest.raises(PolicyError, match=complaint), house.serving(register):
        pass


def test_a_handler_registered_with_another_shape_is_refused(house: House) -> None:
    handler: Handler = grpc.stream_unary_rpc_method_handler(ObservedOrders({}).PlaceOrder)

    def register(server: ProtectedServer) -> None:
        server.add_registered_method_handlers("shop.v1.OrderService", {"PlaceOrder": handler})

    with pytest.raises(PolicyError, match="another shape"), house.serving(register):
        pass


def test_a_service_in_the_generic_form_alone_keeps_the_server_from_starting(house: House) -> None:
    # case 59
    handler: Handler = grpc.unary_unary_rpc_method_handler(ObservedOrders({}).PlaceOrder)
    generic = grpc.method_handlers_generic_handler("other.v1.Other", {"Do": handler})

    def register(server: ProtectedServer) -> None:
        add_OrderServiceServicer_to_server(ObservedOrders({}), server)
        server.add_generic_rpc_handlers((generic,))

    with pytest.raises(PolicyError, match=r"Register other\.v1\.Other"), house.serving(register):
        pass


def test_handlers_of_no_known_service_are_refused(house: House) -> None:
    # case 59
    class Anything(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
            """Answer to every path."""
            return None

    with (
        pytest.raises(PolicyError, match="without a service"),
        house.serving(lambda server: server.add_generic_rpc_handlers((Anything(),))),
    ):
        pass


def test_a_server_with_nothing_registered_does_not_start(house: House) -> None:
    nothing = house.serving(lambda server: None)
    with pytest.raises(PolicyError, match="nothing to serve"), nothing:
        pass


def test_a_port_in_use_is_told_in_a_sentence(house: House, shop: Shop) -> None:
    async def bind() -> None:
        credentials = house.server_credentials(house.pki.server())
        ProtectedServer(house.protection()).add_secure_port(house.address, credentials)

    with pytest.raises(ConfigurationError, match="can't be listened on"):
        house.loop.run(bind())


def test_an_exempt_service_is_served_unsigned_and_no_other_is(house: House) -> None:
    def register(server: ProtectedServer) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
        add_OrderServiceServicer_to_server(ObservedOrders({}), server)

    alice = house.enrol("alice")
    serving = house.serving(register, exempt_services=[HEALTH_SERVICE])
    with serving, house.channel(alice.tls) as channel:
        checked = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        line = Line(channel, house.server_key.public_key)
        assert line.refusal(ORDER).code == Code.INVALID_ARGUMENT


def test_in_a_plain_server_a_method_without_a_policy_is_unimplemented(house: House) -> None:
    entered: list[object] = []

    class Unprotected(health.aio.HealthServicer):  # type: ignore[misc]
        async def Check(self, request: object, context: object) -> None:
            entered.append(request)

    async def start() -> grpc.aio.Server:
        server = grpc.aio.server(interceptors=[SealwireInterceptor(house.protection())])
        health_pb2_grpc.add_HealthServicer_to_server(Unprotected(), server)
        add_OrderServiceServicer_to_server(PlainHandler({}), server)
        credentials = house.server_credentials(house.pki.server())
        house.port = server.add_secure_port(f"{HOST}:0", credentials)
        await server.start()
        return server

    server = house.loop.run(start())
    alice = house.enrol("alice")
    with house.channel(alice.tls) as channel:
        line = Line(channel, house.server_key.public_key)
        assert line.refusal(b"", path=HEALTH_CHECK).code == Code.UNIMPLEMENTED
        signed = house.requests(alice).unary(PLACE, ORDER)
        assert line.refusal(signed).code == Code.UNIMPLEMENTED
    house.loop.run(server.stop(0))
    assert entered == []


def test_a_client_that_knows_more_methods_than_the_server_is_told_so(house: House) -> None:
    handler: Handler = grpc.unary_unary_rpc_method_handler(ObservedOrders({}).PlaceOrder)

    def register(server: ProtectedServer) -> None:
        server.add_registered_method_handlers("shop.v1.OrderService", {"PlaceOrder": handler})

    alice = house.enrol("alice")
    item = ImportOrdersRequest(item=APPLES)
    with house.serving(register), house.channel(alice.tls) as channel:
        stub = OrderServiceStub(house.signing_channel(channel, alice))
        calls: list[Callable[[], object]] = [
            lambda: list(stub.ListOrders(ListOrdersRequest())),
            lambda: stub.ImportOrders(iter([item])),
        ]
        for call in calls:
            with pytest.raises(RemoteError) as told:
                call()
            assert told.value.code == Code.UNIMPLEMENTED
