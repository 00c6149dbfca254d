"""What a renewal brings: a certificate for these very keys, by one of the CAs that it brings."""

from __future__ import annotations

import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealwire.client.certificates import (
    MAX_BUNDLE_BYTES,
    Lifetime,
    Renewal,
    serial_of,
    verified_renewal,
)
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import new_tls_key
from sealwire.core.responses import ResponseVerificationError
from sealwire.v1.keys_pb2 import RenewCertificateResponse
from tests.cli.deployments import HOUR_MS, Deployment

HERE = Deployment.create("127.0.0.1:1")
ELSEWHERE = Deployment.create("127.0.0.1:1")
TLS_KEY = new_tls_key()
KEY_ID = PrivateKey.generate(os.urandom).public_key.key_id
OURS = HERE.certificate(TLS_KEY, f"key/{KEY_ID}")
HERE_CA, OTHER_CA = HERE.server.ca_pem, ELSEWHERE.server.ca_pem


def verify(pem: bytes, bundle: str, *, now: int | None = None) -> Renewal:
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return verify_der(der, bundle, now=now)


def verify_der(der: bytes, bundle: str, *, now: int | None = None) -> Renewal:
    return verified_renewal(
        RenewCertificateResponse(certificate=der, ca_certificates=bundle),
        tls_key=TLS_KEY.public_key(),
        public_key_id=KEY_ID,
        now=system_clock() if now is None else now,
    )


@pytest.mark.parametrize("bundle", [HERE_CA, HERE_CA + OTHER_CA, OTHER_CA + HERE_CA])
def test_a_certificate_by_any_ca_of_the_bundle_is_taken(bundle: str) -> None:
    assert verify(OURS, bundle) == Renewal(OURS, bundle.encode())


def test_nothing_but_certificates_comes_out_of_a_bundle() -> None:
    assert verify(OURS, f"Grüße\n{HERE_CA}\n# a comment\n").ca_pem == HERE_CA.encode()


@pytest.mark.parametrize(
    "bundle",
    ["", "no certificate", HERE_CA.replace("M", "N", 3), HERE_CA[:-40], "\0"],
    ids=["empty", "no PEM", "damaged", "cut short", "binary"],
)
def test_a_bundle_that_does_not_parse_is_refused(bundle: str) -> None:
    with pytest.raises(ResponseVerificationError, match="CAs that can't be used"):
        verify(OURS, bundle)


def test_a_bundle_that_no_profile_could_hold_is_refused() -> None:
    bundle = HERE_CA * (MAX_BUNDLE_BYTES // len(HERE_CA) + 1)
    with pytest.raises(ResponseVerificationError, match="CAs that can't be used"):
        verify(OURS, bundle)


def test_a_bundle_without_the_issuer_is_refused() -> None:
    with pytest.raises(ResponseVerificationError, match="not one for the keys made here"):
        verify(OURS, OTHER_CA)


@pytest.mark.parametrize(
    "pem",
    [
        ELSEWHERE.certificate(TLS_KEY, f"key/{KEY_ID}"),
        HERE.certificate(new_tls_key(), f"key/{KEY_ID}"),
        HERE.certificate(TLS_KEY, f"key/{'A' * 43}"),
        HERE.certificate(TLS_KEY, f"key/{KEY_ID}", days=1, age_days=2),
        HERE_CA.encode(),
    ],
    ids=["another CA", "another TLS key", "another key", "ended", "the CA itself"],
)
def test_a_certificate_that_is_not_for_these_keys_is_refused(pem: bytes) -> None:
    with pytest.raises(ResponseVerificationError, match="not one for the keys made here"):
        verify(pem, HERE_CA)


@pytest.mark.parametrize("der", [b"", b"\x30", b"garbage", bytes(1000)])
def test_an_answer_without_a_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(ResponseVerificationError):
        verify_der(der, HERE_CA)


def test_a_certificate_of_the_future_is_refused() -> None:
    with pytest.raises(ResponseVerificationError):
        verify(OURS, HERE_CA, now=system_clock() - HOUR_MS)


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left() -> None:
    assert Lifetime(begins=1_000, ends=4_000).renewed_from == 3_000


def test_a_serial_number_has_no_leading_zeros() -> None:
    certificate = x509.load_pem_x509_certificate(OURS)
    assert int(serial_of(certificate), 16) == certificate.serial_number
    assert serial_of(certificate) == serial_of(certificate).lower().lstrip("0")
