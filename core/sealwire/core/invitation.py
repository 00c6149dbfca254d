"""The invitation: one file that carries all that a newcomer needs to enrol, once.

It holds two secrets, the token and the bootstrap certificate's key, so it travels like a password.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.keys import PublicKey

FORMAT: Final = "sealwire-invitation-v1"
TOKEN_BYTES: Final = 32

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """How a client reaches one server and recognises its answers."""

    address: str
    audience: str
    public_key: PublicKey
    ca_pem: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """One use, until `expires_at` (milliseconds since the Unix epoch)."""

    server: ServerIdentity
    invitation_id: str
    name: str
    expires_at: int
    certificate_pem: str
    token: bytes = field(repr=False)
    certificate_key_pem: str = field(repr=False)

    def to_json(self) -> bytes:
        """Return the file's contents; a secret."""
        fields = {
            "format": FORMAT,
            "address": self.server.address,
            "audience": self.server.audience,
            "server_key_id": self.server.public_key.key_id,
            "server_public_key": self.server.public_key.text,
            "ca_certificate": self.server.ca_pem,
            "invitation_id": self.invitation_id,
            "name": self.name,
            "expires_at": self.expires_at,
            "token": base64url(self.token),
            "bootstrap_certificate": self.certificate_pem,
            "bootstrap_key": self.certificate_key_pem,
        }
        return json.dumps(fields, indent=2).encode("utf-8") + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Invitation:
        """Read an invitation file.

        Raises:
            ConfigurationError: if a field is missing or not of its form, or the server's key id
                is not that of its key.
        """
        try:
            fields = json.loads(data)
            return cls._from_fields(fields)
        except (ValueError, KeyError, TypeError, RecursionError, MalformedError):
            raise ConfigurationError(
                "This file is no invitation, or it was damaged on its way; ask for a new one."
            ) from None

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> Invitation:
        server_key = PublicKey.from_text(_typed(fields, "server_public_key", str))
        token = from_base64url(_typed(fields, "token", str))
        if (
            fields["format"] != FORMAT
            or len(token) != TOKEN_BYTES
            or server_key.key_id != fields["server_key_id"]
        ):
            raise MalformedError("A field of the invitation is not of its form.")
        return cls(
            server=ServerIdentity(
                address=_typed(fields, "address", str),
                audience=_typed(fields, "audience", str),
                public_key=server_key,
                ca_pem=_typed(fields, "ca_certificate", str),
            ),
            invitation_id=_typed(fields, "invitation_id", str),
            name=_typed(fields, "name", str),
            expires_at=_typed(fields, "expires_at", int),
            certificate_pem=_typed(fields, "bootstrap_certificate", str),
            token=token,
            certificate_key_pem=_typed(fields, "bootstrap_key", str),
        )


def _typed(fields: dict[str, Any], name: str, kind: type[T]) -> T:
    value = fields[name]
    if type(value) is not kind:
        raise MalformedError(f"The field {name} of the invitation is not of its type.")
    return value
