from __future__ import annotations

import contextlib
import os
import ssl
import time
from pathlib import Path

import pytest

from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.tls import TLS_1_2_SUITES_THAT_FAIL, refuse_tls_1_2

HOST = "localhost"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a CA, and a server's certificate and key as a deployment has them."""
    folder = tmp_path_factory.mktemp("tls")
    validity = Validity(now=time.time_ns() // 1_000_000, days=1)
    ca, key = CertificateAuthority.create("CA", validity=validity), new_tls_key()
    leaf = ca.issue_server(key.public_key(), [HOST], validity=validity)
    (folder / "ca").write_bytes(certificate_pem(ca.certificate))
    (folder / "server").write_bytes(certificate_pem(leaf) + tls_key_pem(key))
    return folder


def handshake(files: Path, version: ssl.TLSVersion) -> str | None:
    """Shake hands in memory with a server that has the suites; return the version agreed on."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files / "server")
    server.set_ciphers(TLS_1_2_SUITES_THAT_FAIL)
    client = ssl.create_default_context(cafile=files / "ca")
    client.minimum_version = client.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=HOST),
    ]
    for end in (ends[1], ends[0], ends[1], ends[0]):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ends[0].version()


def test_tls_1_3_agrees_whatever_the_suites_of_tls_1_2(files: Path) -> None:
    assert handshake(files, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


def test_tls_1_2_fails_with_an_ecdsa_certificate_and_rsa_suites(files: Path) -> None:
    with pytest.raises(ssl.SSLError):
        handshake(files, ssl.TLSVersion.TLSv1_2)


def test_grpc_is_told_to_use_those_suites_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_SSL_CIPHER_SUITES", "HIGH")
    refuse_tls_1_2()
    assert os.environ["GRPC_SSL_CIPHER_SUITES"] == TLS_1_2_SUITES_THAT_FAIL
