"""The people of the tour, and a development PKI for them: all of it in memory, for one day."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from sealwire.client import TlsIdentity
from sealwire.core.clock import system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import EnrolledKey

HOST = "127.0.0.1"
AUDIENCE = "shop.example"
TRUST_DOMAIN = TrustDomain("shop.example")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody whose key the shop knows: the key signs, the certificate opens the connection."""

    name: str
    key: PrivateKey
    tls: TlsIdentity

    @property
    def enrolled_key(self) -> EnrolledKey:
        """What the shop keeps of this customer."""
        return EnrolledKey(self.key.public_key, self.name)


@dataclass(frozen=True, slots=True)
class Town:
    """One CA for everybody, and the shop's own key."""

    authority: CertificateAuthority
    validity: Validity
    shop_key: PrivateKey = field(default_factory=lambda: PrivateKey.generate(os.urandom))

    @classmethod
    def found(cls) -> Town:
        """Return a new town."""
        validity = Validity(system_clock(), days=1)
        return cls(CertificateAuthority.create("Shop CA", validity=validity), validity)

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate."""
        return certificate_pem(self.authority.certificate)

    def customer(self, name: str) -> Customer:
        """Return a customer with new keys; the certificate names the signing key."""
        key, tls_key = PrivateKey.generate(os.urandom), new_tls_key()
        certificate = self.authority.issue_client(
            tls_key.public_key(),
            TRUST_DOMAIN.key_uri(key.public_key.key_id),
            validity=self.validity,
        )
        return Customer(name, key, TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key)))

    def shop_tls(self) -> TlsIdentity:
        """Return what the shop shows to those who connect."""
        tls_key = new_tls_key()
        certificate = self.authority.issue_server(
            tls_key.public_key(), [HOST], validity=self.validity
        )
        return TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key))

    def shop_identity(self, port: int) -> ServerIdentity:
        """Return what a customer must know of the shop beforehand."""
        return ServerIdentity(
            address=f"{HOST}:{port}",
            audience=AUDIENCE,
            public_key=self.shop_key.public_key,
            ca_pem=self.ca_pem.decode("ascii"),
        )
