"""`sealwire.toml`: what an operator may set, read strictly."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from sealwire.core.errors import ConfigurationError
from sealwire.core.requests import TimeWindow
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import Binding
from sealwire.server.root_key_settings import RootKeySettings

FILE_NAME: Final = "sealwire.toml"
MAX_PORT: Final = 65_535
_LARGEST: Final = {
    "window_seconds": 3600,
    "skew_seconds": 3600,
    "drain_seconds": 3600,
    "client_certificate_days": 3650,
    "keep_changes": 1_000_000_000,
}
_TYPES: Final = {"int": int, "RootKeySettings": dict}
_BINDINGS: Final = tuple(binding.value for binding in Binding)
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_DNS_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one deployment."""

    listen: str
    address: str
    audience: str
    trust_domain: str
    window_seconds: int = 60
    skew_seconds: int = 10
    drain_seconds: int = 25
    client_certificate_days: int = 7
    client_certificates: str = Binding.STRICT.value
    keep_changes: int = 100_000
    root_keys: RootKeySettings = field(default_factory=RootKeySettings)

    def __post_init__(self) -> None:
        """Refuse what can't work: ConfigurationError names the setting."""
        for name, largest in _LARGEST.items():
            if not 1 <= getattr(self, name) <= largest:
                raise ConfigurationError(f"{name} must be from 1 to {largest}.")
        for name in ("listen", "address"):
            check_address(getattr(self, name), setting=name)
        TrustDomain(self.trust_domain)
        if self.client_certificates not in _BINDINGS:
            raise ConfigurationError(f"client_certificates must be one of: {', '.join(_BINDINGS)}.")

    @property
    def binding(self) -> Binding:
        """Which certificates carry a key's requests."""
        return Binding(self.client_certificates)

    @property
    def window(self) -> TimeWindow:
        """When a request is fresh."""
        return TimeWindow(self.window_seconds * 1000, self.skew_seconds * 1000)


def read_config(path: Path) -> Config:
    """Return the settings in a file.

    Raises:
        ConfigurationError: naming the first setting that is missing, unknown or of a wrong type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} does not exist; make a deployment with: sealwire-server init {path.parent}"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from error
    try:
        return _from_values(values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def check_address(address: str, *, setting: str) -> tuple[str, int]:
    """Return the host and port of `HOST:PORT`; an IPv6 address stands in brackets.

    Raises:
        ConfigurationError: for any other text, naming the setting.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found[2]) > MAX_PORT:
        raise ConfigurationError(f"{setting} is {address!r}, which is not HOST:PORT.")
    return found[1], int(found[2])


def address_of(host: str, port: int) -> str:
    """Return where a host is dialled; ConfigurationError if it is neither a DNS name nor an IP."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not _DNS_NAME.fullmatch(host):
            raise ConfigurationError(
                f"{host!r} is neither a DNS name, in ASCII, nor an IP address."
            ) from None
        return f"{host}:{port}"
    named = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
    return f"{named}:{port}"


def render_config(config: Config) -> str:
    """Return the commented file that `init` writes."""
    return _TEMPLATE.format(**{f.name: getattr(config, f.name) for f in fields(config)})


def _from_values(values: dict[str, Any]) -> Config:
    known = {field.name: field for field in fields(Config)}
    for name, value in values.items():
        if name not in known:
            raise ConfigurationError(f"{name} is no setting; these are: {', '.join(known)}.")
        wanted = _TYPES.get(str(known[name].type), str)
        if type(value) is not wanted:
            raise ConfigurationError(f"{name} must be of type {wanted.__name__}.")
    missing = [
        name for name in ("listen", "address", "audience", "trust_domain") if name not in values
    ]
    if missing:
        raise ConfigurationError(f"{missing[0]} is missing.")
    return Config(**{**values, "root_keys": RootKeySettings.of(values.get("root_keys", {}))})


_TEMPLATE: Final = """\
# A Sealwire deployment. Restart the server after a change.

# Where the server listens: HOST:PORT. There is no plaintext port.
listen = "{listen}"

# Where clients reach it; invitations carry this. Its host must be in server.crt.
address = "{address}"

# What clients sign their requests for. Changing it locks every enrolled client out.
audience = "{audience}"

# The names in client certificates: spiffe://<trust_domain>/key/<public key id>.
trust_domain = "{trust_domain}"

# How old a request may be on arrival, and how far ahead a client's clock may be.
window_seconds = {window_seconds}
skew_seconds = {skew_seconds}

# How long requests under way may take to finish after SIGTERM.
drain_seconds = {drain_seconds}

# How long a client's TLS certificate is valid; clients renew theirs when a third of that is left.
client_certificate_days = {client_certificate_days}

# Which TLS certificates carry a client's requests: "strict" are those that name its key, which this
# deployment issues; with "registered", a client may enrol with the certificate of an outside PKI,
# whose CA stands in client-ca.crt, and is bound to exactly the URI in that.
client_certificates = "{client_certificates}"

# How many changes of records are kept for those who watch, besides those of the last 24 hours. A
# watch that was cut off for longer than both can't go on where it was.
keep_changes = {keep_changes}

[root_keys]
# Where the root keys come from: "directory", the files in roots/; "credentials", those of the
# systemd unit (LoadCredential=roots:DIRECTORY); or "descriptor:3", an inherited file descriptor.
source = "{root_keys.source}"

# The passphrase of those that are wrapped: "prompt", "credential:NAME" or "descriptor:4".
passphrase = "{root_keys.passphrase}"
"""
