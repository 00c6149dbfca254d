"""The URI names that tie a TLS certificate to a key (SPIFFE-ID section 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealwire.core.errors import ConfigurationError

_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class TrustDomain:
    """The names under one trust domain."""

    name: str

    def __post_init__(self) -> None:
        if not _TRUST_DOMAIN.fullmatch(self.name):
            raise ConfigurationError(
                f"{self.name!r} is no trust domain: use lower-case letters, digits, '.', '-', '_'."
            )

    def key_uri(self, public_key_id: str) -> str:
        """The name in the certificate of an enrolled key."""
        return f"spiffe://{self.name}/key/{public_key_id}"

    def invitation_uri(self, invitation_id: str) -> str:
        """The name in the bootstrap certificate of an invitation."""
        return f"spiffe://{self.name}/invitation/{invitation_id}"

    def invitation_id(self, uri: str) -> str | None:
        """The invitation that a certificate's name stands for, or None."""
        prefix, _, invitation_id = uri.rpartition("/")
        return invitation_id if invitation_id and f"{prefix}/" == self.invitation_uri("") else None

    def names(self, uri: str) -> bool:
        """Tell whether a certificate's name is under this trust domain, in whatever case."""
        return f"{uri.lower()}/".startswith(f"spiffe://{self.name}/")
