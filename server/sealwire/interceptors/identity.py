"""Who is calling: the types that only verification makes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from sealwire.core.keys import PublicKey
from sealwire.interceptors.transport import Peer


class Binding(enum.Enum):
    """Which certificates carry a key's requests (step 10).

    STRICT: the one whose URI names the key. REGISTERED: if the key was enrolled with the URI of an
    outside PKI's certificate, the one with exactly that URI.
    """

    STRICT = "strict"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key that is known and active, and the identity that it belongs to.

    It ends at `expires_at` (milliseconds since the epoch). `certificate_uri` is what an outside
    PKI's certificate was registered with. `revoked_certificates` are serial numbers in lower-case
    hexadecimal without leading zeros.
    """

    public_key: PublicKey
    identity: str
    expires_at: int | None = None
    certificate_uri: str | None = None
    revoked_certificates: frozenset[str] = frozenset()

    def has_expired(self, *, now: int) -> bool:
        """Tell whether the key has come to its end at `now`."""
        return self.expires_at is not None and self.expires_at <= now


class KeyDirectory(Protocol):
    """Where keys are looked up; the answer decides the very request that asked."""

    async def find(self, public_key_id: str) -> EnrolledKey | None:
        """Return the key if it is known and active now."""
        ...


@dataclass(frozen=True, slots=True)
class InMemoryKeyDirectory:
    """A `KeyDirectory` over `keys`, by key id; a change of the dict takes effect at once."""

    keys: dict[str, EnrolledKey]

    @classmethod
    def of(cls, *keys: EnrolledKey) -> InMemoryKeyDirectory:
        """Return a directory of these keys."""
        return cls({key.public_key.key_id: key for key in keys})

    async def find(self, public_key_id: str) -> EnrolledKey | None:
        """Return the key if it is one of the set."""
        return self.keys.get(public_key_id)


@dataclass(frozen=True, slots=True)
class Caller:
    """The verified sender of a request: steps 1 to 11 hold for it."""

    identity: str
    public_key: PublicKey
    peer: Peer


@dataclass(frozen=True, slots=True)
class Applicant:
    """A sender that proved possession of a key which nobody vouches for yet.

    `invitation_id` is what the certificate was issued for; None if it is an outside PKI's, which
    `Binding.REGISTERED` lets through.
    """

    public_key: PublicKey
    peer: Peer
    invitation_id: str | None
