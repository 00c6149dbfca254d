"""What the tables' rows are to their users. Times are milliseconds since the Unix epoch."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sealwire.core.keys import PublicKey


class IdentityState(enum.StrEnum):
    """Whether an identity may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    ERASED = "erased"


class KeyState(enum.StrEnum):
    """Whether a key may sign."""

    ACTIVE = "active"
    ROTATED = "rotated"
    REVOKED = "revoked"


class Verb(enum.StrEnum):
    """What may be done in a namespace."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    LIST = "list"
    SHARE = "share"
    ADMIN = "admin"


class Effect(enum.StrEnum):
    """What a grant does; deny wins."""

    ALLOW = "allow"
    DENY = "deny"


class Scope(enum.StrEnum):
    """What a grant on a namespace covers."""

    SUBTREE = "subtree"
    EXACT = "exact"


class SubjectKind(enum.StrEnum):
    """Whom a grant is for."""

    IDENTITY = "identity"
    GROUP = "group"


DEFAULT_KEEP_VERSIONS: Final = 10
ADMIN_ROLE: Final = "admin"
ROLES: Final = frozenset({ADMIN_ROLE, "member"})


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity to be, with the key that it signs with."""

    name: str
    role: str
    public_key: PublicKey
    certificate_uri: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Somebody who may sign requests. `id` is a UUID; `labels` is a JSON object of texts."""

    id: str
    name: str
    role: str
    created_at: int
    state: str = IdentityState.ACTIVE
    labels: str = "{}"

    @property
    def is_gone(self) -> bool:
        """Tell whether it was ended for good."""
        return self.state in {IdentityState.REMOVED, IdentityState.ERASED}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key of an identity: `generation` 1 is its first. It ends at `expires_at`, if that is set.

    `certificate_uri` is the name of the outside PKI's certificates that the key is bound to.
    """

    public_key: PublicKey
    identity_id: str
    created_at: int
    generation: int
    state: str = KeyState.ACTIVE
    expires_at: int | None = None
    ended_at: int | None = None
    certificate_uri: str | None = None

    def is_active(self, now: int) -> bool:
        """Tell whether the key may sign at `now`."""
        return self.state == KeyState.ACTIVE and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """The right to enrol once before `expires_at`: as `name` with `role`, or as who it recovers."""

    id: str
    token_digest: bytes = field(repr=False)
    name: str
    role: str
    created_at: int
    expires_at: int
    used_at: int | None = None
    identity_id: str | None = None
    recovers: str | None = None
    made_by: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened to an identity; without an actor, by the operator's own hand."""

    identity_id: str
    at: int
    kind: str
    actor_id: str | None
    actor_key_id: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of identities. `id` is a UUID."""

    id: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One verb in one namespace or subtree, allowed or denied to one identity or group."""

    subject_kind: str
    subject_id: str
    verb: str
    namespace: str
    scope: str
    effect: str
    expires_at: int | None
    granted_by: str | None
    created_at: int

    @property
    def address(self) -> tuple[str, ...]:
        """What no two grants have in common."""
        return (self.subject_id, self.namespace, self.scope, self.effect, self.verb)

    def in_force(self, now: int) -> bool:
        """Tell whether the grant counts at `now`."""
        return self.expires_at is None or now < self.expires_at

    def lasts_as_long_as(self, other: GrantRow) -> bool:
        """Tell whether the grant ends no sooner than `other`."""
        if self.expires_at is None or other.expires_at is None:
            return self.expires_at is None
        return self.expires_at >= other.expires_at


@dataclass(frozen=True, slots=True)
class Namespace:
    """A set of records that one identity owns: their values are sealed to its key.

    Of each record, `keep_versions` versions are kept (0: all), each for `keep_ms` milliseconds
    behind its successor (0: for ever). With a `name_key`, names are sealed as well. What is put
    anew begins at `first_version`, which is above the versions that an erased owner had there.
    """

    id: int
    name: str
    owner_id: str
    created_at: int
    keep_versions: int = DEFAULT_KEEP_VERSIONS
    keep_ms: int = 0
    name_key: bytes | None = field(default=None, repr=False)
    first_version: int = 1


class NewRecord(NamedTuple):
    """A version to be. `metadata` is opaque; the current version must be `if_version`, if given."""

    name: str
    value: bytes
    metadata: bytes = b""
    expires_at: int | None = None
    if_version: int | None = None

    def __repr__(self) -> str:
        return f"NewRecord({self.name!r}, {len(self.value)} bytes)"


class RecordRow(NamedTuple):
    """What may be known of a version without unsealing its value, of `size` bytes.

    The record came into being at `created_at`, and this version at `updated_at`.
    """

    name: str
    version: int
    size: int
    created_at: int
    updated_at: int
    expires_at: int | None = None
    deleted_at: int | None = None
    destroyed: bool = False
    metadata: bytes = b""

    def __repr__(self) -> str:
        return f"RecordRow({self.name!r}, version={self.version}, {self.size} bytes)"


class ChangeKind(enum.StrEnum):
    """What happened to a version."""

    PUT = "put"
    DELETE = "delete"
    UNDELETE = "undelete"
    DESTROY = "destroy"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change; `revision` counts all changes of the store, without gaps."""

    revision: int
    kind: str
    namespace: str
    name: str
    version: int
    at: int
