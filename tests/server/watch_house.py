"""A server whose watches a test can limit and count, and members who put and watch."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
import pytest

from sealwire.client import RemoteError
from sealwire.client.connection import CHANNEL_OPTIONS
from sealwire.interceptors import Call, ProtectedServer
from sealwire.server.authorization import Unit
from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.guard import Guard
from sealwire.server.housekeeping import Housekeeper
from sealwire.server.identity_service import IdentityService
from sealwire.server.invitations import inviter_of
from sealwire.server.key_service import KeyService
from sealwire.server.namespace_service import NamespaceService
from sealwire.server.permission_service import PermissionService
from sealwire.server.records_service import RecordService
from sealwire.server.watch_hub import WatchHub, WatchLimits
from sealwire.storage import IdentityRow
from sealwire.v1.identity_pb2 import EraseIdentityRequest
from sealwire.v1.identity_pb2_grpc import (
    IdentityServiceStub,
    add_IdentityServiceServicer_to_server,
)
from sealwire.v1.keys_pb2_grpc import KeyServiceStub, add_KeyServiceServicer_to_server
from sealwire.v1.namespaces_pb2_grpc import (
    NamespaceServiceStub,
    add_NamespaceServiceServicer_to_server,
)
from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    SCOPE_SUBTREE,
    CreateGrantRequest,
    Effect,
    Subject,
    Verb,
)
from sealwire.v1.permissions_pb2_grpc import (
    PermissionServiceStub,
    add_PermissionServiceServicer_to_server,
)
from sealwire.v1.records_pb2 import (
    BatchPutRecordsRequest,
    Change,
    PutRecordRequest,
    RecordInput,
    WatchRecordsRequest,
    WatchRecordsResponse,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub, add_RecordServiceServicer_to_server
from tests.server.guarded import GuardedHouse, guarded_house
from tests.support.event_loops import LoopThread
from tests.support.pki import TRUST_DOMAIN, Client
from tests.support.servers import AUDIENCE

T = TypeVar("T")

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class CountingGuard(Guard):
    """A guard that counts how often somebody reads behind it."""

    counted: list[str] = field(default_factory=list)

    async def read(self, call: Call, unit: Unit[T]) -> T:
        self.counted.append(call.method.path)
        return await Guard.read(self, call, unit)


class Watch:
    """An open watch, whose messages a test takes one by one."""

    def __init__(self, stub: RecordServiceStub, namespace: str, from_revision: int = 0) -> None:
        request = WatchRecordsRequest(namespace=namespace, from_revision=from_revision)
        self._messages: Iterator[WatchRecordsResponse] = iter(
            stub.WatchRecords(request, timeout=PATIENCE)
        )
        self.next_revision = from_revision
        self.seen: list[Change] = []

    def message(self) -> WatchRecordsResponse:
        """Return the next message, as soon as it comes."""
        message = next(self._messages)
        self.next_revision = message.next_revision
        self.seen.extend(message.changes)
        return message

    def begun(self) -> Watch:
        """Wait for the first message, which says that the watch stands."""
        assert not self.message().changes
        return self

    def changes(self, count: int) -> list[Change]:
        """Return so many changes, as soon as they have come."""
        found: list[Change] = []
        while len(found) < count:
            found.extend(self.message().changes)
        assert len(found) == count
        return found

    def names(self, count: int) -> list[str]:
        """Return what so many changes are about."""
        return [f"{change.namespace}:{change.name}" for change in self.changes(count)]

    def refusal(self) -> RemoteError:
        """Wait for the end, which must be a signed refusal; take what comes before that."""
        with pytest.raises(RemoteError) as refused:
            self._exhaust()
        return refused.value

    def _exhaust(self) -> None:
        while True:
            self.message()

    def stop(self) -> None:
        """Leave, as a client does that loses its connection or has enough."""
        close = getattr(self._messages, "close", None)
        assert close is not None
        close()


@dataclass(frozen=True, slots=True)
class Somebody:
    """An identity at work."""

    house: GuardedHouse
    client: Client
    row: IdentityRow
    channel: grpc.Channel

    @property
    def records(self) -> RecordServiceStub:
        """The way to records."""
        return RecordServiceStub(self.house.signing_channel(self.channel, self.client))

    @property
    def namespaces(self) -> NamespaceServiceStub:
        """The way to namespaces."""
        return NamespaceServiceStub(self.house.signing_channel(self.channel, self.client))

    @property
    def keys(self) -> KeyServiceStub:
        """The way to keys."""
        return KeyServiceStub(self.house.signing_channel(self.channel, self.client))

    @property
    def identities(self) -> IdentityServiceStub:
        """The way to identities."""
        return IdentityServiceStub(self.house.signing_channel(self.channel, self.client))

    @property
    def permissions(self) -> PermissionServiceStub:
        """The way to grants."""
        return PermissionServiceStub(self.house.signing_channel(self.channel, self.client))

    def put(self, namespace: str, *names: str) -> int:
        """Put records, one by one; return the last revision."""
        revision = 0
        for name in names:
            request = PutRecordRequest(namespace=namespace, name=name, value=b"value")
            revision = self.records.PutRecord(request).revision
        return revision

    def put_all(self, namespace: str, *names: str) -> int:
        """Put records at once; return the last revision."""
        records = [RecordInput(namespace=namespace, name=name) for name in names]
        response = self.records.BatchPutRecords(BatchPutRecordsRequest(records=records))
        return int(response.revision)

    def watch(self, namespace: str, from_revision: int = 0) -> Watch:
        """Begin to watch."""
        return Watch(self.records, namespace, from_revision)

    def grant(
        self,
        to: Somebody,
        verb: Verb,
        namespace: str,
        *,
        effect: Effect = EFFECT_ALLOW,
        expires_at: int = 0,
    ) -> None:
        """Allow or deny a verb in a subtree."""
        self.permissions.CreateGrant(
            CreateGrantRequest(
                subject=Subject(identity=to.row.name),
                verbs=[verb],
                namespace=namespace,
                scope=SCOPE_SUBTREE,
                effect=effect,
                expires_at=expires_at,
            )
        )


@dataclass(frozen=True, slots=True)
class WatchHouse:
    """A server with watches, and who uses it."""

    house: GuardedHouse
    hub: WatchHub
    guard: CountingGuard
    _stack: contextlib.ExitStack
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def join(self, label: str = "member", *, role: str = "member") -> Somebody:
        """Return somebody new."""
        client, row = self.house.join(f"{label}-{next(self._numbers)}", role=role)
        channel = self._stack.enter_context(self.house.channel(client.tls))
        return Somebody(self.house, client, row, channel)

    def admin(self) -> Somebody:
        """Return a new admin."""
        return self.join("admin", role="admin")

    def narrowly(self, who: Somebody) -> Somebody:
        """Return somebody over a connection that takes 64 KiB of a stream nobody reads."""
        credentials = self.house.credentials(who.client.tls)
        options = (*CHANNEL_OPTIONS, ("grpc.http2.bdp_probe", 0))
        channel = grpc.secure_channel(self.house.address, credentials, options=options)
        return dataclasses.replace(who, channel=self._stack.enter_context(channel))

    def erase(self, who: Somebody) -> None:
        """Erase somebody, as an admin does."""
        self.admin().identities.EraseIdentity(EraseIdentityRequest(identity=who.row.name))

    def sweep(self) -> None:
        """Do what a server does now and then."""
        housekeeper = Housekeeper(
            self.house.store,
            clock=self.house.clock,
            monotonic=self.house.monotonic,
            keep_changes=100_000,
            interval_seconds=1,
        )
        self.house.loop.run(housekeeper.sweep())

    def read_by_watches(self) -> int:
        """Return how often watches have read so far."""
        return self.guard.counted.count("/sealwire.v1.RecordService/WatchRecords")


@contextlib.contextmanager
def watch_house(
    directory: Path, loop: LoopThread, limits: WatchLimits | None = None
) -> Iterator[WatchHouse]:
    """Serve everything that a watch may depend on."""
    with contextlib.ExitStack() as stack:
        house = stack.enter_context(guarded_house(directory, loop))
        plain = house.guard
        guard = CountingGuard(plain.store, plain.rights, plain.keys, plain.clock)
        hub = WatchHub(guard.store, guard.keys, limits)

        def register(server: ProtectedServer) -> None:
            certificates = ClientCertificates(lambda: house.deployment.authority, TRUST_DOMAIN, 1)
            inviter = inviter_of(house.deployment, random=os.urandom)
            keys = KeyService(guard, certificates, AUDIENCE, ca_pem=lambda: b"", successions=())
            identities = IdentityService(guard, certificates, inviter)
            add_RecordServiceServicer_to_server(RecordService(guard, hub), server)
            add_NamespaceServiceServicer_to_server(NamespaceService(guard), server)
            add_KeyServiceServicer_to_server(keys, server)
            add_IdentityServiceServicer_to_server(identities, server)
            add_PermissionServiceServicer_to_server(PermissionService(guard), server)

        async def start() -> None:
            hub.start()

        stack.enter_context(house.serving(register))
        loop.run(start())
        stack.callback(lambda: loop.run(hub.stop()))
        yield WatchHouse(house, hub, guard, stack.enter_context(contextlib.ExitStack()))
