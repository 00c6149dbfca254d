"""The orders example, served in this process from its own assembly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop.v1.orders_pb2_grpc import OrderServiceStub

from examples.orders.client import shop as open_shop
from examples.orders.people import AUDIENCE, HOST, TRUST_DOMAIN, Customer, Town
from examples.orders.server import Settings, build_server, listen
from examples.orders.service import OrderService
from sealwire.core.invitation import ServerIdentity
from sealwire.interceptors import InMemoryKeyDirectory, ProtectedServer, create_journal
from tests.support.event_loops import loop_thread

GRANTED = {
    "alice": frozenset({"orders.place", "orders.list"}),
    "bob": frozenset({"orders.list"}),
}


@dataclass(frozen=True, slots=True)
class Market:
    """A town with three customers whose keys the shop knows; carol may do nothing."""

    town: Town
    service: OrderService
    server: ServerIdentity
    alice: Customer
    bob: Customer
    carol: Customer

    def stub(self, customer: Customer) -> contextlib.AbstractContextManager[OrderServiceStub]:
        """Give a customer's stub."""
        return open_shop(self.server, customer.tls, customer.key)


Opening = Callable[[], contextlib.AbstractContextManager[Market]]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens the shop; a second time, with the same people and journal, and no orders."""
    town = Town.found()
    alice, bob, carol = (town.customer(name) for name in ("alice", "bob", "carol"))
    settings = Settings(
        audience=AUDIENCE,
        trust_domain=TRUST_DOMAIN,
        signing_key=town.shop_key,
        keys=InMemoryKeyDirectory.of(*(c.enrolled_key for c in (alice, bob, carol))),
        journal=tmp_path / "replay",
    )
    create_journal(settings.journal)
    with loop_thread() as loop:

        @contextlib.contextmanager
        def opened() -> Iterator[Market]:
            service = OrderService(GRANTED)
            server, port = loop.run(serve(settings, service, town))
            yield Market(town, service, town.shop_identity(port), alice, bob, carol)
            loop.run(server.stop(0))

        yield opened


async def serve(
    settings: Settings, service: OrderService, town: Town
) -> tuple[ProtectedServer, int]:
    """Start the shop on a free port."""
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
    return server, port


@pytest.fixture
def market(opening: Opening) -> Iterator[Market]:
    with opening() as opened:
        yield opened
