"""What the shop accepts, and what it refuses; raises unless each step does what it says."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import grpc
from shop.v1.orders_pb2 import (
    ImportOrdersRequest,
    Item,
    ListOrdersRequest,
    PlaceOrderRequest,
    PriceOrdersRequest,
)
from shop.v1.orders_pb2_grpc import OrderServiceStub

from examples.orders.client import shop
from examples.orders.people import AUDIENCE, HOST, TRUST_DOMAIN, Customer, Town
from examples.orders.server import Settings, build_server, listen
from examples.orders.service import OrderService
from sealwire.client import ForbiddenError
from sealwire.client.connection import open_channel
from sealwire.core.clock import system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.requests import RequestFactory
from sealwire.interceptors import InMemoryKeyDirectory, create_journal
from sealwire.v1.envelope_pb2 import SignedMessage

PLACE_ORDER = "/shop.v1.OrderService/PlaceOrder"
GRANTED = {
    "alice": frozenset({"orders.place", "orders.list"}),
    "bob": frozenset({"orders.list"}),
}


def main() -> None:
    """Open the shop on a free port, let Alice, Bob and Mallory in, and close it again."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


async def run(directory: Path) -> None:
    """Serve while the customers, in a thread of their own, come and go."""
    town = Town.found()
    alice, bob = town.customer("alice"), town.customer("bob")
    create_journal(directory / "replay")
    settings = Settings(
        audience=AUDIENCE,
        trust_domain=TRUST_DOMAIN,
        signing_key=town.shop_key,
        keys=InMemoryKeyDirectory.of(alice.enrolled_key, bob.enrolled_key),
        journal=directory / "replay",
    )
    service = OrderService(GRANTED)
    server = build_server(settings, service)
    tls = town.shop_tls()
    port = listen(
        server,
        f"{HOST}:0",
        certificate_pem=tls.certificate_pem,
        key_pem=tls.key_pem,
        client_ca_pem=town.ca_pem,
    )
    await server.start()
    await asyncio.to_thread(visit, town.shop_identity(port), alice, bob)
    print(f"{len(service.orders)} orders on the books")
    await server.stop(grace=1)


def visit(server: ServerIdentity, alice: Customer, bob: Customer) -> None:
    """Do what a customer can, and try what none may."""
    with shop(server, alice.tls, alice.key) as stub:
        apples = Item(sku="apple", quantity=3)
        order = stub.PlaceOrder(PlaceOrderRequest(item=apples)).order
        tell("Alice orders three apples", f"order {order.number}, for {order.customer}")
        more = [Item(sku="bread", quantity=1), Item(sku="candle", quantity=4)]
        imported = stub.ImportOrders(ImportOrdersRequest(item=item) for item in more)
        tell("Alice imports two more", f"{imported.placed} orders")
        prices = stub.PriceOrders(PriceOrdersRequest(item=item) for item in more)
        tell("Alice asks for prices", ", ".join(str(answer.price) for answer in prices))
    with shop(server, bob.tls, bob.key) as stub:
        listed = [answer.order.item.sku for answer in stub.ListOrders(ListOrdersRequest())]
        tell("Bob, who may look, looks", ", ".join(listed))
        try:
            stub.PlaceOrder(PlaceOrderRequest(item=apples))
        except ForbiddenError as error:
            tell("Bob orders", f"refused: {error}")
        else:
            raise AssertionError("Bob may not order, but did.")
    with open_channel(server, alice.tls) as channel:
        attack(OrderServiceStub(channel), sign_order(alice, server))


def attack(stub: OrderServiceStub, signed: SignedMessage) -> None:
    """Send an order with a forged signature, then the order itself, twice."""
    forged = SignedMessage()
    forged.CopyFrom(signed)
    forged.signature = bytes([signed.signature[0] ^ 1]) + signed.signature[1:]
    tell("Mallory forges a signature", refusal(stub, forged))
    stub.PlaceOrder(signed)
    tell("Alice signs by hand", "accepted")
    tell("Mallory sends that again", refusal(stub, signed))


def sign_order(customer: Customer, server: ServerIdentity) -> SignedMessage:
    """Return what the signing channel sends for one order."""
    requests = RequestFactory(customer.key, server.audience, system_clock, os.urandom)
    body = PlaceOrderRequest(item=Item(sku="apple", quantity=1)).SerializeToString()
    return requests.unary(PLACE_ORDER, body)


def refusal(stub: OrderServiceStub, signed: SignedMessage) -> str:
    """Return the status with which the server refuses a message."""
    try:
        stub.PlaceOrder(signed)
    except grpc.RpcError as error:
        return f"refused: {error.code().name}, {error.details()}"
    raise AssertionError("The server accepted what it must refuse.")


def tell(what: str, outcome: str) -> None:
    """Print one line of the story."""
    print(f"{what:28}{outcome}")
