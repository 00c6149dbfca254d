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
from sealwire.core.errors import UnavailableError
from sealwire.core.keys import Random
from sealwire.core.responses import ResponseFactory
from sealwire.interceptors import (
    HEALTH_SERVICE,
    Authenticator,
    ProtectedServer,
    Protection,
    Refusal,
    open_nonce_store,
)
from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.deployment import Deployment
from sealwire.server.guard import Guard
from sealwire.server.housekeeping import HOUSEKEEPING_SECONDS, Housekeeper
from sealwire.server.identity_service import IdentityService
from sealwire.server.invitations import Inviter
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.key_service import KeyService
from sealwire.server.namespace_service import NamespaceService
from sealwire.server.permission_service import PermissionService
from sealwire.server.permissions import require_rules
from sealwire.server.records_service import RecordService
from sealwire.server.rights import Rights
from sealwire.server.tls_reload import CHECK_SECONDS, LiveDeployment
from sealwire.server.watch_hub import WatchHub
from sealwire.storage import AuthorityJournal, Store, finish_erasures
from sealwire.v1.identity_pb2_grpc import add_IdentityServiceServicer_to_server
from sealwire.v1.keys_pb2_grpc import add_KeyServiceServicer_to_server
from sealwire.v1.namespaces_pb2_grpc import add_NamespaceServiceServicer_to_server
from sealwire.v1.permissions_pb2_grpc import add_PermissionServiceServicer_to_server
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
    live: LiveDeployment
    housekeeper: Housekeeper
    _watches: WatchHub

    async def start(self) -> None:
        """Begin to answer."""
        self._watches.start()
        await self._grpc.start()
        self.live.start()
        self.housekeeper.start()

    async def ended(self) -> None:
        """Return when the server was stopped; raise if it can't go on."""
        await self._grpc.wait_for_termination()

    async def stop(self) -> None:
        """End watches, refuse new requests, let those under way finish, then close the store."""
        await self._watches.stop()
        # A watcher that reads nothing would hold this up for as long as it likes.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._health.enter_graceful_shutdown(), HEALTH_SECONDS)
        await self._grpc.stop(self.drain_seconds)
        await self.housekeeper.stop()
        await self.live.stop()
        self._store.close()


def build_server(
    deployment: Deployment,
    *,
    clock: Clock = system_clock,
    monotonic: Clock = monotonic_ms,
    random: Random = os.urandom,
    check_seconds: float = CHECK_SECONDS,
    housekeeping_seconds: float = HOUSEKEEPING_SECONDS,
) -> Server:
    """Return the server of a deployment, bound and ready to start; call inside a running loop.

    Every request passes, in this order: transport, signature, replay claim, then the handler, which
    runs one unit of work behind the guard: the caller's standing, the method's permission, the act.
    Its answer is signed. The files of certificates are looked at every `check_seconds`, and what
    has expired or was erased is thrown away every `housekeeping_seconds`.

    Raises:
        ConfigurationError: if the deployment can't be served; nothing of it was changed.
        PolicyError: if a registered method has no policy, or no rule gives its permission.
    """
    store = Store.open(
        deployment.database,
        root_keys=deployment.root_keys,
        journal=AuthorityJournal(deployment.authority_journal, clock),
        salts=deployment.salts,
        random=random,
        monotonic=lambda: monotonic() / 1000,
    )
    with contextlib.ExitStack() as undo:
        undo.callback(store.close)
        _finish_erasures(store)
        live = LiveDeployment(deployment, clock=clock, check_seconds=check_seconds)
        housekeeper = Housekeeper(
            store,
            clock=clock,
            monotonic=monotonic,
            keep_changes=deployment.config.keep_changes,
            interval_seconds=housekeeping_seconds,
        )
        server = _assemble(
            live, store, housekeeper, clock=clock, monotonic=monotonic, random=random
        )
        undo.pop_all()
    return server


def _assemble(
    live: LiveDeployment,
    store: Store,
    housekeeper: Housekeeper,
    *,
    clock: Clock,
    monotonic: Clock,
    random: Random,
) -> Server:
    deployment = live.current
    config = deployment.config
    rights = Rights()
    keys = StoreKeyDirectory(store, rights, clock)
    protection = Protection(
        authenticator=Authenticator(
            audience=config.audience,
            trust_domain=deployment.trust_domain,
            keys=keys,
            clock=clock,
            window=config.window,
            binding=config.binding,
            certificates=live.tls,
        ),
        replay=open_nonce_store(
            deployment.journal, clock=clock, monotonic_ms=monotonic, window=config.window
        ),
        responses=ResponseFactory(deployment.signing_key, clock),
        on_refusal=_log_refusal,
    )
    health_service = health.aio.HealthServicer()
    server = ProtectedServer(protection, exempt_services={HEALTH_SERVICE})
    watches = WatchHub(store, keys)
    _add_services(server, live, Guard(store, rights, keys, clock), watches, random)
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    require_rules(server.methods)
    port = server.add_secure_port(config.listen, live.tls.credentials())
    return Server(
        port, config.drain_seconds, server, store, health_service, live, housekeeper, watches
    )


def _add_services(
    server: ProtectedServer,
    live: LiveDeployment,
    guard: Guard,
    watches: WatchHub,
    random: Random,
) -> None:
    config, trust_domain = live.current.config, live.current.trust_domain
    certificates = ClientCertificates(
        lambda: live.current.authority, trust_domain, config.client_certificate_days
    )
    inviter = Inviter(
        server=lambda: live.current.server_identity,
        authority=lambda: live.current.authority,
        trust_domain=trust_domain,
        random=random,
    )
    key_service = KeyService(
        guard,
        certificates,
        config.audience,
        ca_pem=lambda: live.current.ca_pem,
        successions=live.current.successions,
    )
    add_IdentityServiceServicer_to_server(IdentityService(guard, certificates, inviter), server)
    add_KeyServiceServicer_to_server(key_service, server)
    add_PermissionServiceServicer_to_server(PermissionService(guard), server)
    add_NamespaceServiceServicer_to_server(NamespaceService(guard), server)
    add_RecordServiceServicer_to_server(RecordService(guard, watches), server)


def _finish_erasures(store: Store) -> None:
    """Destroy the salts that a crash left behind; what can't be now is housekeeping's to repeat."""
    try:
        finish_erasures(store)
    except UnavailableError as error:  # nothing uses that salt, so nobody need be held up
        _log.warning("erasure_not_finished", detail=str(error))


def _log_refusal(refusal: Refusal) -> None:
    _log.warning(
        "refused",
        method=refusal.method,
        claimed_key_id=refusal.claimed_key_id,
        reason=refusal.error.reason,
        detail=str(refusal.error),
    )
