"""Who is calling: the types that only verification makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sealwire.core.keys import PublicKey
from sealwire.interceptors.transport import Peer


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key that is known and active, and the identity that it belongs to."""

    public_key: PublicKey
    identity: str


class KeyDirectory(Protocol):
    """Where keys are looked up; the answer decides the very request that asked."""

    async def find(self, public_key_id: str) -> EnrolledKey | None:
        """Return the key if it is known and active now."""
        ...


@dataclass(frozen=True, slots=True)
class InMemoryKeyDirectory:
    """A `KeyDirectory` over a fixed set of keys."""

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
    """A sender that proved possession of a key which nobody vouches for yet."""

    public_key: PublicKey
    peer: Peer
    invitation_id: str
