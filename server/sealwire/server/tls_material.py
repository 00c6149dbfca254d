"""What a deployment's certificates and their keys are, read and checked as a set."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.core.certificate_path import is_authority, issuing_path
from sealwire.core.errors import ConfigurationError
from sealwire.core.pki import CertificateAuthority, tls_key_pem
from sealwire.interceptors import Binding
from sealwire.server.config import FILE_NAME, Config, check_address
from sealwire.server.tls_pairs import PairFiles, bundle_pem, read_certificates

CLIENT_CA_FILE: Final = "client-ca.crt"


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """The CAs, the one that issues first, and the server's certificate, which one of them issued.

    `server_chain` is the server's certificate, and intermediates above it. `outside` are the CAs of
    other PKIs, which count for clients' certificates alone: nobody but the server may trust them.
    """

    authorities: tuple[x509.Certificate, ...]
    authority: CertificateAuthority = field(repr=False)
    server_chain: tuple[x509.Certificate, ...]
    server_key: ec.EllipticCurvePrivateKey = field(repr=False)
    outside: tuple[x509.Certificate, ...]

    @property
    def ca_pem(self) -> bytes:
        """The certificates of all CAs that clients and server trust, PEM."""
        return bundle_pem(self.authorities)

    @property
    def outside_pem(self) -> bytes | None:
        """The certificates of the outside CAs, PEM, if there are any."""
        return bundle_pem(self.outside) if self.outside else None

    @property
    def server_certificate_pem(self) -> bytes:
        """What the server shows, PEM."""
        return bundle_pem(self.server_chain)

    @property
    def server_key_pem(self) -> bytes:
        """The key of the server's certificate, PEM; a secret."""
        return tls_key_pem(self.server_key)

    @property
    def server_path(self) -> tuple[x509.Certificate, ...]:
        """The CAs above the server's certificate, the trusted one last."""
        return self.path_to(self.authorities)

    def path_to(self, authorities: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
        """Return the CAs between the server's certificate and one of these; empty if none is."""
        leaf, *above = self.server_chain
        return issuing_path(leaf, intermediates=above, authorities=authorities)

    def differs_from(self, other: TlsMaterial) -> bool:
        """Tell whether the certificates are others; the keys belong to them."""
        mine = (self.authorities, self.server_chain, self.outside)
        return mine != (other.authorities, other.server_chain, other.outside)

    def require_servable(self, config: Config, *, now: int) -> None:
        """Return if it fits the settings, and clients can accept the server at `now`.

        Raises:
            ConfigurationError: if the server's certificate, or a CA that matters, is not valid now,
                the certificate is for other hosts, or there are outside CAs where none may be.
        """
        if self.outside and config.binding is not Binding.REGISTERED:
            raise ConfigurationError(
                f"{CLIENT_CA_FILE} is there, but outside CAs count only with client_certificates = "
                f'"{Binding.REGISTERED.value}" in {FILE_NAME}; set that, or move the file away.'
            )
        moment = datetime.datetime.fromtimestamp(now / 1000, tz=datetime.UTC)
        for certificate in (self.server_chain[0], *self.server_path, self.authorities[0]):
            _require_valid(certificate, moment)
        host, _ = check_address(config.address, setting="address")
        if not is_among(hosts_of(self.server_chain[0]), host):
            raise ConfigurationError(
                f"server.crt is not for {host}, the host of address in sealwire.toml; make one "
                f"with: sealwire-server certificate renew DIR --host {host}"
            )


def authority_files(directory: Path) -> PairFiles:
    """Return the files of the CAs, and of the key of the one that issues."""
    return PairFiles(directory, "ca")


def server_files(directory: Path) -> PairFiles:
    """Return the files of the server's certificate and key."""
    return PairFiles(directory, "server")


def outside_file(directory: Path) -> Path:
    """Return the file of the outside CAs; an operator's, never written here."""
    return directory / CLIENT_CA_FILE


def load_tls(directory: Path) -> TlsMaterial:
    """Read a deployment's certificates and keys. Whether they are valid now, is not asked.

    Raises:
        ConfigurationError: naming the file that is missing, not what it should be, or does not fit
            the others.
    """
    ca, server = authority_files(directory), server_files(directory)
    authorities, ca_key = ca.read()
    chain, server_key = server.read()
    _require_authorities(authorities, ca.certificate)
    if not isinstance(server_key.curve, ec.SECP256R1):
        raise ConfigurationError(f"{server.key} is not on the curve P-256.")
    authority = CertificateAuthority(authorities[0], ca_key)
    outside = _read_outside(outside_file(directory), authorities)
    material = TlsMaterial(authorities, authority, chain, server_key, outside)
    if not material.server_path:
        raise ConfigurationError(
            f"{server.certificate} was not issued by a CA that is in {ca.certificate}."
        )
    return material


def _read_outside(path: Path, own: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    if not path.exists():
        return ()
    outside = read_certificates(path)
    _require_authorities(outside, path)
    for authority in outside:
        if authority in own:
            raise ConfigurationError(
                f"{authority.subject.rfc4514_string()} is in {path} and in ca.crt; a CA is either "
                "an outside one or the deployment's own."
            )
    return outside


def _require_authorities(certificates: tuple[x509.Certificate, ...], path: Path) -> None:
    for number, certificate in enumerate(certificates, start=1):
        if not is_authority(certificate):
            raise ConfigurationError(f"Certificate {number} in {path} is not a CA's.")


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names and IP addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def is_among(names: Iterable[str], host: str) -> bool:
    """Tell whether a client that dials `host` finds it in a certificate's names (RFC 6125, 6.4).

    An IPv6 address may stand in brackets.
    """
    return any(_matches(name, _canonical(host)) for name in names)


def _matches(name: str, host: str) -> bool:
    wildcard, _, parent = name.partition(".")
    if wildcard == "*":
        return bool(parent) and parent.lower() == host.partition(".")[2]
    return _canonical(name) == host


def _canonical(host: str) -> str:
    bare = host.removeprefix("[").removesuffix("]").lower()
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def _require_valid(certificate: x509.Certificate, moment: datetime.datetime) -> None:
    name = certificate.subject.rfc4514_string()
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment < begin:
        raise ConfigurationError(
            f"The certificate of {name} is not valid before {begin:%Y-%m-%d %H:%M} UTC."
        )
    if moment > end:
        raise ConfigurationError(f"The certificate of {name} ended on {end:%Y-%m-%d %H:%M} UTC.")
