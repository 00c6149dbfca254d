"""The files of one profile: what enrolment writes, and what is read back and checked.

profile.json      server: address, audience, public key, key id; identity: id, name
identity.key      Ed25519, OpenSSH format; signs every request
tls.key, tls.crt  PEM; what TLS shows
ca.crt            PEM; the one CA that TLS trusts

Every file has mode 0600.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from sealwire.client.client import Client
from sealwire.client.connection import TlsIdentity
from sealwire.core.clock import Clock, system_clock
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.invitation import ServerIdentity
from sealwire.core.key_files import parse_private_key
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.secret_files import read_secret, replace_secret

FORMAT: Final = "sealwire-profile-v1"
PROFILE_FILE: Final = "profile.json"
IDENTITY_KEY_FILE: Final = "identity.key"
TLS_KEY_FILE: Final = "tls.key"
TLS_CERTIFICATE_FILE: Final = "tls.crt"
CA_FILE: Final = "ca.crt"


@dataclass(frozen=True, slots=True)
class Profile:
    """One identity at one server. Its secrets stay out of its repr."""

    name: str
    server: ServerIdentity
    identity_id: str
    identity_name: str
    key: PrivateKey
    tls: TlsIdentity
    certificate_ends: int
    """Milliseconds since the Unix epoch."""

    def connect(self, *, clock: Clock = system_clock) -> Client:
        """Return a client of this profile's server; nothing is sent before the first call.

        Raises:
            ConfigurationError: if the TLS certificate has ended.
        """
        if clock() >= self.certificate_ends:
            end = datetime.datetime.fromtimestamp(self.certificate_ends / 1000, tz=datetime.UTC)
            raise ConfigurationError(
                f"The certificate of the profile {self.name!r} ended on {end:%Y-%m-%d}; ask an "
                "administrator for a new invitation and join again under a new profile name."
            )
        return Client(self.server, self.key, self.tls, clock=clock)


def write_server_files(
    folder: Path,
    server: ServerIdentity,
    *,
    identity_id: str,
    identity_name: str,
    certificate_pem: bytes,
) -> None:
    """Write what enrolment adds to the two keys in `folder`."""
    fields = {
        "format": FORMAT,
        "address": server.address,
        "audience": server.audience,
        "server_public_key": server.public_key.text,
        "server_key_id": server.public_key.key_id,
        "identity_id": identity_id,
        "identity_name": identity_name,
    }
    replace_secret(folder / TLS_CERTIFICATE_FILE, certificate_pem)
    replace_secret(folder / CA_FILE, server.ca_pem.encode("ascii"))
    replace_secret(folder / PROFILE_FILE, json.dumps(fields, indent=2).encode("ascii") + b"\n")


def read_profile(folder: Path) -> Profile:
    """Return the profile in a directory, named after it.

    Raises:
        ConfigurationError: if a file of it is missing, open to others, or damaged.
    """
    key = parse_private_key(read_secret(folder / IDENTITY_KEY_FILE))
    tls = TlsIdentity(
        certificate_pem=read_secret(folder / TLS_CERTIFICATE_FILE),
        key_pem=read_secret(folder / TLS_KEY_FILE),
    )
    text = read_secret(folder / PROFILE_FILE)
    ca = read_secret(folder / CA_FILE)
    try:
        fields = _text_fields(text)
        x509.load_pem_x509_certificate(ca)
        return Profile(
            name=folder.name,
            server=_server_identity(fields, ca.decode("ascii")),
            identity_id=fields["identity_id"],
            identity_name=fields["identity_name"],
            key=key,
            tls=tls,
            certificate_ends=_end(matching_certificate(tls)),
        )
    except (ValueError, KeyError, MalformedError):
        raise ConfigurationError(
            f"The profile {folder.name!r} is damaged: {folder} does not hold what enrolment wrote. "
            "Restore it, or join again under a new profile name."
        ) from None


def matching_certificate(tls: TlsIdentity) -> x509.Certificate:
    """Return the certificate of a TLS identity.

    Raises:
        MalformedError: if it or its key does not parse, or they don't belong together.
    """
    try:
        certificate = x509.load_pem_x509_certificate(tls.certificate_pem)
        key = serialization.load_pem_private_key(tls.key_pem, password=None)
        matches = certificate.public_key() == key.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedError("A TLS certificate or its key does not parse.") from None
    if not matches:
        raise MalformedError("A TLS certificate and its key do not belong together.")
    return certificate


def _text_fields(text: bytes) -> dict[str, str]:
    try:
        fields = json.loads(text)
    except RecursionError:
        raise MalformedError("The profile is nested too deeply.") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise MalformedError("This is no profile.")
    if not all(isinstance(value, str) for value in fields.values()):
        raise MalformedError("A field of the profile is not a text.")
    return fields


def _server_identity(fields: dict[str, str], ca_pem: str) -> ServerIdentity:
    public_key = PublicKey.from_text(fields["server_public_key"])
    if public_key.key_id != fields["server_key_id"]:
        raise MalformedError("The server's key id is not that of its key.")
    return ServerIdentity(
        address=fields["address"],
        audience=fields["audience"],
        public_key=public_key,
        ca_pem=ca_pem,
    )


def _end(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp()) * 1000
