"""An invitation becomes an identity: once, for the key that asks, and for nobody else."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealwire.client import RemoteError, TransportError, UnauthenticatedError
from sealwire.core.invitation import Invitation
from sealwire.core.keys import thumbprint
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.core.requests import RequestFactory
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from sealwire.v1.identity_pb2 import WhoAmIRequest
from sealwire.v1.records_pb2 import PutRecordRequest
from tests.core.edwards import SMALL_ORDER, add, base_times
from tests.server.applicants import certificate_for, refusal
from tests.server.cast import Cast
from tests.server.keyring import new_key, serial
from tests.server.members import Member, bootstrap, enrol
from tests.server.served import Served
from tests.server.wire import ENROLL, PUT, UNAUTHENTICATED, WHOAMI, wire

HOUR_MS = 60 * 60 * 1000


def test_two_clients_join_and_are_told_apart(server: Served, alice: Member, bob: Member) -> None:
    assert server.identity == alice.server
    for member, name in ((alice, "alice"), (bob, "bob")):
        with member.client() as client:
            who = client.whoami()
        assert who == member.identity
        assert (who.name, who.role) == (name, "member")
        assert who.public_key_id == member.key.public_key.key_id
        assert who.created_at == server.clock()
    assert alice.identity.id != bob.identity.id


def test_the_certificate_names_the_key_and_ends_when_the_settings_say(
    server: Served, alice: Member
) -> None:
    certificate = x509.load_pem_x509_certificate(alice.tls.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    trust_domain = server.deployment.config.trust_domain
    uri = f"spiffe://{trust_domain}/key/{alice.key.public_key.key_id}"
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [uri]
    assert len(list(names)) == 1
    end = certificate.not_valid_after_utc.timestamp() * 1000
    assert abs(end - server.clock() - 7 * 24 * HOUR_MS) < 1000


@pytest.mark.parametrize("role", ["member", "admin"])
def test_the_role_on_the_invitation_is_the_identitys(server: Served, name: str, role: str) -> None:
    member = enrol(server.invite(name, role=role), clock=server.clock)
    with member.client() as client:
        assert client.whoami().role == role


# Refused: one and the same answer, whatever the reason, and the invitation stays good.


def with_another_token(server: Served, invitation: Invitation) -> Status:
    return refusal(server, dataclasses.replace(invitation, token=os.urandom(32)))


def with_no_token(server: Served, invitation: Invitation) -> Status:
    return refusal(server, dataclasses.replace(invitation, token=b""))


def with_another_invitations_token(server: Served, invitation: Invitation) -> Status:
    other = server.invite("somebody else")
    return refusal(server, dataclasses.replace(invitation, token=other.token))


def with_another_invitations_certificate(server: Served, invitation: Invitation) -> Status:
    return refusal(server, invitation, tls=bootstrap(server.invite("somebody else")))


def with_a_members_certificate(server: Served, invitation: Invitation) -> Status:
    member = server.enrol(f"member {os.urandom(8).hex()}")
    return refusal(server, invitation, tls=member.tls, key=member.key)


def with_the_certificate_of_an_invitation_that_never_was(
    server: Served, invitation: Invitation
) -> Status:
    unknown = dataclasses.replace(invitation, invitation_id="00000000-0000-4000-8000-000000000000")
    return refusal(server, unknown, tls=certificate_for(server, unknown.invitation_id))


def with_a_certificate_that_names_no_invitation(server: Served, invitation: Invitation) -> Status:
    nameless = dataclasses.replace(invitation, invitation_id="")
    return refusal(server, nameless, tls=certificate_for(server, ""))


def with_the_signature_of_another_key(server: Served, invitation: Invitation) -> Status:
    return refusal(server, invitation, presented=new_key().public_key.raw)


def with_a_key_that_is_enrolled(server: Served, invitation: Invitation) -> Status:
    return refusal(server, invitation, key=server.enrol(f"m {os.urandom(8).hex()}").key)


@pytest.mark.parametrize(
    "attempt",
    [
        with_another_token,
        with_no_token,
        with_another_invitations_token,
        with_another_invitations_certificate,
        with_a_members_certificate,
        with_the_certificate_of_an_invitation_that_never_was,
        with_a_certificate_that_names_no_invitation,
        with_the_signature_of_another_key,
        with_a_key_that_is_enrolled,
    ],
)
def test_an_enrolment_is_refused_without_a_reason_and_spends_nothing(
    server: Served, name: str, attempt: Callable[[Served, Invitation], Status]
) -> None:
    invitation = server.invite(name)
    assert attempt(server, invitation) == UNAUTHENTICATED
    assert enrol(invitation, clock=server.clock).identity.name == name


def test_an_invitation_is_good_for_one_key(server: Served, name: str) -> None:
    invitation = server.invite(name)
    member = enrol(invitation, clock=server.clock)
    assert refusal(server, invitation) == UNAUTHENTICATED
    with member.client() as client:
        assert client.whoami() == member.identity


def test_a_key_whose_answer_was_lost_gets_it_again_until_the_invitation_ends(
    own_server: Served,
) -> None:
    invitation = own_server.invite("alice")
    first = enrol(invitation, clock=own_server.clock)
    second = enrol(invitation, key=first.key, clock=own_server.clock)
    assert second.identity == first.identity
    assert second.tls.certificate_pem != first.tls.certificate_pem
    certificate = certificate_for(own_server, invitation.invitation_id)
    own_server.clock.advance(24 * HOUR_MS)
    assert refusal(own_server, invitation, key=first.key, tls=certificate) == UNAUTHENTICATED


# case 17
def test_from_whom_anything_was_taken_since_the_answer_is_not_repeated_to(cast: Cast) -> None:
    house, admin = cast.house, cast.admin()
    invitations = [house.invite(f"lost answer {os.urandom(8).hex()}") for _ in range(5)]
    members = [enrol(invitation, clock=house.clock) for invitation in invitations]
    suspended, removed, ended, stolen, fine = members
    admin.client.identities.suspend(suspended.identity.name)
    admin.client.identities.remove(removed.identity.name)
    admin.client.keys.revoke(ended.key.public_key.key_id)
    admin.client.keys.revoke_certificate(stolen.key.public_key.key_id, serial(stolen))
    for invitation, member in zip(invitations, members, strict=True):
        if member is not fine:
            assert refusal(house, invitation, key=member.key) == UNAUTHENTICATED
    again = enrol(invitations[-1], key=fine.key, clock=house.clock)
    assert again.identity == fine.identity


def test_an_invitation_ends_when_it_says(own_server: Served) -> None:
    punctual, late = own_server.invite("punctual"), own_server.invite("late", valid_hours=24)
    certificate = certificate_for(own_server, late.invitation_id)
    own_server.clock.advance(late.expires_at - own_server.clock() - 2000)
    assert enrol(punctual, clock=own_server.clock).identity.name == "punctual"
    own_server.clock.advance(2000)
    assert refusal(own_server, late, tls=certificate) == UNAUTHENTICATED
    assert refusal(own_server, late) == UNAUTHENTICATED  # its certificate has ended as well


def test_the_invitation_of_another_server_is_refused(
    server: Served, own_server: Served, name: str
) -> None:
    elsewhere = own_server.invite(name)
    # Its certificate does not get as far as a handshake.
    misled = dataclasses.replace(
        elsewhere, server=dataclasses.replace(elsewhere.server, address=server.identity.address)
    )
    with pytest.raises(TransportError):
        enrol(misled, clock=server.clock)
    # With one that does, the token is nobody's.
    certificate = certificate_for(server, elsewhere.invitation_id)
    assert refusal(server, elsewhere, tls=certificate) == UNAUTHENTICATED
    assert enrol(elsewhere, clock=own_server.clock).identity.name == name


# What the two kinds of certificate are good for.


# case 9
def test_a_bootstrap_certificate_is_good_for_nothing_but_enrolment(
    server: Served, alice: Member, name: str
) -> None:
    invitation = server.invite(name)
    stranger = new_key()
    for key in (alice.key, stranger):
        requests = RequestFactory(key, server.identity.audience, server.clock, os.urandom)
        put = PutRecordRequest(namespace="n", name="n", value=b"v").SerializeToString()
        with wire(server.identity, bootstrap(invitation)) as line:
            assert line.refusal(WHOAMI, requests.unary(WHOAMI, b"")) == UNAUTHENTICATED
            assert line.refusal(PUT, requests.unary(PUT, put)) == UNAUTHENTICATED
            assert (
                line.refusal(PUT, requests.unary(PUT, put), presented=key.public_key.raw)
                == UNAUTHENTICATED
            )
    with alice.client() as client, pytest.raises(RemoteError):
        client.get("n", "n")


# case 9
def test_the_certificate_of_one_member_does_not_carry_the_requests_of_another(
    server: Served, alice: Member, bob: Member
) -> None:
    swapped = dataclasses.replace(alice, tls=bob.tls)
    with swapped.client() as client, pytest.raises(UnauthenticatedError):
        client.whoami()
    with wire(server.identity, bob.tls) as line:
        assert line.refusal(WHOAMI, alice.signed(WHOAMI, WhoAmIRequest())) == UNAUTHENTICATED
        assert line.answer(WHOAMI, bob.signed(WHOAMI, WhoAmIRequest())).HasField("body")


# Races.


def test_of_many_keys_that_race_for_an_invitation_one_is_enrolled(own_cast: Cast) -> None:
    server, admin = own_cast.house, own_cast.admin()
    racers, rounds = 4, 10
    with ThreadPoolExecutor(racers) as pool:
        for _ in range(rounds):
            invitation = server.invite(f"raced {os.urandom(8).hex()}")
            start = threading.Barrier(racers)

            def race(_: int, invitation: Invitation, start: threading.Barrier) -> Member | None:
                start.wait(timeout=20)
                try:
                    return enrol(invitation, clock=server.clock)
                except UnauthenticatedError:
                    return None

            attempt = functools.partial(race, invitation=invitation, start=start)
            (winner,) = filter(None, pool.map(attempt, range(racers)))
            with winner.client() as client:
                assert client.whoami() == winner.identity
    assert len(list(admin.client.identities.list())) == rounds + 1


# Keys and certificate requests that no conforming client sends.

MIXED_ORDER = [add(base_times(7), torsion) for torsion in SMALL_ORDER[1:]]


# case 37, case 40
@pytest.mark.parametrize("point", [*SMALL_ORDER, *MIXED_ORDER], ids=bytes.hex)
def test_a_key_outside_the_prime_order_group_does_not_enter(
    server: Served, name: str, point: bytes
) -> None:
    invitation = server.invite(name)
    # With the identity as key, this signature holds for every message in lax implementations.
    signed = SignedMessage(
        payload=b"\x0a\x01x",
        signature=SMALL_ORDER[0] + bytes(32),
        public_key_id=thumbprint(point),
    )
    with wire(server.identity, bootstrap(invitation)) as line:
        status = line.refusal(ENROLL, signed, presented=point)
    assert (status.code, status.reason) == (3, "MALFORMED")
    assert status.message == "This Ed25519 public key is not a point of the prime-order group."
    assert enrol(invitation, clock=server.clock).identity.name == name


@pytest.mark.parametrize("presented", [b"", bytes(31), bytes(33)], ids=len)
def test_what_is_no_key_does_not_enter(server: Served, name: str, presented: bytes) -> None:
    invitation = server.invite(name)
    key = new_key()
    requests = RequestFactory(key, server.identity.audience, server.clock, os.urandom)
    with wire(server.identity, bootstrap(invitation)) as line:
        missing = line.refusal(ENROLL, requests.unary(ENROLL, b""))
        malformed = line.refusal(ENROLL, requests.unary(ENROLL, b""), presented=presented)
    assert missing.code == malformed.code == 3
    assert "sealwire-public-key-bin must be there once" in missing.message


def rsa_request() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def with_a_broken_signature() -> bytes:
    request = bytearray(certificate_request(new_tls_key()))
    request[-1] ^= 1
    return bytes(request)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\x30\x00",
        certificate_request(new_tls_key())[:-1],
        certificate_request(new_tls_key()) + b"\0",
        with_a_broken_signature(),
        rsa_request(),
        certificate_request(ec.generate_private_key(ec.SECP384R1())),
        certificate_request(ec.generate_private_key(ec.SECP256K1())),
    ],
    ids=["empty", "no request", "cut", "too long", "signature", "RSA", "P-384", "secp256k1"],
)
def test_a_certificate_request_of_another_form_is_refused_and_spends_nothing(
    server: Served, name: str, request_bytes: bytes
) -> None:
    invitation = server.invite(name)
    status = refusal(server, invitation, request=request_bytes)
    assert (status.code, status.reason) == (3, "MALFORMED")
    assert "certificate request" in status.message
    assert enrol(invitation, clock=server.clock).identity.name == name


def test_of_two_invitations_to_one_name_the_first_to_be_used_gets_it(
    server: Served, name: str
) -> None:
    one, two = server.invite(name), server.invite(name)
    member = enrol(two, clock=server.clock)
    status = refusal(server, one)
    assert (status.code, status.reason) == (6, "ALREADY_EXISTS")
    with member.client() as client:
        assert client.whoami().name == name
