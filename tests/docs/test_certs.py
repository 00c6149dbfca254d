"""The development PKI: whole, private, never overwritten, and good for a real call."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import generate as development
from sealwire.client import AsyncSigningChannel
from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_private_key
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import TimeWindow
from sealwire.core.responses import ResponseFactory
from sealwire.core.secret_files import read_secret
from sealwire.interceptors import (
    Authenticator,
    Call,
    EnrolledKey,
    InMemoryKeyDirectory,
    ProtectedServer,
    Protection,
    create_journal,
    mutual_tls,
    open_nonce_store,
)
from sealwire.interceptors.handlers import Handler
from sealwire.v1.identity_pb2 import Identity, WhoAmIRequest, WhoAmIResponse
from sealwire.v1.identity_pb2_grpc import IdentityServiceStub

README = Path(development.__file__).with_name("README.md").read_text(encoding="utf-8")
SECRETS = {"ca.key", "server.key", "client.key", "identity.key"}


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    directory = tmp_path / "generated"
    development.generate(directory, clock=system_clock, random=os.urandom)
    return directory


def certificate(pki: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((pki / name).read_bytes())


def contents(pki: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pki.iterdir()}


def test_it_makes_exactly_the_files_that_the_readme_lists(pki: Path) -> None:
    listed = README.split("## What `make certs` makes")[1].split("\n## ")[0]
    rows = re.findall(r"^\|((?: `[\w.]+`,?)+) \|", listed, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w.]+)`", row)} == set(contents(pki))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_every_secret_is_0600_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        development.generate(tmp_path / "pki", clock=system_clock, random=os.urandom)
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "pki" / name).stat().st_mode) for name in SECRETS}
    assert modes == dict.fromkeys(SECRETS, 0o600)


def test_only_the_secrets_hold_private_keys(pki: Path) -> None:
    assert {name for name, data in contents(pki).items() if b"PRIVATE KEY" in data} == SECRETS


def test_it_never_overwrites(pki: Path) -> None:
    before = contents(pki)
    with pytest.raises(ConfigurationError, match="left as it was"):
        development.generate(pki, clock=system_clock, random=os.urandom)
    assert contents(pki) == before


def test_a_directory_that_holds_anything_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(ConfigurationError):
        development.generate(tmp_path, clock=system_clock, random=os.urandom)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_failure_midway_leaves_nothing(tmp_path: Path) -> None:
    def failing(_: int) -> bytes:
        raise OSError(5, "no randomness")

    with pytest.raises(ConfigurationError, match="no randomness"):
        development.generate(tmp_path / "pki", clock=system_clock, random=failing)
    assert list(tmp_path.iterdir()) == []


def test_the_program_says_what_it_made_and_refuses_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "pki"
    assert development.main([str(directory)]) == 0
    assert str(directory) in capsys.readouterr().out
    assert development.main([str(directory)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_the_client_certificate_names_its_key_and_nothing_else(pki: Path) -> None:
    key = parse_private_key(read_secret(pki / "identity.key")).public_key
    names = certificate(pki, "client.crt").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    uri = f"spiffe://development.sealwire/key/{key.key_id}"
    assert list(names.value) == [x509.UniformResourceIdentifier(uri)]
    assert (pki / "identity.pub").read_text().split()[2] == key.key_id


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("server.crt", ExtendedKeyUsageOID.SERVER_AUTH),
        ("client.crt", ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
)
def test_a_leaf_is_a_p256_key_for_one_use_issued_by_the_ca(
    pki: Path, name: str, usage: x509.ObjectIdentifier
) -> None:
    leaf = certificate(pki, name)
    leaf.verify_directly_issued_by(certificate(pki, "ca.crt"))
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]


async def who_am_i(_request: WhoAmIRequest, call: Call) -> WhoAmIResponse:
    return WhoAmIResponse(identity=Identity(name=call.caller.identity))


async def test_a_real_server_and_client_talk_with_it(pki: Path, tmp_path: Path) -> None:
    files = contents(pki)
    client_key = parse_private_key(files["identity.key"])
    server_key = PrivateKey.generate(os.urandom)
    create_journal(tmp_path / "replay")
    window = TimeWindow()
    protection = Protection(
        authenticator=Authenticator(
            audience="development",
            trust_domain=development.TRUST_DOMAIN,
            keys=InMemoryKeyDirectory.of(EnrolledKey(client_key.public_key, "alice")),
            clock=system_clock,
            window=window,
        ),
        replay=open_nonce_store(
            tmp_path / "replay", clock=system_clock, monotonic_ms=system_clock, window=window
        ),
        responses=ResponseFactory(server_key, system_clock),
    )
    server = ProtectedServer(protection)
    handlers: dict[str, Handler] = {"WhoAmI": grpc.unary_unary_rpc_method_handler(who_am_i)}
    server.add_registered_method_handlers("sealwire.v1.IdentityService", handlers)
    port = server.add_secure_port(
        "127.0.0.1:0",
        mutual_tls(
            certificate_chain=files["server.crt"],
            private_key=files["server.key"],
            client_ca=files["ca.crt"],
        ),
    )
    await server.start()
    credentials = grpc.ssl_channel_credentials(
        files["ca.crt"], files["client.key"], files["client.crt"]
    )
    try:
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            signing = AsyncSigningChannel(
                channel, client_key, audience="development", server_key=server_key.public_key
            )
            answer: WhoAmIResponse = await IdentityServiceStub(signing).WhoAmI(
                WhoAmIRequest(), timeout=10
            )
    finally:
        await server.stop(0)
    assert answer.identity.name == "alice"
