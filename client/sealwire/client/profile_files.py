"""The files of one profile: what enrolment writes, and what is read back and checked.

profile.json      server: address, audience, public key, key id; identity: id, name, public key id;
                  signer: where the key lives; certificate: whose PKI issued it
identity.key      Ed25519, OpenSSH format; signs every request; absent if the key lives elsewhere
tls.key, tls.crt  PEM; what TLS shows
ca.crt            PEM; the CAs that TLS trusts

Every file has mode 0600.
"""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.client.async_client import AsyncClient
from sealwire.client.client import Client
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.profile_layout import (
    CA_FILE,
    PROFILE_FILE,
    TLS_CERTIFICATE_FILE,
    TLS_KEY_FILE,
)
from sealwire.client.profile_upkeep import ProfileUpkeep
from sealwire.client.renewal import Means
from sealwire.client.signers import (
    FILE,
    DeferredSigner,
    Settled,
    parse_signer,
    require_enrolled,
)
from sealwire.client.tls_files import certificate_end, matching_certificate
from sealwire.core.clock import Clock, system_clock
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import PublicKey, Signer
from sealwire.core.pki import parse_bundle
from sealwire.core.secret_files import read_secret, replace_secret

FORMAT: Final = "sealwire-profile-v1"
ISSUED: Final = "issued"
"""The certificate is the deployment's own: its CA issued it for the enrolled key."""
OUTSIDE: Final = "outside"
"""The certificate is an outside PKI's: it came with `--tls-certificate`."""
_REPLACEMENT: Final = {
    ISSUED: "ask an administrator for an invitation that recovers {name!r}, and join again under a "
    "new profile name",
    OUTSIDE: f"put a new one in its place, in the files {TLS_CERTIFICATE_FILE} and {TLS_KEY_FILE}",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One identity at one server. Its secrets stay out of its repr."""

    name: str
    folder: Path
    server: ServerIdentity
    identity_id: str
    identity_name: str
    public_key_id: str
    """Of the key that is enrolled."""
    signer_text: str
    """Where the key lives, as `parse_signer` reads it."""
    signer: Signer
    """Signs as the enrolled key or not at all; opened when it is first used."""
    tls: TlsIdentity
    certificate: str
    """`ISSUED` or `OUTSIDE`."""
    certificate_ends: int
    """Milliseconds since the Unix epoch."""

    @property
    def access(self) -> Access:
        """Which server is talked to, who signs, and what TLS shows."""
        return Access(self.server, self.signer, self.tls)

    @property
    def is_renewed_here(self) -> bool:
        """Whether the deployment's own CA issues the certificates."""
        return self.certificate == ISSUED

    def connect(self, *, clock: Clock = system_clock) -> Client:
        """Return a client of this profile's server; nothing is sent before the first call.

        The client keeps itself connected: before a call, it renews the certificate when less than
        a third of its lifetime is left; and it follows when the profile's key is rotated. Opens
        the key, which may ask for a passphrase or PIN.

        Raises:
            ConfigurationError: if the TLS certificate has ended, or the key is another one than
                was enrolled.
            SignerError: if the key can't be used where it lives.
        """
        upkeep = self._upkeep(clock)
        return Client(self.server, self.signer, self.tls, clock=clock, upkeep=upkeep)

    def connect_async(self, *, clock: Clock = system_clock) -> AsyncClient:
        """Return an asyncio client, as `connect` does; call inside a running loop."""
        upkeep = self._upkeep(clock)
        return AsyncClient(self.server, self.signer, self.tls, clock=clock, upkeep=upkeep)

    def require_current(self, *, now: int) -> None:
        """Return if the certificate has not ended at `now`, in milliseconds since the epoch.

        Raises:
            ConfigurationError: if it has, saying how to get another one.
        """
        if now >= self.certificate_ends:
            end = datetime.datetime.fromtimestamp(self.certificate_ends / 1000, tz=datetime.UTC)
            replacement = _REPLACEMENT[self.certificate].format(name=self.identity_name)
            raise ConfigurationError(
                f"The certificate of the profile {self.name!r} ended on {end:%Y-%m-%d}; "
                f"{replacement}."
            )

    def _upkeep(self, clock: Clock) -> ProfileUpkeep:
        self.require_current(now=clock())
        require_enrolled(self.signer.public_key, self.public_key_id)
        return ProfileUpkeep(self, read=read_profile, means=Means(clock, os.urandom))


def begin_profile(folder: Path, key: Settled, *, certificate: str) -> None:
    """Write profile.json as far as it is known before enrolment; `read_profile` refuses it yet.

    `certificate` is `ISSUED` or `OUTSIDE`.
    """
    fields = {
        "format": FORMAT,
        "signer": key.text,
        "public_key_id": key.signer.public_key.key_id,
        "certificate": certificate,
    }
    _write_fields(folder, fields)


def write_server_files(
    folder: Path,
    server: ServerIdentity,
    *,
    identity_id: str,
    identity_name: str,
    certificate_pem: bytes,
) -> None:
    """Write what enrolment adds to the profile that was begun in `folder`."""
    fields = {
        "address": server.address,
        "audience": server.audience,
        "server_public_key": server.public_key.text,
        "server_key_id": server.public_key.key_id,
        "identity_id": identity_id,
        "identity_name": identity_name,
    }
    replace_secret(folder / TLS_CERTIFICATE_FILE, certificate_pem)
    replace_secret(folder / CA_FILE, server.ca_pem.encode("ascii"))
    _write_fields(folder, {**read_fields(folder), **fields})


def read_fields(folder: Path) -> dict[str, str]:
    """Return what profile.json says, finished or begun.

    Raises:
        ConfigurationError: if it is missing, open to others, or damaged.
    """
    try:
        return _text_fields(read_secret(folder / PROFILE_FILE))
    except (ValueError, MalformedError):
        raise _damaged(folder) from None


def read_profile(folder: Path) -> Profile:
    """Return the profile in a directory, named after it.

    Raises:
        ConfigurationError: if a file of it is missing, open to others, or damaged, or a key in one
            of them is not the enrolled one. A key that lives elsewhere is not looked at yet.
    """
    fields = read_fields(folder)
    tls = TlsIdentity(
        certificate_pem=read_secret(folder / TLS_CERTIFICATE_FILE),
        key_pem=read_secret(folder / TLS_KEY_FILE),
    )
    ca = read_secret(folder / CA_FILE)
    signer_text = fields.get("signer", FILE)
    try:
        signer, public_key_id = _signer(folder, signer_text, fields.get("public_key_id"))
        parse_bundle(ca)
        return Profile(
            name=folder.name,
            folder=folder,
            server=_server_identity(fields, ca.decode("ascii")),
            identity_id=fields["identity_id"],
            identity_name=fields["identity_name"],
            public_key_id=public_key_id,
            signer_text=signer_text,
            signer=signer,
            tls=tls,
            certificate=fields.get("certificate", ISSUED),
            certificate_ends=certificate_end(matching_certificate(tls)),
        )
    except (ValueError, KeyError, MalformedError):
        raise _damaged(folder) from None


def _signer(folder: Path, text: str, public_key_id: str | None) -> tuple[Signer, str]:
    """Return who signs for the profile, and the id of the enrolled key.

    A key that opens by itself is read now. Any other one may ask for a passphrase or PIN, so it
    waits until something is to be signed.
    """
    spec = parse_signer(text)
    if text == FILE:
        signer = spec.open(folder)
        # Profiles have not always said which key was enrolled.
        enrolled = signer.public_key.key_id if public_key_id is None else public_key_id
        require_enrolled(signer.public_key, enrolled)
        return signer, enrolled
    if public_key_id is None:
        raise MalformedError("The profile does not say which key was enrolled.")
    return DeferredSigner(lambda: spec.open(folder), public_key_id=public_key_id), public_key_id


def _text_fields(text: bytes) -> dict[str, str]:
    try:
        fields = json.loads(text)
    except RecursionError:
        raise MalformedError("The profile is nested too deeply.") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise MalformedError("This is no profile.")
    if fields.get("certificate", ISSUED) not in (ISSUED, OUTSIDE):
        raise MalformedError("The profile's certificate is of no known origin.")
    if not all(isinstance(value, str) for value in fields.values()):
        raise MalformedError("A field of the profile is not a text.")
    return fields


def _write_fields(folder: Path, fields: dict[str, str]) -> None:
    replace_secret(folder / PROFILE_FILE, json.dumps(fields, indent=2).encode("ascii") + b"\n")


def _damaged(folder: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The profile {folder.name!r} is damaged: {folder} does not hold what enrolment wrote. "
        "Restore it, or join again under a new profile name."
    )


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
