"""X.509 certificates of a deployment: ECDSA P-256, because gRPC refuses Ed25519 leaves.

No I/O. Callers inject the moment; serial numbers come from the operating system's randomness
(RFC 5280 section 4.1.2.2: at least 64 bits; here 159).
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealwire.core.errors import MalformedError

_BACKDATED: Final = datetime.timedelta(minutes=5)
_DAY_MS: Final = 24 * 60 * 60 * 1000
_NOT_A_REQUEST: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)


@dataclass(frozen=True, slots=True)
class Validity:
    """From a little before `now` (milliseconds since the epoch), for `days` days."""

    now: int
    days: float

    @property
    def start(self) -> datetime.datetime:
        """A few minutes before `now`, for verifiers whose clocks are behind."""
        return _moment(self.now) - _BACKDATED

    @property
    def end(self) -> datetime.datetime:
        """`days` after `now`."""
        return _moment(self.now + int(self.days * _DAY_MS))


def new_tls_key() -> ec.EllipticCurvePrivateKey:
    """Return a new ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA that issues the certificates of one deployment."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, common_name: str, *, validity: Validity) -> CertificateAuthority:
        """Return a new self-signed CA that signs leaves only (path length 0)."""
        key = new_tls_key()
        name = _name(common_name)
        builder = _builder(name, name, key.public_key(), validity)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_CA_USAGE, critical=True)
        return cls(certificate=builder.sign(key, hashes.SHA256()), key=key)

    def issue_server(
        self, public_key: ec.EllipticCurvePublicKey, hosts: Iterable[str], *, validity: Validity
    ) -> x509.Certificate:
        """Return a certificate for a server reached as any of `hosts` (DNS names or IPs)."""
        names: list[x509.GeneralName] = [_host_name(host) for host in hosts]
        return self._issue(
            public_key, "sealwire-server", names, ExtendedKeyUsageOID.SERVER_AUTH, validity
        )

    def issue_client(
        self, public_key: ec.EllipticCurvePublicKey, uri: str, *, validity: Validity
    ) -> x509.Certificate:
        """Return a certificate for a client whose one name is `uri`."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
        return self._issue(
            public_key, "sealwire-client", names, ExtendedKeyUsageOID.CLIENT_AUTH, validity
        )

    def _issue(
        self,
        public_key: ec.EllipticCurvePublicKey,
        common_name: str,
        names: list[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        validity: Validity,
    ) -> x509.Certificate:
        builder = _builder(_name(common_name), self.certificate.subject, public_key, validity)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_LEAF_USAGE, True),
            (x509.ExtendedKeyUsage([usage]), False),
            (x509.SubjectAlternativeName(names), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())


def certificate_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a PKCS #10 request (RFC 2986), DER, that proves possession of `key`."""
    request = x509.CertificateSigningRequestBuilder().subject_name(_name("sealwire-client"))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of a PKCS #10 request; nothing else in it is used.

    Raises:
        MalformedError: unless it is a request, self-signed, for an ECDSA P-256 key.
    """
    try:
        parsed = x509.load_der_x509_csr(request)
        key = parsed.public_key()
        valid = parsed.is_signature_valid
    except _NOT_A_REQUEST:
        raise MalformedError("The certificate request does not parse.") from None
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise MalformedError("The certificate request is not signed by an ECDSA key of its own.")
    if not isinstance(key.curve, ec.SECP256R1):
        raise MalformedError("The certificate request's key is not on the curve P-256.")
    return key


def parse_bundle(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates in a PEM file, of which there is at least one, in their order.

    Raises:
        MalformedError: if there is none, one does not parse, or the file holds anything else: of a
            bundle that was cut short, the whole part would otherwise pass for all of it.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion):
        raise MalformedError("These are not certificates in PEM.") from None
    if len(found) != pem.count(b"-----BEGIN"):
        raise MalformedError("These are not certificates in PEM, and nothing else.")
    return found


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def tls_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a TLS private key as unencrypted PKCS #8 PEM; a secret."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    validity: Validity,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.start)
        .not_valid_after(validity.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


_NO_USAGE: Final = {
    "digital_signature": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}
_CA_USAGE: Final = x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True})
_LEAF_USAGE: Final = x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True})


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds // 1000, tz=datetime.UTC)
