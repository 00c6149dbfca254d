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

# Tagged, because it says to whose key records are sealed, and under which names they are found.
# With a `name_key`, which is sealed, `record_versions.name` is an HMAC under it.
namespaces = Table(
    "namespaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner_id", Text, ForeignKey("identities.id"), nullable=False),
    Column("created_at", Integer, nullable=False),
    _tag(),
    Column("keep_versions", Integer, nullable=False, server_default="10"),
    Column("keep_ms", Integer, nullable=False, server_default="0"),
    Column("name_key", LargeBinary),
    Column("first_version", Integer, nullable=False, server_default="1"),
    sqlite_strict=True,
)

# One row for each version; the highest of a name is the record's head. Without a blob, it was
# destroyed. Names compare as SQLite's BINARY collation does: by UTF-8 bytes. The blob comes last,
# so that listing a namespace never walks through the pages of a large value.
record_versions = Table(
    "record_versions",
    metadata,
    Column("namespace_id", Integer, ForeignKey("namespaces.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, CheckConstraint("version > 0"), primary_key=True),
    Column("size", Integer, CheckConstraint("size >= 0"), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("expires_at", Integer, CheckConstraint("expires_at > 0")),
    Column("deleted_at", Integer),
    Column("sealed_name", LargeBinary),
    Column("metadata", LargeBinary),
    Column("blob", LargeBinary),
    Index(
        "record_versions_expiring",
        "expires_at",
        sqlite_where=text("expires_at IS NOT NULL AND blob IS NOT NULL"),
    ),
    sqlite_strict=True,
)

# What happened to records, in the order in which it happened. SQLite numbers a row one higher than
# the highest there is, and the newest is never removed: so no number is left out or used twice.
changes = Table(
    "changes",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("namespace_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, CheckConstraint("version > 0"), nullable=False),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('put', 'delete', 'undelete', 'destroy', 'expire')"),
        nullable=False,
    ),
    Column("at", Integer, nullable=False),
    # Whether a record that has ended is still named: no put comes behind its end.
    Index("changes_beside_puts", "namespace_id", "name", sqlite_where=text("kind <> 'put'")),
    sqlite_strict=True,
)

# How requests with a request id were answered; sealed to whoever asked.
answers = Table(
    "answers",
    metadata,
    Column("identity_id", Text, ForeignKey("identities.id"), primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("created_at", Integer, nullable=False),
    Column("digest", LargeBinary, CheckConstraint("length(digest) = 32"), nullable=False),
    Column("response", LargeBinary, nullable=False),
    Index("answers_by_age", "created_at"),
    sqlite_strict=True,
)
