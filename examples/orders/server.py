"""The assembly: which keys are known, what stands in front of the service, where it listens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from shop.v1.orders_pb2_grpc import add_OrderServiceServicer_to_server

from examples.orders.service import OrderService
from sealwire.core.clock import system_clock
from sealwire.core.keys import Signer
from sealwire.core.requests import TimeWindow
from sealwire.core.responses import ResponseFactory
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import (
    Authenticator,
    KeyDirectory,
    ProtectedServer,
    Protection,
    mutual_tls,
    open_nonce_store,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment of the shop is made of."""

    audience: str
    trust_domain: TrustDomain
    signing_key: Signer
    keys: KeyDirectory
    # Made once, by `sealwire.interceptors.create_journal`, and kept across restarts.
    journal: Path


def build_server(settings: Settings, service: OrderService) -> ProtectedServer:
    """Return the shop's server, without a port; call inside a running loop."""
    window = TimeWindow()
    protection = Protection(
        authenticator=Authenticator(
            audience=settings.audience,
            trust_domain=settings.trust_domain,
            keys=settings.keys,
            clock=system_clock,
            window=window,
        ),
        replay=open_nonce_store(
            settings.journal, clock=system_clock, monotonic_ms=monotonic_ms, window=window
        ),
        responses=ResponseFactory(settings.signing_key, system_clock),
    )
    server = ProtectedServer(protection)
    add_OrderServiceServicer_to_server(service, server)
    return server


def listen(
    server: ProtectedServer,
    address: str,
    *,
    certificate_pem: bytes,
    key_pem: bytes,
    client_ca_pem: bytes,
) -> int:
    """Bind `address`, for clients whose certificates the CA has issued, and return the port."""
    credentials = mutual_tls(
        certificate_chain=certificate_pem, private_key=key_pem, client_ca=client_ca_pem
    )
    return server.add_secure_port(address, credentials)


def monotonic_ms() -> int:
    """Return milliseconds on a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000
