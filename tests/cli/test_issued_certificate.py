"""The certificate that enrolment brings back: this CA's, for these keys, or refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.enrolment import enrolled_certificate
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import Validity, new_tls_key
from sealwire.core.responses import ResponseVerificationError
from sealwire.v1.identity_pb2 import EnrollResponse, Identity
from tests.cli.deployments import HOUR_MS, Deployment, rewrite
from tests.cli.program import User
from tests.cli.server import Server

HERE = Deployment.create("127.0.0.1:1")
TLS_KEY = new_tls_key()
KEY_ID = PrivateKey.generate(os.urandom).public_key.key_id
OTHER_KEY_ID = PrivateKey.generate(os.urandom).public_key.key_id


def response(pem: bytes, *, public_key_id: str = KEY_ID) -> EnrollResponse:
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return EnrollResponse(identity=Identity(public_key_id=public_key_id), certificate=der)


def verify(answer: EnrollResponse, *, now: int | None = None) -> x509.Certificate:
    return enrolled_certificate(
        answer,
        ca_pem=HERE.server.ca_pem,
        tls_key=TLS_KEY.public_key(),
        public_key_id=KEY_ID,
        now=system_clock() if now is None else now,
    )


def server_certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    issued = HERE.authority.issue_server(
        key.public_key(), ["localhost"], validity=Validity(system_clock(), 1)
    )
    return issued.public_bytes(serialization.Encoding.PEM)


def test_the_certificate_of_these_keys_is_taken() -> None:
    pem = HERE.certificate(TLS_KEY, f"key/{KEY_ID}")
    assert verify(response(pem)) == x509.load_pem_x509_certificate(pem)


@pytest.mark.parametrize(
    "pem",
    [
        Deployment.create("127.0.0.1:1").certificate(TLS_KEY, f"key/{KEY_ID}"),
        HERE.certificate(new_tls_key(), f"key/{KEY_ID}"),
        HERE.certificate(TLS_KEY, f"key/{OTHER_KEY_ID}"),
        HERE.certificate(TLS_KEY, f"key/{KEY_ID}/more"),
        HERE.certificate(TLS_KEY, f"invitation/{KEY_ID}"),
        HERE.certificate(TLS_KEY, f"key/{KEY_ID}", days=1, age_days=2),
        server_certificate(TLS_KEY),
        HERE.server.ca_pem.encode(),
    ],
    ids=[
        "another CA",
        "another TLS key",
        "another identity key",
        "a longer name",
        "another kind of name",
        "ended",
        "a server's",
        "the CA itself",
    ],
)
def test_a_certificate_that_is_not_for_these_keys_is_refused(pem: bytes) -> None:
    with pytest.raises(ResponseVerificationError, match="not one for the keys made here"):
        verify(response(pem))


def test_a_certificate_of_the_future_is_refused() -> None:
    pem = HERE.certificate(TLS_KEY, f"key/{KEY_ID}")
    with pytest.raises(ResponseVerificationError):
        verify(response(pem), now=system_clock() - HOUR_MS)


def test_an_answer_about_another_key_is_refused() -> None:
    pem = HERE.certificate(TLS_KEY, f"key/{KEY_ID}")
    with pytest.raises(ResponseVerificationError, match="not about the keys"):
        verify(response(pem, public_key_id=OTHER_KEY_ID))


@pytest.mark.parametrize("der", [b"", b"\x30", b"garbage", bytes(1000)])
def test_an_answer_without_a_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(ResponseVerificationError):
        verify(EnrollResponse(identity=Identity(public_key_id=KEY_ID), certificate=der))


# case 12
def test_a_server_that_issues_under_another_ca_than_the_invitations_makes_no_profile(
    user: User, tmp_path: Path
) -> None:
    """TLS is in order here: the invitation's CA issued the server's certificate."""
    server = Server.create(tmp_path / "deployment")
    key = serialization.load_pem_private_key((server.directory / "server.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    issued = HERE.authority.issue_server(
        key.public_key(), ["127.0.0.1"], validity=Validity(system_clock(), 1)
    )
    issued_pem = issued.public_bytes(serialization.Encoding.PEM)
    rewrite(server.directory / "server.crt", lambda _: issued_pem)
    own_ca = (server.directory / "ca.crt").read_text()
    rewrite(server.directory / "ca.crt", lambda text: text + HERE.server.ca_pem.encode())
    with server:
        invitation = server.invite("alice", tmp_path / "invitation")
        rewrite(invitation, lambda text: text.replace(_json_text(own_ca), b""))
        done = user.run("join", invitation)
    assert json.loads(invitation.read_bytes())["ca_certificate"] == HERE.server.ca_pem
    assert (done.code, done.out) == (2, b"")
    assert "not one for the keys made here" in done.err
    assert not (user.profiles / "default").exists()


def _json_text(pem: str) -> bytes:
    return pem.replace("\n", "\\n").encode()
