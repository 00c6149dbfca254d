"""A handler that forgets to ask, or asks for something else: it gets nothing done, and says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.client import RemoteError
from sealwire.core.errors import Code
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.claims import claim
from sealwire.server.guard import Guard
from sealwire.storage import Namespace, Transaction
from sealwire.v1.namespaces_pb2 import (
    CreateNamespaceRequest,
    CreateNamespaceResponse,
    GetNamespaceRequest,
    GetNamespaceResponse,
    ListNamespacesRequest,
    ListNamespacesResponse,
    UpdateNamespaceRequest,
    UpdateNamespaceResponse,
)
from sealwire.v1.namespaces_pb2_grpc import (
    NamespaceServiceServicer,
    NamespaceServiceStub,
    add_NamespaceServiceServicer_to_server,
)
from tests.server.guarded import GuardedHouse, guarded_house
from tests.support.event_loops import LoopThread


@dataclass(frozen=True, slots=True)
class Careless(NamespaceServiceServicer):
    """Four ways to get it wrong. The caller holds every verb, so no right is missing."""

    guard: Guard

    async def CreateNamespace(
        self, request: CreateNamespaceRequest, call: Call
    ) -> CreateNamespaceResponse:
        """Go to the store before anything was decided."""

        def unit(auth: Authorization) -> Namespace:
            owner_id = auth.caller.identity.id
            return auth.tx.namespaces.create(request.name, owner_id=owner_id, now=auth.now)

        await self.guard.write(call, unit)
        return CreateNamespaceResponse()

    async def GetNamespace(self, request: GetNamespaceRequest, call: Call) -> GetNamespaceResponse:
        """Decide by another rule than the method's."""

        def unit(auth: Authorization) -> None:
            auth.enrolled()
            auth.tx.namespaces.find(request.name)

        await self.guard.read(call, unit)
        return GetNamespaceResponse()

    async def ListNamespaces(
        self, _request: ListNamespacesRequest, call: Call
    ) -> ListNamespacesResponse:
        """Decide nothing, and answer."""
        await self.guard.read(call, lambda auth: auth.caller)
        return ListNamespacesResponse()

    async def UpdateNamespace(
        self, request: UpdateNamespaceRequest, call: Call
    ) -> UpdateNamespaceResponse:
        """Take the way of those who have no identity yet."""

        def unit(tx: Transaction) -> Namespace:
            found = tx.identities.find_by_key(call.caller.public_key.key_id)
            assert found is not None
            return tx.namespaces.create(request.name, owner_id=found[0].id, now=0)

        await self.guard.enrol(call, unit)
        return UpdateNamespaceResponse()


@dataclass(frozen=True, slots=True)
class Scene:
    """A careless server, and somebody with every right in the namespace."""

    house: GuardedHouse
    stub: NamespaceServiceStub
    namespace: str

    @property
    def state(self) -> tuple[object, ...]:
        """What a careless handler could have changed."""
        return self.house.store.read_blocking(
            lambda tx: (tx.namespaces.has_relatives("made"), tx.authority.version())
        )


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Scene]:
    with guarded_house(tmp_path / "deployment", loop) as house:
        client, row = house.join("alice")
        house.store.write_blocking(
            lambda tx: claim(tx, "made", identity_id=row.id, now=house.clock())
        )
        service = Careless(house.guard)
        with (
            house.serving(lambda server: add_NamespaceServiceServicer_to_server(service, server)),
            house.channel(client.tls) as channel,
        ):
            stub = NamespaceServiceStub(house.signing_channel(channel, client))
            yield Scene(house, stub, "made")


# case 59
def test_a_handler_that_goes_to_the_store_undecided_fails_and_changes_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = scene.state
    with pytest.raises(RemoteError) as failure:
        scene.stub.CreateNamespace(CreateNamespaceRequest(name=scene.namespace))
    assert failure.value.code == Code.INTERNAL
    assert "permission" not in str(failure.value)  # which is told to the operator
    assert scene.state == before == (False, before[1])
    assert "went on without deciding its permission" in caplog.text


# case 59
def test_a_handler_that_decides_by_another_rule_than_its_methods_is_refused(scene: Scene) -> None:
    with pytest.raises(RemoteError) as failure:
        scene.stub.GetNamespace(GetNamespaceRequest(name=scene.namespace))
    assert failure.value.code == Code.PERMISSION_DENIED


# case 59
def test_a_handler_that_answers_undecided_fails(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(RemoteError) as failure:
        scene.stub.ListNamespaces(ListNamespacesRequest(under=scene.namespace))
    assert failure.value.code == Code.INTERNAL


# case 59
def test_a_handler_that_goes_by_an_invitation_where_there_is_none_fails_and_changes_nothing(
    scene: Scene,
) -> None:
    before = scene.state
    with pytest.raises(RemoteError) as failure:
        scene.stub.UpdateNamespace(UpdateNamespaceRequest(name=scene.namespace))
    assert failure.value.code == Code.INTERNAL
    assert scene.state == before
