"""A client's TLS certificates: which ones count, and when they are renewed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealwire.core.errors import MalformedError
from sealwire.core.pki import certificate_pem, parse_bundle
from sealwire.core.responses import ResponseVerificationError
from sealwire.v1.keys_pb2 import RenewCertificateResponse

MAX_BUNDLE_BYTES: Final = 256 * 1024
"""How much PEM a profile takes for its CAs; a file of a profile holds at most 1 MiB."""

_NOT_OURS: Final = (
    "The server's answer carries a certificate that is not one for the keys made here, so it was "
    "not used and nothing was changed. Report this to the server's administrator."
)
_NO_BUNDLE: Final = (
    "The server's answer carries CAs that can't be used, so nothing was changed. Report this to "
    "the server's administrator."
)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a certificate is good, in milliseconds since the Unix epoch."""

    begins: int
    ends: int

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Lifetime:
        """Return the validity that a certificate states."""
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return cls(int(begins.timestamp()) * 1000, int(ends.timestamp()) * 1000)

    @property
    def renewed_from(self) -> int:
        """When less than a third of it is left."""
        return self.ends - (self.ends - self.begins) // 3


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate, and the CAs to trust from now on; both PEM."""

    certificate_pem: bytes
    ca_pem: bytes


def serial_of(certificate: x509.Certificate) -> str:
    """Return the serial number: lower-case hexadecimal without leading zeros."""
    return f"{certificate.serial_number:x}"


def verified_certificate(
    der: bytes,
    *,
    cas: Sequence[x509.Certificate],
    tls_key: ec.EllipticCurvePublicKey,
    public_key_id: str,
    now: int,
) -> x509.Certificate:
    """Return a certificate, if one of `cas` issued it for these very keys.

    It is a valid client certificate at `now` (RFC 5280), and its one name ends with the key id.

    Raises:
        ResponseVerificationError: if it is not.
    """
    moment = datetime.datetime.fromtimestamp(now / 1000, tz=datetime.UTC)
    try:
        certificate = x509.load_der_x509_certificate(der)
        verifier = PolicyBuilder().store(Store(list(cas))).time(moment).build_client_verifier()
        names = [name.value for name in verifier.verify(certificate, []).subjects or ()]
        key = certificate.public_key()
    except (ValueError, VerificationError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ResponseVerificationError(_NOT_OURS) from error
    bound = len(names) == 1 and str(names[0]).endswith(f"/key/{public_key_id}")
    if not bound or key != tls_key:
        raise ResponseVerificationError(_NOT_OURS)
    return certificate


def verified_renewal(
    answer: RenewCertificateResponse,
    *,
    tls_key: ec.EllipticCurvePublicKey,
    public_key_id: str,
    now: int,
) -> Renewal:
    """Return what the server answered, if a CA among those that it names issued the certificate.

    Raises:
        ResponseVerificationError: if the CAs don't parse or are too many, or as
            `verified_certificate`.
    """
    try:
        cas = parse_bundle(answer.ca_certificates.encode("utf-8"))
    except MalformedError as error:
        raise ResponseVerificationError(_NO_BUNDLE) from error
    certificate = verified_certificate(
        answer.certificate, cas=cas, tls_key=tls_key, public_key_id=public_key_id, now=now
    )
    # Written anew, so that nothing but certificates comes into the profile.
    ca_pem = b"".join(certificate_pem(ca) for ca in cas)
    if len(ca_pem) > MAX_BUNDLE_BYTES:
        raise ResponseVerificationError(_NO_BUNDLE)
    return Renewal(certificate_pem(certificate), ca_pem)
