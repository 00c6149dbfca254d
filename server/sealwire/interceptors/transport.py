"""Step 1: the connection is TLS 1.3, and a client certificate stands behind it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealwire.core.errors import AuthenticationError

_TLS_VERSION: Final = "ssl_tls_version"
_CERTIFICATE: Final = "x509_pem_cert"


@dataclass(frozen=True, slots=True)
class Peer:
    """The client certificate behind a connection, already verified against the CA by TLS."""

    uri: str
    not_before: int
    not_after: int


class Connection(Protocol):
    """What this step reads of a gRPC servicer context."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS established about the peer."""
        ...


def authenticate_transport(connection: Connection, *, now: int) -> Peer:
    """Return the peer behind a connection.

    Raises:
        AuthenticationError: unless TLS is 1.3 and the certificate is a client's, with exactly one
            URI name, and valid at `now` (milliseconds): a connection may outlive its certificate.
    """
    properties = connection.auth_context()
    if list(properties.get(_TLS_VERSION, ())) != [b"TLSv1.3"]:
        raise AuthenticationError("The connection is not TLS 1.3.")
    certificates = list(properties.get(_CERTIFICATE, ()))
    if len(certificates) != 1:
        raise AuthenticationError("The connection has no client certificate.")
    peer = _read_certificate(certificates[0])
    if not peer.not_before <= now <= peer.not_after:
        raise AuthenticationError("The client certificate is not valid now.")
    return peer


@functools.lru_cache(maxsize=4096)
def _read_certificate(pem: bytes) -> Peer:
    """Parse once for each certificate, not for each request."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        raise AuthenticationError("The client certificate is not a Sealwire client's.") from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise AuthenticationError("The certificate is not meant for clients.")
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise AuthenticationError("The client certificate does not have exactly one URI name.")
    return Peer(
        uri=uris[0],
        not_before=int(certificate.not_valid_before_utc.timestamp() * 1000),
        not_after=int(certificate.not_valid_after_utc.timestamp() * 1000),
    )
