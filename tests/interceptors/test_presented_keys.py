"""Methods whose signer nobody knows yet: the key comes in metadata, the certificate invites."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import grpc
import pytest

from sealwire.core.errors import AuthenticationError, Code
from sealwire.core.keys import PrivateKey
from sealwire.core.responses import PRESENTED_KEY_METADATA_KEY
from sealwire.interceptors import Binding, Call, ProtectedServer
from sealwire.interceptors.handlers import Handler
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from sealwire.v1.identity_pb2 import EnrollRequest, EnrollResponse, WhoAmIRequest, WhoAmIResponse
from sealwire.v1.identity_pb2_grpc import IdentityServiceStub
from tests.core.edwards import NON_CANONICAL, SMALL_ORDER
from tests.interceptors.shop import Line, serialized
from tests.support.pki import TRUST_DOMAIN, Client
from tests.support.servers import House

ENROLL = "/sealwire.v1.IdentityService/Enroll"
WHO_AM_I = "/sealwire.v1.IdentityService/WhoAmI"
INVITATION = "8d6ccf1b"


class Desk:
    """A part of the identity service; it notes who comes."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def Enroll(self, request: EnrollRequest, call: Call) -> EnrollResponse:
        self.calls.append(call)
        return EnrollResponse()

    async def WhoAmI(self, request: WhoAmIRequest, call: Call) -> WhoAmIResponse:
        self.calls.append(call)
        return WhoAmIResponse()

    def register(self, server: ProtectedServer) -> None:
        """Let a server serve it."""
        handlers: dict[str, Handler] = {
            "Enroll": grpc.unary_unary_rpc_method_handler(self.Enroll),
            "WhoAmI": grpc.unary_unary_rpc_method_handler(self.WhoAmI),
        }
        server.add_registered_method_handlers("sealwire.v1.IdentityService", handlers)


@dataclass(frozen=True, slots=True)
class Door:
    """A served desk, and a newcomer with an invitation."""

    house: House
    desk: Desk
    newcomer: Client

    def enroll(self, client: Client, *presented: bytes) -> Status | None:
        """Send a client's enrolment; return the signed refusal, or None if there is none."""
        signed = self.house.requests(client).unary(ENROLL, b"")
        with self.house.channel(client.tls) as channel:
            return self.send(channel, signed, presented)

    def send(
        self, channel: grpc.Channel, signed: SignedMessage, presented: Iterable[bytes]
    ) -> Status | None:
        """Send an enrolment with these keys in its metadata."""
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ENROLL)
        metadata = tuple((PRESENTED_KEY_METADATA_KEY, key) for key in presented)
        try:
            send(serialized(signed), metadata=metadata)
        except grpc.RpcError as error:
            line = Line(channel, self.house.server_key.public_key)
            return line.signed_status(error, [signed], path=ENROLL)
        return None


def invited(house: House, uri: str) -> Client:
    """Return somebody with a new key and a certificate of this name."""
    return Client(PrivateKey.generate(os.urandom), house.pki.certificate_for(uri))


@pytest.fixture
def door(house: House) -> Iterator[Door]:
    desk = Desk()
    newcomer = invited(house, TRUST_DOMAIN.invitation_uri(INVITATION))
    with house.serving(desk.register):
        yield Door(house, desk, newcomer)


def test_an_invited_key_is_an_applicant_and_never_a_caller(door: Door) -> None:
    key = door.newcomer.key.public_key
    assert door.enroll(door.newcomer, key.raw) is None
    (call,) = door.desk.calls
    assert (call.applicant.public_key, call.applicant.invitation_id) == (key, INVITATION)
    with pytest.raises(AuthenticationError):
        _ = call.caller


def test_a_signing_channel_presents_the_key_by_itself(door: Door) -> None:
    with door.house.channel(door.newcomer.tls) as channel:
        stub = IdentityServiceStub(door.house.signing_channel(channel, door.newcomer))
        assert stub.Enroll(EnrollRequest()) == EnrollResponse()


def assert_refused(door: Door, status: Status | None, code: Code) -> None:
    assert status is not None
    assert status.code == code
    assert door.desk.calls == []


def test_exactly_one_key_must_be_presented(door: Door) -> None:
    raw = door.newcomer.key.public_key.raw
    assert_refused(door, door.enroll(door.newcomer), Code.INVALID_ARGUMENT)
    assert_refused(door, door.enroll(door.newcomer, raw, raw), Code.INVALID_ARGUMENT)


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), *SMALL_ORDER, *NON_CANONICAL[:4]])
def test_a_key_outside_of_the_group_is_malformed(door: Door, raw: bytes) -> None:
    # case 37
    assert_refused(door, door.enroll(door.newcomer, raw), Code.INVALID_ARGUMENT)


def test_another_key_than_the_signers_is_not_authentic(door: Door) -> None:
    other = PrivateKey.generate(os.urandom).public_key
    assert_refused(door, door.enroll(door.newcomer, other.raw), Code.UNAUTHENTICATED)


def test_a_presented_key_must_have_signed(door: Door) -> None:
    signed = door.house.requests(door.newcomer).unary(ENROLL, b"")
    signed.signature = bytes(64)
    with door.house.channel(door.newcomer.tls) as channel:
        status = door.send(channel, signed, [door.newcomer.key.public_key.raw])
    assert_refused(door, status, Code.UNAUTHENTICATED)


def test_a_key_id_must_be_the_presented_keys_own(door: Door) -> None:
    signed = door.house.requests(door.newcomer).unary(ENROLL, b"")
    signed.public_key_id = "x" * 43
    with door.house.channel(door.newcomer.tls) as channel:
        status = door.send(channel, signed, [door.newcomer.key.public_key.raw])
    assert_refused(door, status, Code.UNAUTHENTICATED)


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://test.example/invitation/",
        "spiffe://test.example/key/8d6ccf1b",
        "spiffe://other.example/invitation/8d6ccf1b",
        "https://test.example/invitation/8d6ccf1b",
    ],
)
def test_only_an_invitations_certificate_opens_the_door(door: Door, uri: str) -> None:
    # case 9
    stranger = invited(door.house, uri)
    status = door.enroll(stranger, stranger.key.public_key.raw)
    assert_refused(door, status, Code.UNAUTHENTICATED)


def test_an_enrolled_clients_certificate_is_no_invitation(door: Door) -> None:
    alice = door.house.enrol("alice")
    status = door.enroll(alice, alice.key.public_key.raw)
    assert_refused(door, status, Code.UNAUTHENTICATED)


@pytest.mark.parametrize(
    "uri",
    ["spiffe://example.org/ns/shop/sa/orders", "https://example.org/alice", "urn:alice"],
)
def test_with_registered_certificates_an_outside_one_opens_the_door_without_an_invitation(
    door: Door, uri: str
) -> None:
    # case 9
    stranger = invited(door.house, uri)
    raw = stranger.key.public_key.raw
    with door.house.serving(door.desk.register):
        assert_refused(door, door.enroll(stranger, raw), Code.UNAUTHENTICATED)
    door.house.binding = Binding.REGISTERED
    with door.house.serving(door.desk.register):
        assert door.enroll(stranger, raw) is None
    (call,) = door.desk.calls
    assert (call.applicant.invitation_id, call.applicant.peer.uri) == (None, uri)


def test_with_registered_certificates_an_invitations_one_is_known_for_what_it_is(
    door: Door,
) -> None:
    door.house.binding = Binding.REGISTERED
    with door.house.serving(door.desk.register):
        assert door.enroll(door.newcomer, door.newcomer.key.public_key.raw) is None
    (call,) = door.desk.calls
    assert call.applicant.invitation_id == INVITATION


def test_an_enrolment_is_good_once(door: Door) -> None:
    # case 19
    signed = door.house.requests(door.newcomer).unary(ENROLL, b"")
    raw = door.newcomer.key.public_key.raw
    with door.house.channel(door.newcomer.tls) as channel:
        assert door.send(channel, signed, [raw]) is None
        status = door.send(channel, signed, [raw])
    assert status is not None
    assert status.code == Code.UNAUTHENTICATED
    assert len(door.desk.calls) == 1


def test_a_presented_key_opens_no_other_method(door: Door) -> None:
    signed = door.house.requests(door.newcomer).unary(WHO_AM_I, b"")
    with door.house.channel(door.newcomer.tls) as channel:
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(WHO_AM_I)
        metadata = ((PRESENTED_KEY_METADATA_KEY, door.newcomer.key.public_key.raw),)
        with pytest.raises(grpc.RpcError) as refused:
            send(serialized(signed), metadata=metadata)
        line = Line(channel, door.house.server_key.public_key)
        status = line.signed_status(refused.value, [signed], path=WHO_AM_I)
    assert_refused(door, status, Code.UNAUTHENTICATED)
