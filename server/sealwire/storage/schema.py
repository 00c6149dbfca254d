"""The tables. Times are milliseconds since the Unix epoch; no column but `blob` holds a value.

A `tag` authenticates its whole row, under a key that is not in the database (tagging.py).
`migrations/` builds the same schema step by step; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()


def _tag() -> Column[bytes]:
    # The default is no tag, so a row that was not tagged is refused when it is read.
    return Column("tag", LargeBinary, nullable=False, server_default=text("x''"))


deployment = Table(
    "deployment",
    metadata,
    Column("id", Text, primary_key=True),
    sqlite_strict=True,
)

root_keys = Table(
    "root_keys",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("public_key", LargeBinary, CheckConstraint("length(public_key) = 32"), nullable=False),
    sqlite_strict=True,
)

identities = Table(
    "identities",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("salt", LargeBinary, CheckConstraint("length(salt) = 32"), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),
    Column("labels", Text, nullable=False, server_default="{}"),
    _tag(),
    sqlite_strict=True,
)

keys = Table(
    "keys",
    metadata,
    Column("public_key_id", Text, primary_key=True),
    Column(
        "public_key",
        LargeBinary,
        CheckConstraint("length(public_key) = 32"),
        nullable=False,
        unique=True,
    ),
    Column("identity_id", Text, ForeignKey("identities.id"), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, server_default="active"),
    Column("expires_at", Integer),
    Column("ended_at", Integer),
    Column("certificate_uri", Text),
    _tag(),
    Index("keys_of_identity", "identity_id", "generation", unique=True),
    sqlite_strict=True,
)

revoked_certificates = Table(
    "revoked_certificates",
    metadata,
    Column("public_key_id", Text, ForeignKey("keys.public_key_id"), primary_key=True),
    Column("serial", Text, primary_key=True),
    Column("revoked_at", Integer, nullable=False),
    sqlite_strict=True,
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("used_at", Integer),
    Column("identity_id", Text, ForeignKey("identities.id")),
    Column("recovers", Text),
    Column("made_by", Text),
    _tag(),
    sqlite_strict=True,
)

# What happened to identities; nothing is decided by it.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity_id", Text, ForeignKey("identities.id"), nullable=False),
    Column("at", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor_id", Text, ForeignKey("identities.id")),
    Column("actor_key_id", Text),
    Column("detail", Text, nullable=False),
    Index("events_of_identity", "identity_id", "id"),
    sqlite_strict=True,
)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Integer, nullable=False),
    _tag(),
    sqlite_strict=True,
)

members = Table(
    "members",
    metadata,
    Column("group_id", Text, ForeignKey("groups.id"), primary_key=True),
    Column("identity_id", Text, ForeignKey("identities.id"), primary_key=True),
    Column("created_at", Integer, nullable=False),
    _tag(),
    Index("members_of_identity", "identity_id"),
    sqlite_strict=True,
)

# `subject_id` is an identity's or a group's: both are random UUIDs. A grant need not wait for its
# namespace to exist.
grants = Table(
    "grants",
    metadata,
    Column("subject_id", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("effect", Text, primary_key=True),
    Column("verb", Text, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("expires_at", Integer),
    Column("granted_by", Text, ForeignKey("identities.id")),
    Column("created_at", Integer, nullable=False),
    _tag(),
    Index("grants_of_namespace", "namespace"),
    sqlite_strict=True,
)

# One row, which changes with every change of who may do what.
authority = Table(
    "authority",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("stamp", LargeBinary, CheckConstraint("length(stamp) = 16"), nullable=False),
    sqlite_strict=True,
)

# Changes of authority that may not stand in the journal yet (journal.py).
authority_changes = Table(
    "authority_changes",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("change", Text, nullable=False),
    sqlite_strict=True,
)

# Tagged, because it says to whose key records are sealed.
namespaces = Table(
    "namespaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner_id", Text, ForeignKey("identities.id"), nullable=False),
    Column("created_at", Integer, nullable=False),
    _tag(),
    sqlite_strict=True,
)

# Names compare as SQLite's BINARY collation does: by UTF-8 bytes. The blob comes last, so that
# listing a namespace never walks through the pages of a large value.
records = Table(
    "records",
    metadata,
    Column("namespace_id", Integer, ForeignKey("namespaces.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, CheckConstraint("version > 0"), nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    sqlite_strict=True,
)
