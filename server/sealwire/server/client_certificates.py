"""The TLS certificates of enrolled keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from sealwire.core.pki import CertificateAuthority, Validity, requested_key
from sealwire.core.spiffe import TrustDomain


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """Issues them, by the authority of the moment."""

    authority: Callable[[], CertificateAuthority]
    trust_domain: TrustDomain
    days: int

    def issue(self, certificate_request: bytes, public_key_id: str, *, now: int) -> bytes:
        """Return a certificate, DER, for the request's key, bound to `public_key_id`.

        Raises:
            MalformedError: if the request is none, or not for an ECDSA P-256 key.
        """
        certificate = self.authority().issue_client(
            requested_key(certificate_request),
            self.trust_domain.key_uri(public_key_id),
            validity=Validity(now, self.days),
        )
        return certificate.public_bytes(serialization.Encoding.DER)
