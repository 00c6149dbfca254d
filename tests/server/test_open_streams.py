"""Streams that are open when something ends in the store: they end before the next message."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from shop.v1.orders_pb2 import PriceOrdersRequest
from shop.v1.orders_pb2_grpc import OrderServiceStub, add_OrderServiceServicer_to_server

from sealwire.client import UnauthenticatedError
from sealwire.core.keys import PrivateKey
from sealwire.core.rotation import rotation_proof
from sealwire.interceptors import ProtectedServer
from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.identity_service import IdentityService
from sealwire.server.invitations import inviter_of
from sealwire.server.key_service import KeyService
from sealwire.storage import IdentityState, Transaction
from sealwire.v1.identity_pb2 import (
    IDENTITY_STATE_SUSPENDED,
    EraseIdentityRequest,
    RemoveIdentityRequest,
    UpdateIdentityRequest,
)
from sealwire.v1.identity_pb2_grpc import (
    IdentityServiceStub,
    add_IdentityServiceServicer_to_server,
)
from sealwire.v1.keys_pb2 import (
    ListKeysRequest,
    RevokeCertificateRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
)
from sealwire.v1.keys_pb2_grpc import KeyServiceStub, add_KeyServiceServicer_to_server
from tests.interceptors.shop import APPLES, EVERYTHING, ObservedOrders
from tests.server.guarded import GuardedHouse, guarded_house
from tests.support.event_loops import LoopThread
from tests.support.pki import TRUST_DOMAIN, Client
from tests.support.servers import AUDIENCE


@dataclass(frozen=True, slots=True)
class Scene:
    """A shop whose customers are in a store, alice, and an admin."""

    house: GuardedHouse
    service: ObservedOrders
    alice: Client
    admin: Client
    channel: grpc.Channel
    admin_channel: grpc.Channel

    @property
    def stub(self) -> OrderServiceStub:
        """Alice's way to the shop."""
        return OrderServiceStub(self.house.signing_channel(self.channel, self.alice))

    @property
    def keys(self) -> KeyServiceStub:
        """The admin's way to keys."""
        return KeyServiceStub(self.house.signing_channel(self.admin_channel, self.admin))

    @property
    def identities(self) -> IdentityServiceStub:
        """The admin's way to identities."""
        return IdentityServiceStub(self.house.signing_channel(self.admin_channel, self.admin))


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Scene]:
    with guarded_house(tmp_path / "deployment", loop) as house:
        alice, row = house.join("alice")
        admin, _ = house.join("admin", role="admin")
        service = ObservedOrders({row.id: EVERYTHING})
        deployment = house.deployment
        certificates = ClientCertificates(lambda: deployment.authority, TRUST_DOMAIN, 1)
        inviter = inviter_of(deployment, random=os.urandom)

        def register(server: ProtectedServer) -> None:
            add_OrderServiceServicer_to_server(service, server)
            keys = KeyService(
                house.guard, certificates, AUDIENCE, ca_pem=lambda: b"", successions=()
            )
            add_KeyServiceServicer_to_server(keys, server)
            identities = IdentityService(house.guard, certificates, inviter)
            add_IdentityServiceServicer_to_server(identities, server)

        with (
            house.serving(register),
            house.channel(alice.tls) as channel,
            house.channel(admin.tls) as admin_channel,
        ):
            yield Scene(house, service, alice, admin, channel, admin_channel)


def rotate(scene: Scene) -> None:
    proof = rotation_proof(
        PrivateKey.generate(os.urandom), audience=AUDIENCE, old_public_key_id=scene.alice.key_id
    )
    stub = KeyServiceStub(scene.house.signing_channel(scene.channel, scene.alice))
    stub.RotateKey(RotateKeyRequest(next_key=proof))


def expire(scene: Scene) -> None:
    at = scene.house.clock() + 1_000
    scene.keys.RevokeKey(RevokeKeyRequest(public_key_id=scene.alice.key_id, expires_at=at))
    scene.house.clock.advance(1_000)


ENDINGS: dict[str, Callable[[Scene], object]] = {
    "the key is revoked": lambda scene: scene.keys.RevokeKey(
        RevokeKeyRequest(public_key_id=scene.alice.key_id)
    ),
    "the key is rotated": rotate,
    "the key comes to its end": expire,
    "the certificate is revoked": lambda scene: scene.keys.RevokeCertificate(
        RevokeCertificateRequest(public_key_id=scene.alice.key_id, serial=scene.alice.serial)
    ),
    "the identity is suspended": lambda scene: scene.identities.UpdateIdentity(
        UpdateIdentityRequest(identity="alice", state=IDENTITY_STATE_SUSPENDED)
    ),
    "the identity is erased": lambda scene: scene.identities.EraseIdentity(
        EraseIdentityRequest(identity="alice")
    ),
    "the identity is removed": lambda scene: scene.identities.RemoveIdentity(
        RemoveIdentityRequest(identity="alice")
    ),
}


def converse(scene: Scene, meanwhile: Callable[[], object]) -> list[int]:
    """Ask the price of two orders, and let something happen between the answers."""
    answered: queue.Queue[int] = queue.Queue()

    def questions() -> Iterator[PriceOrdersRequest]:
        yield PriceOrdersRequest(item=APPLES)
        answered.get(timeout=30)
        meanwhile()
        yield PriceOrdersRequest(item=APPLES)

    prices = []
    for answer in scene.stub.PriceOrders(questions()):
        prices.append(answer.price)
        answered.put(answer.price)
    return prices


# case 7, case 17, case 47
@pytest.mark.parametrize("what", ENDINGS)
def test_a_stream_ends_before_its_next_message_when_its_sender_has_ended(
    scene: Scene, what: str
) -> None:
    with pytest.raises(UnauthenticatedError):
        converse(scene, lambda: ENDINGS[what](scene))


def test_a_stream_goes_on_when_it_is_others_that_end(scene: Scene) -> None:
    bob, _ = scene.house.join("bob")
    revoke = RevokeKeyRequest(public_key_id=bob.key_id)
    assert len(converse(scene, lambda: scene.keys.RevokeKey(revoke))) == 2


# case 56
def test_what_ends_beside_the_server_ends_its_streams_with_the_next_request_to_it(
    scene: Scene,
) -> None:
    """Another process tells this one nothing; the next unit of work here sees its change."""

    def suspend_beside() -> None:
        def unit(tx: Transaction) -> None:
            found = tx.identities.find_by_name("alice")
            assert found is not None
            tx.identities.set_state(found, IdentityState.SUSPENDED)

        scene.house.store.write_blocking(unit)
        scene.keys.ListKeys(ListKeysRequest())

    with pytest.raises(UnauthenticatedError):
        converse(scene, suspend_beside)
