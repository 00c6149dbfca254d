"""What the tables' rows are to their users. Times are milliseconds since the Unix epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealwire.core.keys import PublicKey


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity to be, with the key that it signs with."""

    name: str
    role: str
    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Somebody who may sign requests. `id` is a UUID."""

    id: str
    name: str
    role: str
    created_at: int


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """The right to enrol once, as `name` with `role`, before `expires_at`."""

    id: str
    token_digest: bytes = field(repr=False)
    name: str
    role: str
    created_at: int
    expires_at: int
    used_at: int | None = None
    identity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    """A set of records that one identity owns: their values are sealed to its key."""

    id: int
    name: str
    owner_id: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What may be known of a record without unsealing it. `size` is the value's, in bytes."""

    name: str
    version: int
    size: int
    created_at: int
    updated_at: int
