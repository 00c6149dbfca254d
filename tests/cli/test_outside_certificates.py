"""TLS certificates of an outside PKI: which ones are taken, and how an enrolment uses them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealwire.client.connection import TlsIdentity
from sealwire.client.profile_files import ISSUED, OUTSIDE
from sealwire.client.profiles import Profiles
from sealwire.client.tls_files import outside_identity
from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.pki import Validity, new_tls_key
from sealwire.core.secret_files import replace_secret
from tests.cli.deployments import HOUR_MS, Deployment, rewrite
from tests.cli.program import User
from tests.cli.server import Server

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
SPIFFE = x509.UniformResourceIdentifier("spiffe://example.org/payments")
ELSEWHERE = Deployment.create("127.0.0.1:1")
KEY = ec.generate_private_key(ec.SECP256R1())


def issued(
    key: CertificateIssuerPrivateKeyTypes,
    *names: x509.GeneralName,
    age_days: float = 0,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
) -> bytes:
    """Return a certificate, PEM, for a day from `age_days` ago."""
    validity = Validity(system_clock() - int(age_days * 24 * HOUR_MS), 1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ELSEWHERE.authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.start)
        .not_valid_after(validity.end)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ELSEWHERE.authority.key, hashes.SHA256()).public_bytes(PEM)


def key_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(PEM, PKCS8, PLAIN)


def pair(
    folder: Path, certificate: bytes = issued(KEY, SPIFFE), key: bytes = key_pem(KEY)
) -> tuple[Path, Path]:
    """Write a certificate, which everybody may read, and its key."""
    (folder / "outside.crt").write_bytes(certificate)
    (folder / "outside.crt").chmod(0o644)
    replace_secret(folder / "outside.key", key)
    return folder / "outside.crt", folder / "outside.key"


def read(files: tuple[Path, Path]) -> TlsIdentity:
    return outside_identity(*files, now=system_clock())


def test_a_certificate_with_one_uri_name_and_its_key_are_taken(tmp_path: Path) -> None:
    other = x509.DNSName("payments.example.org")
    certificate = issued(KEY, other, SPIFFE)
    assert read(pair(tmp_path, certificate)) == TlsIdentity(certificate, key_pem(KEY))


def test_a_chain_is_taken_as_it_is(tmp_path: Path) -> None:
    chain = issued(KEY, SPIFFE) + ELSEWHERE.server.ca_pem.encode()
    assert read(pair(tmp_path, chain)).certificate_pem == chain


def test_an_rsa_certificate_is_taken(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert read(pair(tmp_path, issued(key, SPIFFE), key_pem(key))).key_pem == key_pem(key)


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        (b"", key_pem(KEY), "does not parse"),
        (b"no certificate", key_pem(KEY), "does not parse"),
        (issued(KEY, SPIFFE), b"", "does not parse"),
        (issued(KEY, SPIFFE), issued(KEY, SPIFFE), "does not parse"),
        (issued(KEY, SPIFFE), key_pem(new_tls_key()), "do not belong together"),
        (
            issued(KEY, SPIFFE),
            KEY.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"passphrase")),
            "unencrypted key",
        ),
        (issued(KEY), key_pem(KEY), "has 0 URI names"),
        (issued(KEY, x509.DNSName("payments.example.org")), key_pem(KEY), "has 0 URI names"),
        (issued(KEY, SPIFFE, SPIFFE), key_pem(KEY), "has 2 URI names"),
        (issued(KEY, SPIFFE, age_days=2), key_pem(KEY), "has ended"),
        (
            issued(KEY, SPIFFE, usage=ExtendedKeyUsageOID.SERVER_AUTH),
            key_pem(KEY),
            "not for TLS clients",
        ),
    ],
)
def test_a_pair_that_the_server_would_not_take_is_refused_here(
    tmp_path: Path, certificate: bytes, key: bytes, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read(pair(tmp_path, certificate, key))


def test_a_kind_of_certificate_that_grpc_does_not_take_is_refused(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ConfigurationError, match="ECDSA or RSA"):
        read(pair(tmp_path, issued(key, SPIFFE), key_pem(key)))


# case 90
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    files = pair(tmp_path)
    files[1].chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read(files)


@pytest.fixture
def invitation(user: User, absent: Deployment) -> Path:
    path = user.home / "invitation"
    replace_secret(path, absent.invitation().to_json())
    return path


@pytest.mark.parametrize("alone", ["--tls-certificate", "--tls-key"])
def test_certificate_and_key_go_together(user: User, invitation: Path, alone: str) -> None:
    done = user.run("join", invitation, alone, pair(user.home)[0])
    assert done.code == 1
    assert "go together" in done.err
    assert not user.profiles.exists()


def test_a_certificate_that_is_not_there_is_named(user: User, invitation: Path) -> None:
    absent = user.home / "absent.crt"
    done = user.run("join", invitation, "--tls-certificate", absent, "--tls-key", absent)
    assert done.code == 1
    assert "absent.crt: No such file" in done.err


def options(files: tuple[Path, Path]) -> tuple[str | Path, ...]:
    return ("--tls-certificate", files[0], "--tls-key", files[1])


def test_an_enrolment_keeps_the_outside_certificate_and_takes_a_renewed_one(
    user: User, invitation: Path
) -> None:
    files = pair(user.home)
    assert user.run("join", invitation, *options(files)).code == 2
    (staged,) = user.profiles.iterdir()
    assert json.loads((staged / "profile.json").read_bytes())["certificate"] == "outside"
    assert (staged / "tls.crt").read_bytes() == files[0].read_bytes()
    assert (staged / "tls.key").read_bytes() == files[1].read_bytes()
    assert user.run("join", invitation).code == 2
    renewed = new_tls_key()
    pair(user.home, issued(renewed, SPIFFE), key_pem(renewed))
    assert user.run("join", invitation, *options(files)).code == 2
    assert (staged / "tls.key").read_bytes() == key_pem(renewed)
    assert {path.stat().st_mode & 0o777 for path in staged.iterdir()} == {0o600}


def test_an_enrolment_that_asked_for_a_certificate_does_not_go_on_with_another_one(
    user: User, invitation: Path
) -> None:
    assert user.run("join", invitation).code == 2
    done = user.run("join", invitation, *options(pair(user.home)))
    assert done.code == 1
    assert "begun without a certificate of your own" in done.err


@pytest.fixture(scope="module")
def registering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes the certificates of an outside PKI."""
    server = Server.create(tmp_path_factory.mktemp("registering") / "deployment")
    settings = server.directory / "sealwire.toml"
    rewrite(settings, lambda text: text.replace(b'"strict"', b'"registered"'))
    (server.directory / "client-ca.crt").write_text(ELSEWHERE.server.ca_pem)
    with server:
        yield server


def invited(server: Server, user: User) -> Path:
    return server.invite(f"payments-{uuid.uuid4()}", user.home / "invitation")


def test_whoever_joins_with_an_outside_certificate_goes_on_with_it(
    user: User, registering: Server
) -> None:
    files = pair(user.home)
    joined = user.run("join", invited(registering, user), *options(files), "--output", "json")
    assert (joined.code, joined.err) == (0, "")
    profile = user.profiles / "default"
    assert (profile / "tls.crt").read_bytes() == files[0].read_bytes()
    assert (profile / "tls.key").read_bytes() == files[1].read_bytes()
    who = user.run("whoami", "--output", "json").json()
    assert who["public_key_id"] == joined.json()["public_key_id"]
    loaded = Profiles(user.profiles.parent).load("default")
    assert (loaded.certificate, loaded.is_renewed_here) == (OUTSIDE, False)


def test_a_renewed_outside_certificate_of_the_same_name_takes_the_old_ones_place(
    user: User, registering: Server
) -> None:
    user.run("join", invited(registering, user), *options(pair(user.home)))
    renewed, profile = new_tls_key(), user.profiles / "default"
    rewrite(profile / "tls.crt", lambda _: issued(renewed, SPIFFE))
    rewrite(profile / "tls.key", lambda _: key_pem(renewed))
    assert user.run("whoami").code == 0
    other = x509.UniformResourceIdentifier("spiffe://example.org/other")
    rewrite(profile / "tls.crt", lambda _: issued(renewed, other))
    assert user.run("whoami").code == 2


def test_a_server_that_does_not_know_the_outside_pki_is_not_joined(
    user: User, server: Server
) -> None:
    done = user.run("join", invited(server, user), *options(pair(user.home)))
    assert (done.code, done.out) == (2, b"")
    assert "No signed answer" in done.err
    assert not (user.profiles / "default").exists()


def test_an_invitation_is_good_for_one_key_with_an_outside_certificate_too(
    user: User, registering: Server
) -> None:
    invitation, files = invited(registering, user), options(pair(user.home))
    assert user.run("join", invitation, *files).code == 0
    done = user.run("join", invitation, *files, "--profile", "again")
    assert (done.code, done.out) == (2, b"")
    assert "used already" in done.err
    assert "takes only certificates of its own" in done.err
    assert [path.name for path in user.profiles.iterdir()] == ["default"]


def test_without_an_outside_certificate_the_same_server_issues_one(
    user: User, registering: Server
) -> None:
    assert user.run("join", invited(registering, user)).code == 0
    assert Profiles(user.profiles.parent).load("default").certificate == ISSUED
    assert user.run("whoami").code == 0
