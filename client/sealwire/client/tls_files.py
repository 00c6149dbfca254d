"""TLS certificates and keys as files hold them, and whether they belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealwire.client.connection import TlsIdentity
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.secret_files import MAX_SECRET_FILE_BYTES, read_secret

_NOT_A_CERTIFICATE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
)

E = TypeVar("E", bound=x509.ExtensionType)


def matching_certificate(tls: TlsIdentity) -> x509.Certificate:
    """Return the certificate of a TLS identity, the first one of its chain.

    Raises:
        MalformedError: if it or its key does not parse, or they don't belong together.
    """
    try:
        certificate = x509.load_pem_x509_certificate(tls.certificate_pem)
        key = serialization.load_pem_private_key(tls.key_pem, password=None)
        matches = certificate.public_key() == key.public_key()
    except _NOT_A_CERTIFICATE:
        raise MalformedError("A TLS certificate or its key does not parse.") from None
    if not matches:
        raise MalformedError("A TLS certificate and its key do not belong together.")
    return certificate


def certificate_end(certificate: x509.Certificate) -> int:
    """Return when a certificate ends, in milliseconds since the Unix epoch."""
    return int(certificate.not_valid_after_utc.timestamp()) * 1000


def outside_identity(certificate_file: Path, key_file: Path, *, now: int) -> TlsIdentity:
    """Return the certificate and key that an outside PKI gave; the key's file is a secret one.

    The server knows whose connection it is by the certificate's one URI name, such as a SPIFFE ID.

    Raises:
        ConfigurationError: if a file can't be used, they don't belong together, or no server would
            take the certificate at `now` (milliseconds).
        OSError: if the certificate can't be read.
    """
    with certificate_file.open("rb") as file:
        certificate_pem = file.read(MAX_SECRET_FILE_BYTES)
    tls = TlsIdentity(certificate_pem=certificate_pem, key_pem=read_secret(key_file))
    try:
        fault = _fault(matching_certificate(tls), now)
    except MalformedError as error:
        raise ConfigurationError(
            f"{certificate_file} and {key_file} are no TLS certificate and its unencrypted key, in "
            f"PEM. {error}"
        ) from None
    if fault is not None:
        raise ConfigurationError(f"The certificate in {certificate_file} {fault}.")
    return tls


def _fault(certificate: x509.Certificate, now: int) -> str | None:
    """Return why a server would not take a certificate, and what to do."""
    if not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return "is of a kind that gRPC does not take; have one issued for an ECDSA or RSA key"
    if now >= certificate_end(certificate):
        return "has ended; renew it"
    if ExtendedKeyUsageOID.CLIENT_AUTH not in _usages(certificate):
        return "is not for TLS clients; have one issued with the extended key usage clientAuth"
    uris = _uri_names(certificate)
    if len(uris) != 1:
        return (
            f"has {len(uris)} URI names where it needs one, by which the server will know it "
            "again; have one issued with a SPIFFE ID, for example"
        )
    return None


def _uri_names(certificate: x509.Certificate) -> list[str]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return names.get_values_for_type(x509.UniformResourceIdentifier) if names else []


def _usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(_extension(certificate, x509.ExtendedKeyUsage) or ())


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except _NOT_A_CERTIFICATE:
        raise MalformedError("An extension of the certificate does not parse.") from None
