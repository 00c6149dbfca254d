"""Profiles: who this user is towards which server, one directory each, open to nobody else.

<configuration>/sealwire/      0700
  current                      the name of the profile that is used unless another one is named
  profiles/                    0700
    <name>/                    0700
      profile.json             server: address, audience, public key, key id; identity: id, name
      identity.key             Ed25519, OpenSSH format; signs every request
      tls.key, tls.crt, ca.crt PEM; the TLS key and certificate, and the one CA that is trusted

Every file has mode 0600. A profile is complete or it isn't there: it arrives by one rename.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs
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

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


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


class Profiles:
    """The profiles of one user."""

    def __init__(self, directory: Path) -> None:
        """Keep them under `directory`, which need not exist yet."""
        self._current = directory / "current"
        self.directory = directory / "profiles"

    @classmethod
    def of_user(cls) -> Profiles:
        """Return the profiles in the user's configuration directory.

        `XDG_CONFIG_HOME` counts on every platform, if it is an absolute path.
        """
        configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        if configured.is_absolute():
            return cls(configured / "sealwire")
        return cls(platformdirs.user_config_path("sealwire"))

    def in_use(self) -> str:
        """Return the name of the profile that is used unless another one is named.

        Raises:
            ConfigurationError: if there is no profile yet.
        """
        if not self._current.exists():
            raise ConfigurationError("There is no profile yet; make one with: sealwire join FILE")
        return _checked_name(read_secret(self._current).decode("ascii", "replace").strip())

    def load(self, name: str) -> Profile:
        """Return a profile, read and checked.

        Raises:
            ConfigurationError: if there is none of that name, others can open it, or a file of it
                is missing or damaged.
        """
        folder = self._folder(name)
        if not folder.exists():
            raise ConfigurationError(
                f"There is no profile {name!r}; make it with: sealwire join FILE --profile {name}"
            )
        _require_private_directory(folder)
        return _read_profile(folder)

    def require_free(self, name: str) -> None:
        """Return if `name` is the name of no profile yet.

        Raises:
            ConfigurationError: if it is, or can't be a profile's name.
        """
        if os.path.lexists(self._folder(name)):
            raise ConfigurationError(
                f"There is a profile {name!r} already, and it was left as it is; choose another "
                "name with --profile."
            )

    def prepare(self) -> None:
        """Make the directories, if need be; ConfigurationError if others can open them."""
        self.directory.parent.parent.mkdir(parents=True, exist_ok=True)
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        _require_private_directory(self.directory)

    def adopt(self, staged: Path, name: str) -> Profile:
        """Make the complete directory `staged` the profile `name`; the first one is put in use.

        Raises:
            ConfigurationError: if the name was taken meanwhile, or `staged` is not complete.
        """
        _read_profile(staged)
        self.require_free(name)
        # rename(2) never replaces a directory that holds anything.
        staged.rename(self._folder(name))
        if not self._current.exists():
            replace_secret(self._current, name.encode("ascii") + b"\n")
        return self.load(name)

    def _folder(self, name: str) -> Path:
        return self.directory / _checked_name(name)


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


def _read_profile(folder: Path) -> Profile:
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


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} can't be the name of a profile: use up to 64 letters, digits, '.', '-' and "
            "'_', beginning with a letter or digit."
        )
    return name


def _require_private_directory(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{path} is not a directory, so nothing in it was read.")
    if status.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user, so nothing in it was read.")
    if status.st_mode & _OTHERS:
        raise ConfigurationError(
            f"{path} is open to other users, so nothing in it was read; run: chmod 700 {path}"
        )
