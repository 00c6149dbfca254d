"""The tables. Times are milliseconds since the Unix epoch; no column but `blob` holds a value.

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
)

metadata = MetaData()

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
    Index("keys_of_identity", "identity_id", "created_at"),
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
    sqlite_strict=True,
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner_id", Text, ForeignKey("identities.id"), nullable=False),
    Column("created_at", Integer, nullable=False),
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
