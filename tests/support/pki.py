"""A development PKI in memory, and clients that it knows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from sealwire.client import TlsIdentity
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.spiffe import TrustDomain

HOST: Final = "127.0.0.1"
TRUST_DOMAIN: Final = TrustDomain("test.example")
DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Client:
    """A signing key, and a TLS identity that may or may not belong to it."""

    key: PrivateKey
    tls: TlsIdentity

    @property
    def key_id(self) -> str:
        """The id of the signing key."""
        return self.key.public_key.key_id

    @property
    def serial(self) -> str:
        """The serial number of the certificate."""
        certificate = x509.load_pem_x509_certificate(self.tls.certificate_pem)
        return f"{certificate.serial_number:x}"


@dataclass(frozen=True, slots=True)
class Pki:
    """One CA, and what it issues; certificates are good for a day unless said otherwise."""

    authority: CertificateAuthority

    @classmethod
    def create(cls) -> Pki:
        """Return a PKI with a new CA."""
        return cls(CertificateAuthority.create("Test CA", validity=today()))

    @classmethod
    def under(
        cls, above: CertificateAuthority, *, below: int = 0, validity: Validity | None = None
    ) -> Pki:
        """Return a PKI whose CA is an intermediate one, that may have so many others below it."""
        key, period = new_tls_key(), validity or today()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuing CA")]))
            .issuer_name(above.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(period.start)
            .not_valid_after(period.end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        )
        return cls(CertificateAuthority(builder.sign(above.key, hashes.SHA256()), key))

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate."""
        return certificate_pem(self.authority.certificate)

    def server(self, *hosts: str) -> TlsIdentity:
        """Return a server's identity, for loopback unless hosts are named."""
        key = new_tls_key()
        certificate = self.authority.issue_server(
            key.public_key(), hosts or (HOST,), validity=today()
        )
        return TlsIdentity(certificate_pem(certificate), tls_key_pem(key))

    def certificate_for(self, uri: str, *, validity: Validity | None = None) -> TlsIdentity:
        """Return a client's TLS identity with any name."""
        key = new_tls_key()
        certificate = self.authority.issue_client(
            key.public_key(), uri, validity=validity or today()
        )
        return TlsIdentity(certificate_pem(certificate), tls_key_pem(key))

    def client(self, *, validity: Validity | None = None) -> Client:
        """Return a client whose certificate names its new signing key."""
        key = PrivateKey.generate(os.urandom)
        uri = TRUST_DOMAIN.key_uri(key.public_key.key_id)
        return Client(key, self.certificate_for(uri, validity=validity))


def today() -> Validity:
    """Return the day that begins now."""
    return Validity(system_clock(), days=1)
