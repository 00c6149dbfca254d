"""Step 1: the connection is TLS 1.3, and a client certificate stands behind it."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealwire.core.errors import AuthenticationError

_TLS_VERSION: Final = "ssl_tls_version"
_CERTIFICATE: Final = "x509_pem_cert"
_INTERMEDIATES: Final = "x509_pem_cert_chain"  # what the client sent above its own certificate


@dataclass(frozen=True, slots=True, eq=False)
class Peer:
    """The client certificate behind a connection, already verified against the CA by TLS.

    `serial` is in lower-case hexadecimal without leading zeros; the times are milliseconds since
    the epoch. The same certificate gives the same object, so peers are compared by identity.
    """

    uri: str
    serial: str
    not_before: int
    not_after: int
    certificate: x509.Certificate = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(repr=False)

    def require_valid(self, *, now: int) -> None:
        """Return if the certificate is valid at `now`; a connection may outlive it.

        Raises:
            AuthenticationError: if it is not.
        """
        if not self.not_before <= now <= self.not_after:
            raise AuthenticationError("The client certificate is not valid now.")


class Connection(Protocol):
    """What this step reads of a gRPC servicer context."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS established about the peer."""
        ...


def authenticate_transport(connection: Connection, *, now: int) -> Peer:
    """Return the peer behind a connection.

    Raises:
        AuthenticationError: unless TLS is 1.3 and the certificate is a client's, with exactly one
            URI name, and valid at `now` (milliseconds).
    """
    properties = connection.auth_context()
    if list(properties.get(_TLS_VERSION, ())) != [b"TLSv1.3"]:
        raise AuthenticationError("The connection is not TLS 1.3.")
    certificates = list(properties.get(_CERTIFICATE, ()))
    if len(certificates) != 1:
        raise AuthenticationError("The connection has no client certificate.")
    peer = _read_certificate(certificates[0], b"".join(properties.get(_INTERMEDIATES, ())))
    peer.require_valid(now=now)
    return peer


def milliseconds(moment: datetime.datetime) -> int:
    """Return a moment as milliseconds since the Unix epoch."""
    return int(moment.timestamp() * 1000)


@functools.lru_cache(maxsize=4096)
def _read_certificate(pem: bytes, intermediates: bytes) -> Peer:
    """Parse once for each certificate, not for each request."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        above = x509.load_pem_x509_certificates(intermediates) if intermediates else []
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
        serial=f"{certificate.serial_number:x}",
        not_before=milliseconds(certificate.not_valid_before_utc),
        not_after=milliseconds(certificate.not_valid_after_utc),
        certificate=certificate,
        intermediates=tuple(above),
    )
