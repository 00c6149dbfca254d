"""`build_server`: the one place that puts a server together. Read the code from here down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from typing import Final

import structlog
from grpc_health.v1 import health, health_pb2_grpc

from sealwire.core.clock import Clock, system_clock
from sealwire.core.keys import Random
from sealwire.core.responses import ResponseFactory
from sealwire.interceptors import (
    HEALTH_SERVICE,
    Authenticator,
    ProtectedServer,
    Protection,
    Refusal,
    mutual_tls,
    open_nonce_store,
)
from sealwire.server.deployment import Deployment
from sealwire.server.identity_service import ClientCertificates, IdentityService
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.records_service import RecordService
from sealwire.storage import Store
from sealwire.v1.identity_pb2_grpc import add_IdentityServiceServicer_to_server
from sealwire.v1.records_pb2_grpc import add_RecordServiceServicer_to_server

_log = structlog.get_logger("sealwire.server")

HEALTH_SECONDS: Final = 1.0
"""How long health watchers may take to hear that the server stops."""


def monotonic_ms() -> int:
    """Return milliseconds on a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is bound to its port, and what it has to close when it stops."""

    port: int
    drain_seconds: int
    _grpc: ProtectedServer
    _store: Store
    _health: health.aio.HealthServicer

    async def start(self) -> None:
        """Begin to answer."""
        await self._grpc.start()

    async def ended(self) -> None:
        """Return when the server was stopped; raise if it can't go on."""
        await self._grpc.wait_for_termination()

    async def stop(self) -> None:
        """Refuse new requests, let those under way finish, then close the store."""
        # A watcher that reads nothing would hold this up for as long as it likes.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._health.enter_graceful_shutdown(), HEALTH_SECONDS)
        await self._grpc.stop(self.drain_seconds)
        self._store.close()


def build_server(
    deployment: Deployment,
    *,
    clock: Clock = system_clock,
    monotonic: Clock = monotonic_ms,
    random: Random = os.urandom,
) -> Server:
    """Return the server of a deployment, bound and ready to start; call inside a running loop.

    Every request passes, in this order: transport, signature, replay claim, then the handler, which
    checks the permission and runs one unit of work; its answer is signed.

    Raises:
        ConfigurationError: if the deployment can't be served; nothing of it was changed.
        PolicyError: if a registered method has no policy.
    """
    store = Store.open(
        deployment.database,
        root_keys=deployment.root_keys,
        random=random,
        monotonic=lambda: monotonic() / 1000,
    )
    with contextlib.ExitStack() as undo:
        undo.callback(store.close)
        server = _assemble(deployment, store, clock=clock, monotonic=monotonic)
        undo.pop_all()
    return server


def _assemble(deployment: Deployment, store: Store, *, clock: Clock, monotonic: Clock) -> Server:
    config = deployment.config
    protection = Protection(
        authenticator=Authenticator(
            audience=config.audience,
            trust_domain=deployment.trust_domain,
            keys=StoreKeyDirectory(store),
            clock=clock,
            window=config.window,
        ),
        replay=open_nonce_store(
            deployment.journal, clock=clock, monotonic_ms=monotonic, window=config.window
        ),
        responses=ResponseFactory(deployment.signing_key, clock),
        on_refusal=_log_refusal,
    )
    certificates = ClientCertificates(
        deployment.authority, deployment.trust_domain, config.client_certificate_days
    )
    health_service = health.aio.HealthServicer()
    server = ProtectedServer(protection, exempt_services={HEALTH_SERVICE})
    add_IdentityServiceServicer_to_server(IdentityService(store, certificates, clock), server)
    add_RecordServiceServicer_to_server(RecordService(store, clock), server)
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    credentials = mutual_tls(
        certificate_chain=deployment.server_certificate_pem,
        private_key=deployment.server_key_pem,
        client_ca=deployment.ca_pem,
    )
    port = server.add_secure_port(config.listen, credentials)
    return Server(port, config.drain_seconds, server, store, health_service)


def _log_refusal(refusal: Refusal) -> None:
    _log.warning(
        "refused",
        method=refusal.method,
        claimed_key_id=refusal.claimed_key_id,
        reason=refusal.error.reason,
        detail=str(refusal.error),
    )
