"""Certificates of an outside PKI: `client_certificates = "registered"` in sealwire.toml."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client import Client, TlsIdentity, TransportError, UnauthenticatedError
from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import CertificateAuthority, Validity, certificate_request, new_tls_key
from sealwire.interceptors import Binding
from sealwire.server.config import FILE_NAME, Config, read_config, render_config
from tests.server.changing import Changing, changing
from tests.server.members import TIMEOUT, Member
from tests.support.event_loops import LoopThread
from tests.support.pki import Pki

URI = "spiffe://example.org/ns/shop/sa/orders"
SETTINGS = Config(listen="a:1", address="a:1", audience="a", trust_domain="a")


def test_certificates_are_bound_strictly_and_for_a_week_unless_it_is_said_otherwise() -> None:
    assert SETTINGS.binding is Binding.STRICT
    assert SETTINGS.client_certificate_days == 7


@pytest.mark.parametrize("value", ["strict", "registered"])
def test_the_setting_survives_the_file(tmp_path: Path, value: str) -> None:
    settings = dataclasses.replace(SETTINGS, client_certificates=value)
    (tmp_path / FILE_NAME).write_text(render_config(settings), encoding="utf-8")
    assert read_config(tmp_path / FILE_NAME) == settings
    assert settings.binding.value == value


@pytest.mark.parametrize("value", ['""', '"Strict"', '"registered "', '"none"', '"any"'])
def test_another_binding_is_refused(tmp_path: Path, value: str) -> None:
    assert_refused(tmp_path, value, "client_certificates must be one of: strict, registered.")


@pytest.mark.parametrize("value", ["true", "0", '["strict"]'])
def test_a_binding_that_is_no_text_is_refused(tmp_path: Path, value: str) -> None:
    assert_refused(tmp_path, value, "client_certificates must be of type str.")


def assert_refused(tmp_path: Path, value: str, sentence: str) -> None:
    text = render_config(SETTINGS).replace('client_certificates = "strict"', "")
    path = tmp_path / FILE_NAME
    path.write_text(f"client_certificates = {value}\n{text}", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_config(path)
    assert str(refused.value) == f"{path}: {sentence}"


@pytest.fixture
def root() -> CertificateAuthority:
    return CertificateAuthority.create("Outside root", validity=Validity(system_clock(), days=1))


@pytest.fixture
def issuing(root: CertificateAuthority) -> Pki:
    """The outside PKI's issuing CA, below its root."""
    return Pki.under(root)


@pytest.fixture
def deployment(tmp_path: Path, loop: LoopThread, root: CertificateAuthority) -> Iterator[Changing]:
    """A server that takes the outside PKI's certificates."""
    with changing(tmp_path / "deployment", loop, client_certificates="registered") as running:
        (running.directory / "client-ca.crt").write_bytes(Pki(root).ca_pem)
        running.reloaded()
        yield running


def identity_of(issuing: Pki, uri: str = URI) -> TlsIdentity:
    """Return a TLS identity of the outside PKI, with the certificates above it."""
    leaf = issuing.certificate_for(uri)
    return TlsIdentity(leaf.certificate_pem + issuing.ca_pem, leaf.key_pem)


def join(deployment: Changing, name: str, tls: TlsIdentity, request: bytes = b"") -> Member:
    """Return the member that an invitation becomes, over a connection of somebody's own."""
    house, key = deployment.house, PrivateKey.generate(os.urandom)
    invitation = house.invite(name)
    with Client(invitation.server, key, tls, clock=house.clock, timeout=TIMEOUT) as client:
        answer = client.enroll(invitation, request)
    assert answer.certificate == b""
    return Member(answer.identity, key, tls, invitation.server, house.clock)


def name_of(member: Member, tls: TlsIdentity) -> str:
    with dataclasses.replace(member, tls=tls).client() as client:
        return client.whoami().name


def test_a_key_is_bound_to_the_name_in_the_certificate_that_it_enrolled_with(
    deployment: Changing, issuing: Pki
) -> None:
    # case 9
    alice = join(deployment, "alice", identity_of(issuing))
    assert name_of(alice, alice.tls) == "alice"
    assert name_of(alice, identity_of(issuing)) == "alice"  # renewed by the outside PKI
    own = deployment.house.deployment.trust_domain.key_uri(alice.key.public_key.key_id)
    for uri in (URI + "/", URI[:-1], own, "spiffe://example.org/ns/shop/sa/other"):
        with pytest.raises(UnauthenticatedError):
            name_of(alice, identity_of(issuing, uri))


def test_members_of_the_deployments_own_ca_are_bound_to_their_keys(
    deployment: Changing, issuing: Pki
) -> None:
    # case 9
    bob = deployment.house.enrol("bob")
    assert name_of(bob, bob.tls) == "bob"
    with pytest.raises(UnauthenticatedError):
        name_of(bob, identity_of(issuing))


def test_an_outside_certificate_without_an_invitation_opens_nothing(
    deployment: Changing, issuing: Pki
) -> None:
    invitation = deployment.house.invite("alice")
    forged = dataclasses.replace(invitation, token=bytes(32))
    key, tls = PrivateKey.generate(os.urandom), identity_of(issuing)
    clock = deployment.house.clock
    with Client(invitation.server, key, tls, clock=clock, timeout=TIMEOUT) as client:
        with pytest.raises(UnauthenticatedError):
            client.enroll(forged, b"")
        with pytest.raises(UnauthenticatedError):
            client.whoami()


def test_when_the_outside_ca_is_taken_out_its_clients_are_refused(
    deployment: Changing, issuing: Pki
) -> None:
    # case 8
    alice, bob = join(deployment, "alice", identity_of(issuing)), deployment.house.enrol("bob")
    with alice.client() as client:
        client.whoami()
        (deployment.directory / "client-ca.crt").unlink()
        deployment.reloaded()
        with pytest.raises(UnauthenticatedError):
            client.whoami()
    with pytest.raises(TransportError):
        name_of(alice, alice.tls)
    assert name_of(bob, bob.tls) == "bob"


def test_a_strict_server_takes_no_outside_certificate(
    tmp_path: Path, loop: LoopThread, root: CertificateAuthority, issuing: Pki
) -> None:
    # case 9
    with changing(tmp_path / "strict", loop) as deployment:
        (deployment.directory / "client-ca.crt").write_bytes(Pki(root).ca_pem)
        assert "client-ca.crt is there, but outside CAs count only with" in deployment.reload()
        for request in (b"", certificate_request(new_tls_key())):
            with pytest.raises(TransportError):
                join(deployment, "alice", identity_of(issuing), request)
