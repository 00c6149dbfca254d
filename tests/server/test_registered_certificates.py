"""With an outside PKI, a key is bound to the name that it enrolled with, and renews elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.client import TlsIdentity
from sealwire.core.invitation import Invitation
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE, KEY_STATE_REVOKED, KEY_STATE_ROTATED
from tests.server.applicants import certificate_named, recovery, refusal
from tests.server.cast import refused
from tests.server.keyring import ask, certified, new_key, proof, renewed, serial, works
from tests.server.members import Member, bootstrap, enrol
from tests.server.outside import URI, Outside, outside
from tests.server.wire import UNAUTHENTICATED, wire, wire_of
from tests.support.event_loops import LoopThread

OTHER = "spiffe://example.org/ns/shop/sa/other"


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Outside]:
    with outside(tmp_path / "deployment", loop) as running:
        yield running


@pytest.fixture
def alice(scene: Outside) -> Member:
    """Somebody who enrolled with a certificate of the outside PKI."""
    return scene.join(scene.house.invite("alice"), scene.certificate())


def lets_in(member: Member, tls: TlsIdentity) -> bool:
    """Tell whether a member is let in over a connection with this certificate."""
    with wire(member.server, tls) as line:
        return works(line, member)


def test_the_name_is_recorded_and_shown(scene: Outside, alice: Member) -> None:
    (key,) = scene.cast.enter(alice).client.keys.list()
    assert key.certificate_uri == URI


# case 9
def test_a_name_of_the_servers_own_is_none_that_was_registered(
    scene: Outside, alice: Member
) -> None:
    own = scene.house.deployment.trust_domain.key_uri(alice.key.public_key.key_id)
    assert not lets_in(alice, certificate_named(scene.house, own))
    assert lets_in(alice, scene.certificate())


def test_a_key_of_the_servers_own_ca_records_no_name_and_is_renewed_here(scene: Outside) -> None:
    bob = scene.house.enrol("bob")
    (key,) = scene.cast.enter(bob).client.keys.list()
    assert key.certificate_uri == ""
    assert lets_in(bob, renewed(bob).tls)
    assert not lets_in(bob, scene.certificate())


def test_certificates_of_an_outside_pki_are_not_renewed_here(scene: Outside, alice: Member) -> None:
    request = certificate_request(new_tls_key())
    with alice.client() as client:
        renew = client.keys.renew_certificate
        assert refused(renew, request) == "OUTSIDE_PKI"
        assert refused(renew, b"") == "OUTSIDE_PKI"
        assert refused(renew, request, next_key=proof(new_key(), alice)) == "OUTSIDE_PKI"
        assert client.whoami().name == "alice"


def test_the_next_key_is_bound_to_the_same_name(scene: Outside, alice: Member) -> None:
    after = dataclasses.replace(alice, key=new_key())
    with wire_of(alice) as line:
        assert ask(line, after).status == UNAUTHENTICATED
        with alice.client() as client:
            client.keys.rotate(proof(after.key, alice))
        assert works(line, after)
        assert ask(line, alice).status == UNAUTHENTICATED
    assert not lets_in(after, scene.certificate(OTHER))
    keys = scene.cast.enter(after).client.keys.list()
    assert [(key.state, key.certificate_uri) for key in keys] == [
        (KEY_STATE_ACTIVE, URI),
        (KEY_STATE_ROTATED, URI),
    ]


# case 7
def test_a_certificate_of_an_outside_pki_is_revoked_by_its_number(
    scene: Outside, alice: Member
) -> None:
    with wire_of(alice) as line:
        assert works(line, alice)
        with alice.client() as client:
            client.keys.revoke_certificate(alice.key.public_key.key_id, serial(alice))
        assert ask(line, alice).status == UNAUTHENTICATED
    assert lets_in(alice, scene.certificate())


# Recovery: the new key is bound as it came.


def test_who_is_recovered_may_come_with_another_name(scene: Outside, alice: Member) -> None:
    found = scene.join(recovery(scene.house, "alice"), scene.certificate(OTHER))
    assert found.identity.id == alice.identity.id
    assert lets_in(found, scene.certificate(OTHER))
    assert not lets_in(found, scene.certificate())
    assert not lets_in(alice, alice.tls)


def test_who_is_recovered_may_come_with_none(scene: Outside, alice: Member) -> None:
    found = enrol(recovery(scene.house, "alice"), clock=scene.house.clock)
    assert lets_in(found, renewed(found).tls)
    assert not lets_in(found, alice.tls)
    keys = scene.cast.enter(found).client.keys.list()
    assert [(key.state, key.certificate_uri) for key in keys] == [
        (KEY_STATE_ACTIVE, ""),
        (KEY_STATE_REVOKED, URI),
    ]


# What is not registered.

Attempt = Callable[[Outside, Invitation], TlsIdentity]


def another_keys(scene: Outside, _: Invitation) -> TlsIdentity:
    return scene.house.enrol("bob").tls


def the_next_one_of_another_key(scene: Outside, _: Invitation) -> TlsIdentity:
    return certified(scene.house.enrol("bob")).tls


def another_invitations(scene: Outside, _: Invitation) -> TlsIdentity:
    return bootstrap(scene.house.invite("bob"))


def of_this_trust_domain(scene: Outside, _: Invitation) -> TlsIdentity:
    """Let the outside PKI itself issue a name that is not its own to give."""
    return scene.certificate(scene.house.deployment.trust_domain.key_uri("x"))


def that_names_no_invitation(scene: Outside, _: Invitation) -> TlsIdentity:
    return scene.certificate(scene.house.deployment.trust_domain.invitation_uri(""))


# case 9
@pytest.mark.parametrize(
    "attempt",
    [
        another_keys,
        the_next_one_of_another_key,
        another_invitations,
        of_this_trust_domain,
        that_names_no_invitation,
    ],
)
def test_a_name_of_the_servers_own_is_registered_for_nobody(
    scene: Outside, attempt: Attempt
) -> None:
    invitation = scene.house.invite("alice")
    tls = attempt(scene, invitation)
    for request in (b"", certificate_request(new_tls_key())):
        assert refusal(scene.house, invitation, tls=tls, request=request) == UNAUTHENTICATED
    assert scene.join(invitation, scene.certificate()).identity.name == "alice"


def test_the_successors_own_certificate_is_not_registered_either(scene: Outside) -> None:
    invitation, successor = scene.house.invite("alice"), certified(scene.house.enrol("bob"))
    assert (
        refusal(scene.house, invitation, key=successor.key, tls=successor.tls, request=b"")
        == UNAUTHENTICATED
    )


def test_whoever_brings_a_certificate_is_issued_none_and_the_other_way_round(
    scene: Outside,
) -> None:
    invitation = scene.house.invite("alice")
    status = refusal(scene.house, invitation, tls=scene.certificate())
    assert (status.reason, status.code) == ("MALFORMED", 3)
    status = refusal(scene.house, invitation, request=b"")
    assert (status.reason, status.code) == ("MALFORMED", 3)
    assert scene.join(invitation, scene.certificate()).identity.name == "alice"


# A lost answer.


def test_an_enrolment_is_repeated_with_the_name_that_it_was_made_with(scene: Outside) -> None:
    invitation, house = scene.house.invite("alice"), scene.house
    first = scene.join(invitation, scene.certificate())
    again = scene.join(invitation, scene.certificate(), key=first.key)
    assert again.identity == first.identity
    for tls, request in (
        (scene.certificate(OTHER), b""),
        (bootstrap(invitation), certificate_request(new_tls_key())),
    ):
        status = refusal(house, invitation, key=first.key, tls=tls, request=request)
        assert status == UNAUTHENTICATED
    assert lets_in(first, first.tls)


def test_an_enrolment_without_a_name_is_repeated_without_one(scene: Outside) -> None:
    invitation, house = scene.house.invite("alice"), scene.house
    first = enrol(invitation, clock=house.clock)
    tls = scene.certificate()
    assert refusal(house, invitation, key=first.key, tls=tls, request=b"") == UNAUTHENTICATED
    assert enrol(invitation, key=first.key, clock=house.clock).identity == first.identity
