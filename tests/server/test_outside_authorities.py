"""An outside CA vouches for its own clients' names: for no other name, and for no server."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from sealwire.client import TlsIdentity, TransportError, UnauthenticatedError
from sealwire.core.clock import system_clock
from sealwire.core.errors import SealwireError
from sealwire.core.invitation import Invitation
from sealwire.core.pki import CertificateAuthority, Validity
from sealwire.core.secret_files import replace_secret
from tests.server.applicants import certificate_for, certificate_named, refusal
from tests.server.changing import changing, renewed
from tests.server.keyring import serial, works
from tests.server.members import Member, enrol
from tests.server.outside import Outside, outside
from tests.server.processes import ServerProcess, operate
from tests.server.relay import relaying
from tests.server.served import HOST
from tests.server.test_serving import wait_for
from tests.server.wire import UNAUTHENTICATED, wire
from tests.support.event_loops import LoopThread
from tests.support.pki import Pki, today


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Outside]:
    with outside(tmp_path / "deployment", loop) as running:
        yield running


@pytest.fixture
def bob(scene: Outside) -> Member:
    """Somebody with a certificate of the deployment's own CA."""
    return scene.house.enrol("bob")


def key_uri(member: Member, scene: Outside) -> str:
    return scene.house.deployment.trust_domain.key_uri(member.key.public_key.key_id)


def lets_in(member: Member, tls: TlsIdentity) -> bool:
    with wire(member.server, tls) as line:
        return works(line, member)


# What it could do if it were trusted with every name.


# case 5, case 9
def test_it_issues_no_key_the_certificate_that_carries_it(scene: Outside, bob: Member) -> None:
    assert lets_in(bob, certificate_named(scene.house, key_uri(bob, scene)))
    assert not lets_in(bob, scene.certificate(key_uri(bob, scene)))


# case 7, case 9
def test_it_replaces_nobodys_revoked_certificate(scene: Outside, bob: Member) -> None:
    with bob.client() as client:
        client.keys.revoke_certificate(bob.key.public_key.key_id, serial(bob))
    assert not lets_in(bob, bob.tls)
    assert not lets_in(bob, scene.certificate(key_uri(bob, scene)))
    assert lets_in(bob, certificate_named(scene.house, key_uri(bob, scene)))


# case 5, case 9
def test_it_issues_no_invitation_its_certificate(scene: Outside) -> None:
    invitation = scene.house.invite("carol")
    uri = scene.house.deployment.trust_domain.invitation_uri(invitation.invitation_id)
    status = refusal(scene.house, invitation, tls=scene.certificate(uri))
    assert status == UNAUTHENTICATED
    own = certificate_for(scene.house, invitation.invitation_id)
    assert enrol(invitation, tls=own, clock=scene.house.clock).identity.name == "carol"


# case 12
def test_no_client_is_told_to_trust_it_with_servers(scene: Outside, bob: Member) -> None:
    own = (scene.running.directory / "ca.crt").read_text()
    assert renewed(bob).server.ca_pem == own
    assert scene.house.invite("carol").server.ca_pem == own
    invited = Invitation.from_json(scene.cast.admin().client.identities.invite("dora"))
    assert invited.server.ca_pem == own


# case 12
def test_whoever_runs_it_does_not_get_between_a_client_and_the_server(
    scene: Outside, bob: Member
) -> None:
    issuing = scene.issuing
    forged = scene.certificate(key_uri(bob, scene))
    with relaying(issuing.server(), scene.house.identity, forged) as relay:
        there = dataclasses.replace(renewed(bob).server, address=f"{HOST}:{relay.port}")
        with bob.at(there).client() as client, pytest.raises(TransportError):
            client.put("team", "record", b"plaintext")
        assert relay.seen == []
        # A client that did trust the outside CA would be read, but not be passed on.
        misled = dataclasses.replace(there, ca_pem=issuing.ca_pem.decode())
        with bob.at(misled).client() as client, pytest.raises(SealwireError):
            client.put("team", "record", b"plaintext")
        assert any(b"plaintext" in data for data in relay.seen)
        assert relay.refused == [grpc.StatusCode.UNAUTHENTICATED]


def test_a_server_certificate_of_it_is_not_used(scene: Outside, bob: Member) -> None:
    identity, directory = scene.issuing.server(), scene.running.directory
    chain = identity.certificate_pem + scene.issuing.ca_pem
    (directory / "server.crt").write_bytes(chain)
    replace_secret(directory / "server.key", identity.key_pem)
    assert "was not issued by a CA that is in" in scene.running.reload()
    assert lets_in(bob, bob.tls)


# The file is the operator's.


# case 8
def test_changes_of_the_deployments_own_cas_leave_it_alone(scene: Outside) -> None:
    alice = scene.join(scene.house.invite("alice"), scene.certificate())
    file = scene.running.directory / "client-ca.crt"
    before = (file.read_bytes(), file.stat().st_ino)
    scene.running.rotate()
    alice = dataclasses.replace(alice, server=renewed(scene.house.enrol("bob")).server)
    for change in (scene.running.renew, scene.running.retire):
        change()
        assert lets_in(alice, scene.certificate())
    assert (file.read_bytes(), file.stat().st_ino) == before


# case 8
def test_a_new_outside_ca_is_noticed_without_anybody_asking(
    tmp_path: Path, loop: LoopThread
) -> None:
    other = Pki.create()
    with changing(
        tmp_path / "deployment", loop, check_seconds=0.01, client_certificates="registered"
    ) as running:
        file, tls = running.directory / "client-ca.crt", other.certificate_for("spiffe://b.example")
        bob = running.house.enrol("bob")

        def is_heard() -> bool:
            shown = dataclasses.replace(bob, tls=tls)
            with shown.client() as client, pytest.raises(SealwireError) as refused:
                client.whoami()
            return isinstance(refused.value, UnauthenticatedError)  # else: no handshake

        assert not is_heard()
        file.write_bytes(other.ca_pem)
        wait_for(is_heard, "the new CA's clients get a handshake")


def junk(_: Path) -> bytes:
    return b"junk"


def empty(_: Path) -> bytes:
    return b""


def half(_: Path) -> bytes:
    return Pki.create().ca_pem + Pki.create().ca_pem[:-40]


def with_a_key(_: Path) -> bytes:
    return Pki.create().ca_pem + Pki.create().server().key_pem


def leaf(_: Path) -> bytes:
    return Pki.create().ca_pem + Pki.create().server().certificate_pem


def own(directory: Path) -> bytes:
    return Pki.create().ca_pem + (directory / "ca.crt").read_bytes()


UNFIT: list[tuple[Callable[[Path], bytes], str]] = [
    (junk, "client-ca.crt does not hold certificates"),
    (empty, "client-ca.crt does not hold certificates"),
    (half, "client-ca.crt does not hold certificates"),
    (with_a_key, "client-ca.crt does not hold certificates"),
    (leaf, "client-ca.crt is not a CA's"),
    (own, "CN=Sealwire CA is in"),
]


@pytest.mark.parametrize(("make", "sentence"), UNFIT)
def test_a_file_that_is_not_fit_for_use_is_said_in_the_log_and_not_used(
    scene: Outside, make: Callable[[Path], bytes], sentence: str
) -> None:
    alice = scene.join(scene.house.invite("alice"), scene.certificate())
    file = scene.running.directory / "client-ca.crt"
    file.write_bytes(make(scene.running.directory))
    said = scene.running.reload()
    assert said.startswith("certificates_not_reloaded: ")
    assert sentence in said
    assert lets_in(alice, scene.certificate())


def settings(directory: Path, binding: str) -> None:
    file = directory / "sealwire.toml"
    before = file.read_text()
    file.write_text(before.replace('client_certificates = "strict"', binding))


@pytest.mark.parametrize(("make", "sentence"), UNFIT)
def test_a_server_does_not_start_with_a_file_that_is_not_fit_for_use(
    directory: Path, make: Callable[[Path], bytes], sentence: str
) -> None:
    settings(directory, 'client_certificates = "registered"')
    (directory / "client-ca.crt").write_bytes(make(directory))
    operate("serve", directory).assert_refused(sentence)


# case 9
def test_a_strict_server_does_not_start_with_outside_cas(directory: Path) -> None:
    (directory / "client-ca.crt").write_bytes(Pki.create().ca_pem)
    sentence = 'outside CAs count only with client_certificates = "registered"'
    operate("serve", directory).assert_refused(sentence)
    settings(directory, 'client_certificates = "registered"')
    with ServerProcess(directory) as server:
        assert server.terminate().code == 0


def test_an_outside_ca_that_has_ended_keeps_no_server_from_starting(directory: Path) -> None:
    long_ago = Validity(system_clock() - 3 * 24 * 3600 * 1000, days=1)
    ended = CertificateAuthority.create("Ended", validity=long_ago)
    current = CertificateAuthority.create("Current", validity=today())
    settings(directory, 'client_certificates = "registered"')
    bundle = Pki(ended).ca_pem + b"\n# of today\n" + Pki(current).ca_pem
    (directory / "client-ca.crt").write_bytes(bundle)
    with ServerProcess(directory) as server:
        assert server.terminate().code == 0


def test_show_names_them_last(directory: Path) -> None:
    authority = CertificateAuthority.create("Partners", validity=today())
    (directory / "client-ca.crt").write_bytes(Pki(authority).ca_pem)
    shown = operate("certificate", "show", directory).out.splitlines()
    assert shown[-3:] == [
        "client-ca.crt: trusted with clients of other trust domains",
        "  name    CN=Partners",
        f"  ends    {authority.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
    ]
