from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealwire.core.errors import MalformedError
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    certificate_request,
    new_tls_key,
    parse_bundle,
    requested_key,
    tls_key_pem,
)
from sealwire.core.spiffe import TrustDomain
from tests.core.builders import ALICE, NOW

DAY = datetime.timedelta(days=1)
ISSUED = datetime.datetime.fromtimestamp(NOW // 1000, tz=datetime.UTC)
VALIDITY = Validity(now=NOW, days=30)
URI = TrustDomain("records.example").key_uri(ALICE.public_key.key_id)

CA = CertificateAuthority.create("Sealwire test CA", validity=VALIDITY)
OTHER_CA = CertificateAuthority.create("Sealwire test CA", validity=VALIDITY)
KEY = new_tls_key()
SERVER = CA.issue_server(KEY.public_key(), ["records.example", "127.0.0.1"], validity=VALIDITY)
CLIENT = CA.issue_client(KEY.public_key(), URI, validity=VALIDITY)
REQUEST = certificate_request(KEY)


def verify_server(
    leaf: x509.Certificate, *, ca: CertificateAuthority = CA, host: str = "records.example"
) -> None:
    builder = PolicyBuilder().store(Store([ca.certificate])).time(ISSUED)
    builder.build_server_verifier(x509.DNSName(host)).verify(leaf, [])


def client_names(leaf: x509.Certificate, *, at: datetime.datetime = ISSUED) -> list[str]:
    """Verify a client's certificate; return its names."""
    builder = PolicyBuilder().store(Store([CA.certificate])).time(at)
    verified = builder.build_client_verifier().verify(leaf, [])
    return [name.value for name in verified.subjects or []]


def request_for(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_servers_certificate_verifies_for_its_hosts_and_no_other() -> None:
    verify_server(SERVER)
    with pytest.raises(VerificationError):
        verify_server(SERVER, host="other.example")
    names = SERVER.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["records.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_clients_certificate_verifies_and_has_one_name() -> None:
    assert client_names(CLIENT) == [URI]


def test_a_server_is_no_client_and_a_client_no_server() -> None:
    with pytest.raises(VerificationError):
        client_names(SERVER)
    with pytest.raises(VerificationError):
        verify_server(CLIENT)


def test_another_ca_of_the_same_name_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify_server(SERVER, ca=OTHER_CA)


@pytest.mark.parametrize("at", [ISSUED - DAY, ISSUED + 31 * DAY], ids=["before", "after"])
def test_a_certificate_is_refused_outside_of_its_validity(at: datetime.datetime) -> None:
    with pytest.raises(VerificationError):
        client_names(CLIENT, at=at)


def test_a_certificate_starts_a_little_early_and_ends_when_it_says() -> None:
    assert CLIENT.not_valid_before_utc == ISSUED - datetime.timedelta(minutes=5)
    assert CLIENT.not_valid_after_utc == ISSUED + 30 * DAY
    assert Validity(now=NOW, days=0.5).end == ISSUED + DAY / 2


def test_a_leaf_can_issue_nothing() -> None:
    forger = CertificateAuthority(certificate=CLIENT, key=KEY)
    forged = forger.issue_client(KEY.public_key(), URI, validity=VALIDITY)
    builder = PolicyBuilder().store(Store([CA.certificate])).time(ISSUED)
    with pytest.raises(VerificationError):
        builder.build_client_verifier().verify(forged, [CLIENT])


def test_leaves_may_sign_only_and_the_ca_may_issue_leaves_only() -> None:
    for leaf in (SERVER, CLIENT):
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature
        assert not usage.key_cert_sign
        basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
        assert basic.critical
        assert not basic.value.ca
    constraints = CA.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_every_certificate_has_a_p_256_key_and_a_serial_number_of_its_own() -> None:
    certificates = [CA.certificate, OTHER_CA.certificate, SERVER, CLIENT]
    for certificate in certificates:
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert certificate.serial_number.bit_length() > 64
    assert len({certificate.serial_number for certificate in certificates}) == 4


def test_a_certificate_and_its_key_come_back_from_pem() -> None:
    assert x509.load_pem_x509_certificate(certificate_pem(CLIENT)) == CLIENT
    loaded = serialization.load_pem_private_key(tls_key_pem(KEY), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.private_numbers() == KEY.private_numbers()


def test_a_request_gives_the_key_that_signed_it() -> None:
    assert requested_key(REQUEST).public_numbers() == KEY.public_key().public_numbers()


def test_a_request_that_another_key_signed_is_malformed() -> None:
    stolen = new_tls_key().public_key()
    other = stolen.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    own = KEY.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert REQUEST.count(own) == 1
    with pytest.raises(MalformedError, match="not signed"):
        requested_key(REQUEST.replace(own, other))


@pytest.mark.parametrize(
    ("request_bytes", "because"),
    [
        pytest.param(
            request_for(ec.generate_private_key(ec.SECP384R1())), "P-256", id="another curve"
        ),
        pytest.param(request_for(rsa.generate_private_key(65537, 2048)), "ECDSA", id="RSA"),
        pytest.param(
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .sign(ed25519.Ed25519PrivateKey.generate(), None)
            .public_bytes(serialization.Encoding.DER),
            "ECDSA",
            id="Ed25519",
        ),
        pytest.param(b"", "parse", id="empty"),
        pytest.param(REQUEST + b"\0", "parse", id="grown"),
        pytest.param(certificate_pem(CLIENT), "parse", id="a certificate"),
    ],
)
def test_any_other_request_is_malformed(request_bytes: bytes, because: str) -> None:
    with pytest.raises(MalformedError, match=because):
        requested_key(request_bytes)


def test_an_altered_request_gives_no_other_key() -> None:
    # A few alterations are harmless: the signature's own encoding is not signed.
    own = KEY.public_key().public_numbers()
    refused = 0
    for bit in range(8 * len(REQUEST)):
        altered = bytearray(REQUEST)
        altered[bit // 8] ^= 1 << bit % 8
        try:
            assert requested_key(bytes(altered)).public_numbers() == own
        except MalformedError:
            refused += 1
    assert refused >= 8 * len(REQUEST) - 8


def test_a_request_cut_anywhere_is_malformed() -> None:
    for size in range(len(REQUEST)):
        with pytest.raises(MalformedError):
            requested_key(REQUEST[:size])


def test_a_bundle_gives_its_certificates_in_their_order() -> None:
    pems = [certificate_pem(ca.certificate) for ca in (OTHER_CA, CA)]
    assert parse_bundle(b"\n# a comment\n".join(pems)) == [OTHER_CA.certificate, CA.certificate]
    assert parse_bundle(pems[0]) == [OTHER_CA.certificate]


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"\xff\xfe",
        b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
        certificate_pem(CA.certificate)[:-40],
        (certificate_pem(CA.certificate) * 2)[:-40],
        certificate_pem(CA.certificate) * 2 + b"-----BEGIN",
        tls_key_pem(KEY),
        certificate_pem(CA.certificate) + tls_key_pem(KEY),
    ],
    ids=["empty", "text", "none", "cut", "second cut", "cut at once", "key", "key as well"],
)
def test_what_is_no_bundle_is_malformed(pem: bytes) -> None:
    with pytest.raises(MalformedError, match="not certificates in PEM"):
        parse_bundle(pem)
