"""States, chains of keys, groups, grants; and room for tags on every row that carries authority.

Whoever owned a namespace is granted everything in it, which the first schema left unsaid. Tags are
made when the last migration has run (revisions.py).
"""

from __future__ import annotations

import secrets
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

_STAMP_BYTES: Final = 16
_VERBS: Final = ("read", "write", "delete", "list", "share", "admin")
_NEW_GRANT: Final = sa.text(
    "INSERT INTO grants (subject_id, namespace, scope, effect, verb, subject_kind, granted_by,"
    " created_at) SELECT owner_id, name, 'subtree', 'allow', :verb, 'identity', NULL, created_at"
    " FROM namespaces"
)


def upgrade() -> None:
    """Add what is new, and say what was unsaid."""
    _extend_tables()
    _create_history()
    _create_permissions()
    _create_authority()
    for verb in _VERBS:
        op.get_bind().execute(_NEW_GRANT, {"verb": verb})


def _extend_tables() -> None:
    for table, columns in {
        "identities": (
            sa.Column("state", sa.Text(), nullable=False, server_default="active"),
            sa.Column("labels", sa.Text(), nullable=False, server_default="{}"),
            _tag(),
        ),
        "keys": (
            sa.Column("generation", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("state", sa.Text(), nullable=False, server_default="active"),
            sa.Column("expires_at", sa.Integer()),
            sa.Column("ended_at", sa.Integer()),
            sa.Column("certificate_uri", sa.Text()),
            _tag(),
        ),
        "invitations": (
            sa.Column("recovers", sa.Text()),
            sa.Column("made_by", sa.Text()),
            _tag(),
        ),
        "namespaces": (_tag(),),
    }.items():
        for column in columns:
            op.add_column(table, column)
    op.drop_index("keys_of_identity", "keys")
    op.create_index("keys_of_identity", "keys", ["identity_id", "generation"], unique=True)


def _create_history() -> None:
    op.create_table(
        "revoked_certificates",
        _reference("public_key_id", "keys.public_key_id", primary_key=True),
        sa.Column("serial", sa.Text(), primary_key=True),
        sa.Column("revoked_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), primary_key=True),
        _reference("identity_id", "identities.id", nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        _reference("actor_id", "identities.id"),
        sa.Column("actor_key_id", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("events_of_identity", "events", ["identity_id", "id"])


def _create_permissions() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("created_at", sa.Integer(), nullable=False),
        _tag(),
        sqlite_strict=True,
    )
    op.create_table(
        "members",
        _reference("group_id", "groups.id", primary_key=True),
        _reference("identity_id", "identities.id", primary_key=True),
        sa.Column("created_at", sa.Integer(), nullable=False),
        _tag(),
        sqlite_strict=True,
    )
    op.create_index("members_of_identity", "members", ["identity_id"])
    op.create_table(
        "grants",
        *(
            sa.Column(name, sa.Text(), primary_key=True)
            for name in ("subject_id", "namespace", "scope", "effect", "verb")
        ),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Integer()),
        _reference("granted_by", "identities.id"),
        sa.Column("created_at", sa.Integer(), nullable=False),
        _tag(),
        sqlite_strict=True,
    )
    op.create_index("grants_of_namespace", "grants", ["namespace"])


def _create_authority() -> None:
    table = op.create_table(
        "authority",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1"),
        sa.CheckConstraint("length(stamp) = 16"),
        sqlite_strict=True,
    )
    op.bulk_insert(table, [{"id": 1, "sequence": 1, "stamp": secrets.token_bytes(_STAMP_BYTES)}])
    op.create_table(
        "authority_changes",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("change", sa.Text(), nullable=False),
        sqlite_strict=True,
    )


def _tag() -> sa.Column[bytes]:
    return sa.Column("tag", sa.LargeBinary(), nullable=False, server_default=sa.text("x''"))


def _reference(
    name: str, target: str, *, primary_key: bool = False, nullable: bool = True
) -> sa.Column[str]:
    return sa.Column(
        name,
        sa.Text(),
        sa.ForeignKey(target),
        primary_key=primary_key,
        nullable=nullable and not primary_key,
    )
