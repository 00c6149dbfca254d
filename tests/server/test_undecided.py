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
from sealwire.server.authorization import Authorization, claim
from sealwire.server.guard import Guard
from sealwire.storage import Namespace, Transaction
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    DeleteRecordResponse,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    PutRecordRequest,
    PutRecordResponse,
)
from sealwire.v1.records_pb2_grpc import (
    RecordServiceServicer,
    RecordServiceStub,
    add_RecordServiceServicer_to_server,
)
from tests.server.guarded import GuardedHouse, guarded_house
from tests.support.event_loops import LoopThread


@dataclass(frozen=True, slots=True)
class Careless(RecordServiceServicer):
    """Four ways to get it wrong. The caller holds every verb, so no right is missing."""

    guard: Guard

    async def PutRecord(self, request: PutRecordRequest, call: Call) -> PutRecordResponse:
        """Go to the store before anything was decided."""

        def unit(auth: Authorization) -> Namespace:
            owner_id = auth.caller.identity.id
            return auth.tx.namespaces.create(request.namespace, owner_id=owner_id, now=auth.now)

        await self.guard.write(call, unit)
        return PutRecordResponse()

    async def GetRecord(self, request: GetRecordRequest, call: Call) -> GetRecordResponse:
        """Decide by another rule than the method's."""

        def unit(auth: Authorization) -> None:
            auth.enrolled()
            auth.tx.namespaces.find(request.namespace)

        await self.guard.read(call, unit)
        return GetRecordResponse()

    async def ListRecords(self, _request: ListRecordsRequest, call: Call) -> ListRecordsResponse:
        """Decide nothing, and answer."""
        await self.guard.read(call, lambda auth: auth.caller)
        return ListRecordsResponse()

    async def DeleteRecord(self, request: DeleteRecordRequest, call: Call) -> DeleteRecordResponse:
        """Take the way of those who have no identity yet."""

        def unit(tx: Transaction) -> Namespace:
            return tx.namespaces.create(request.namespace, owner_id=request.name, now=0)

        await self.guard.enrol(call, unit)
        return DeleteRecordResponse()


@dataclass(frozen=True, slots=True)
class Scene:
    """A careless server, and somebody with every right in the namespace."""

    house: GuardedHouse
    stub: RecordServiceStub
    namespace: str
    owner_id: str

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
            house.serving(lambda server: add_RecordServiceServicer_to_server(service, server)),
            house.channel(client.tls) as channel,
        ):
            stub = RecordServiceStub(house.signing_channel(channel, client))
            yield Scene(house, stub, "made", row.id)


# case 59
def test_a_handler_that_goes_to_the_store_undecided_fails_and_changes_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = scene.state
    with pytest.raises(RemoteError) as failure:
        scene.stub.PutRecord(PutRecordRequest(namespace=scene.namespace, name="r"))
    assert failure.value.code == Code.INTERNAL
    assert "permission" not in str(failure.value)  # which is told to the operator
    assert scene.state == before == (False, before[1])
    assert "went on without deciding its permission" in caplog.text


# case 59
def test_a_handler_that_decides_by_another_rule_than_its_methods_is_refused(scene: Scene) -> None:
    with pytest.raises(RemoteError) as failure:
        scene.stub.GetRecord(GetRecordRequest(namespace=scene.namespace, name="r"))
    assert failure.value.code == Code.PERMISSION_DENIED


# case 59
def test_a_handler_that_answers_undecided_fails(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(RemoteError) as failure:
        scene.stub.ListRecords(ListRecordsRequest(namespace=scene.namespace))
    assert failure.value.code == Code.INTERNAL


# case 59
def test_a_handler_that_goes_by_an_invitation_where_there_is_none_fails_and_changes_nothing(
    scene: Scene,
) -> None:
    before = scene.state
    with pytest.raises(RemoteError) as failure:
        scene.stub.DeleteRecord(DeleteRecordRequest(namespace="made", name=scene.owner_id))
    assert failure.value.code == Code.INTERNAL
    assert scene.state == before
