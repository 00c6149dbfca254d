"""Real servers on loopback, for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

import grpc

from sealwire.client import SigningChannel, TlsIdentity
from sealwire.client.connection import CHANNEL_OPTIONS
from sealwire.core.clock import Clock
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.requests import RequestFactory, TimeWindow
from sealwire.core.responses import ResponseFactory
from sealwire.interceptors import (
    Authenticator,
    Binding,
    CertificatePolicy,
    EnrolledKey,
    InMemoryKeyDirectory,
    NonceStore,
    ProtectedServer,
    Protection,
    Refusal,
    ReplayGuard,
    mutual_tls,
)
from sealwire.interceptors.issuers import AnyIssuer
from tests.support.clocks import AdjustableClock
from tests.support.event_loops import LoopThread
from tests.support.pki import HOST, TRUST_DOMAIN, Client, Pki

AUDIENCE = "test.example"


class SigningOptions(TypedDict):
    """Keyword arguments of `SigningChannel` and `AsyncSigningChannel`."""

    audience: str
    server_key: PublicKey
    clock: Clock


Register = Callable[[ProtectedServer], None]


@dataclass(slots=True)
class House:
    """All that a protected server is made of; tests change what they are about, then serve."""

    pki: Pki
    loop: LoopThread
    server_key: PrivateKey
    clock: AdjustableClock = field(default_factory=AdjustableClock)
    monotonic: AdjustableClock = field(default_factory=AdjustableClock)
    window: TimeWindow = field(default_factory=TimeWindow)
    directory: InMemoryKeyDirectory = field(default_factory=InMemoryKeyDirectory.of)
    refusals: list[Refusal] = field(default_factory=list)
    replay: ReplayGuard | None = None
    binding: Binding = Binding.STRICT
    certificates: CertificatePolicy = field(default_factory=AnyIssuer)
    port: int = 0

    def enrol(self, identity: str) -> Client:
        """Return a new client whose key the server knows."""
        client = self.pki.client()
        self.know(client.key, identity)
        return client

    def know(self, key: PrivateKey, identity: str) -> None:
        """Let the server know a key."""
        self.directory.keys[key.public_key.key_id] = EnrolledKey(key.public_key, identity)

    def change(self, client: Client, change: Callable[[EnrolledKey], EnrolledKey]) -> None:
        """Change what the server knows of a client's key."""
        self.directory.keys[client.key_id] = change(self.directory.keys[client.key_id])

    def protection(self) -> Protection:
        """Return what stands in front of the handlers."""
        return Protection(
            authenticator=Authenticator(
                audience=AUDIENCE,
                trust_domain=TRUST_DOMAIN,
                keys=self.directory,
                clock=self.clock,
                window=self.window,
                binding=self.binding,
                certificates=self.certificates,
            ),
            replay=self.replay or self.fresh_nonces(),
            responses=ResponseFactory(self.server_key, self.clock),
            on_refusal=self.refusals.append,
        )

    def fresh_nonces(self, *, capacity: int = 1_000_000) -> NonceStore:
        """Return an empty store, made so long ago that it accepts requests of this moment."""
        store = NonceStore.in_memory(
            clock=self.clock, monotonic_ms=self.monotonic, window=self.window, capacity=capacity
        )
        self.clock.advance(self.window.skew_ms + 1)
        return store

    @contextlib.contextmanager
    def serving(
        self,
        register: Register,
        *,
        tls: TlsIdentity | None = None,
        credentials: grpc.ServerCredentials | None = None,
        exempt_services: Collection[str] = (),
    ) -> Iterator[None]:
        """Serve what `register` registers, on a free port."""
        shown = credentials or self.server_credentials(tls or self.pki.server())
        server = self.loop.run(self._start(register, shown, exempt_services))
        try:
            yield
        finally:
            self.loop.run(server.stop(0))

    async def _start(
        self,
        register: Register,
        credentials: grpc.ServerCredentials,
        exempt_services: Collection[str],
    ) -> ProtectedServer:
        server = ProtectedServer(self.protection(), exempt_services=exempt_services)
        register(server)
        self.port = server.add_secure_port(f"{HOST}:0", credentials)
        await server.start()
        return server

    def server_credentials(self, tls: TlsIdentity) -> grpc.ServerCredentials:
        """Return credentials that show `tls` and accept this PKI's clients."""
        return mutual_tls(
            certificate_chain=tls.certificate_pem,
            private_key=tls.key_pem,
            client_ca=self.pki.ca_pem,
        )

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"{HOST}:{self.port}"

    def requests(self, client: Client, *, audience: str = AUDIENCE) -> RequestFactory:
        """Return the maker of a client's requests, by the server's clock."""
        return RequestFactory(client.key, audience, self.clock, os.urandom)

    def channel(self, tls: TlsIdentity) -> grpc.Channel:
        """Return a plain channel, as `sealwire.client` opens it."""
        return grpc.secure_channel(self.address, self.credentials(tls), options=CHANNEL_OPTIONS)

    def signing_channel(self, channel: grpc.Channel, client: Client) -> SigningChannel:
        """Return `client`'s signing channel over a plain one."""
        return SigningChannel(channel, client.key, **self.signing_options)

    @property
    def signing_options(self) -> SigningOptions:
        """What every signing channel to this server is made with."""
        return SigningOptions(
            audience=AUDIENCE, server_key=self.server_key.public_key, clock=self.clock
        )

    def credentials(self, tls: TlsIdentity) -> grpc.ChannelCredentials:
        """Return credentials that show `tls` and accept this PKI's servers."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.pki.ca_pem,
            private_key=tls.key_pem,
            certificate_chain=tls.certificate_pem,
        )
