"""A CA is changed while the server serves: what is old works until the cut-off, and not after."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client import TransportError, UnauthenticatedError
from sealwire.core.errors import ConfigurationError
from sealwire.core.pki import parse_bundle
from sealwire.server.certificate_changes import retire_authorities
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import load_deployment
from tests.server.changing import Changing, changing, issuer_of, renewed
from tests.server.members import Member, enrol
from tests.support.event_loops import LoopThread


@pytest.fixture
def deployment(tmp_path: Path, loop: LoopThread) -> Iterator[Changing]:
    with changing(tmp_path / "deployment", loop) as running:
        yield running


def asks(member: Member) -> str:
    """Return what the server says a member's name is, over a new connection."""
    with member.client() as client:
        return client.whoami().name


def assert_no_handshake(member: Member) -> None:
    with member.client() as client, pytest.raises(TransportError, match="UNAVAILABLE"):
        client.whoami()


def test_old_certificates_work_until_the_cut_off_and_not_after_without_a_restart(
    deployment: Changing,
) -> None:
    # case 8
    alice, late = deployment.house.enrol("alice"), deployment.house.enrol("late")
    with alice.client() as open_before, late.client() as open_late:
        assert (open_before.whoami().name, open_late.whoami().name) == ("alice", "late")
        deployment.rotate()
        new = load_deployment(deployment.directory).authority.certificate.subject.rfc4514_string()
        # Nothing has changed for those who were there before, whether connected or not.
        assert open_before.whoami().name == asks(alice) == "alice"
        assert open_late.whoami().name == asks(late) == "late"
        # Who comes, and who renews, gets a certificate of the new CA.
        bob = enrolled_after(deployment, "bob")
        alice = renewed(alice)
        assert issuer_of(alice.tls.certificate_pem) == issuer_of(bob.tls.certificate_pem) == new
        assert asks(alice) == "alice"
        deployment.renew()
        assert deployment.shown(alice).issuer.rfc4514_string() == new
        assert (asks(alice), asks(bob)) == ("alice", "bob")
        assert open_late.whoami().name == "late"
        knows_both = dataclasses.replace(late, server=alice.server)
        assert asks(knows_both) == "late"
        deployment.retire()
        assert_no_handshake(knows_both)
        with pytest.raises(UnauthenticatedError):
            open_late.whoami()
        with pytest.raises(UnauthenticatedError):
            open_before.whoami()
        assert (asks(alice), asks(bob)) == ("alice", "bob")


def enrolled_after(deployment: Changing, name: str) -> Member:
    """Return a member whose invitation was made from the files as they are now."""
    house = deployment.house
    now = load_deployment(deployment.directory)
    house.deployment = dataclasses.replace(now, config=house.deployment.config)
    return house.enrol(name)


def test_an_invitation_from_before_a_rotation_is_good_after_it(deployment: Changing) -> None:
    # case 8
    invitation = deployment.house.invite("alice")
    deployment.rotate()
    alice = renewed(enrol(invitation, clock=deployment.house.clock))
    assert len(parse_bundle(alice.server.ca_pem.encode())) == 2
    assert asks(alice) == "alice"


def test_a_client_that_was_not_told_of_the_new_ca_does_not_talk_to_the_renewed_server(
    deployment: Changing,
) -> None:
    # case 12
    alice = deployment.house.enrol("alice")
    deployment.rotate()
    assert asks(alice) == "alice"
    deployment.renew()
    assert_no_handshake(alice)


def test_the_servers_own_ca_is_not_retired(deployment: Changing) -> None:
    alice = deployment.house.enrol("alice")
    deployment.rotate()
    before = (deployment.directory / "ca.crt").read_bytes()
    with pytest.raises(ConfigurationError, match="first run: sealwire-server certificate renew"):
        retire_authorities(deployment.directory, confirm=without_asking)
    assert (deployment.directory / "ca.crt").read_bytes() == before
    assert deployment.reload() == "certificates_unchanged: "
    assert asks(alice) == "alice"


def test_cas_are_rotated_twice_before_the_first_is_retired(deployment: Changing) -> None:
    # case 8
    first = deployment.house.enrol("first")
    deployment.rotate()
    second = enrolled_after(deployment, "second")
    deployment.rotate()
    third = enrolled_after(deployment, "third")
    assert len(parse_bundle(third.server.ca_pem.encode())) == 3
    assert [asks(one) for one in (first, second, third)] == ["first", "second", "third"]
    deployment.renew()
    deployment.retire()
    assert_no_handshake(first)
    assert_no_handshake(second)
    assert asks(third) == "third"
