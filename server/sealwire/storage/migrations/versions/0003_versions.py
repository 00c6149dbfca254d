"""Records have versions and metadata, names may be sealed, changes have an order.

What was the one version of a record is now its only version, sealed as it was.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

_MOVE: Final = sa.text(
    "INSERT INTO record_versions (namespace_id, name, version, size, created_at, updated_at, blob)"
    " SELECT namespace_id, name, version, size, created_at, updated_at, blob FROM records"
)


def upgrade() -> None:
    """Make room for versions, and move every record there."""
    for column in (
        sa.Column("keep_versions", sa.Integer(), nullable=False, server_default="10"),
        sa.Column("keep_ms", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("name_key", sa.LargeBinary()),
        sa.Column("first_version", sa.Integer(), nullable=False, server_default="1"),
    ):
        op.add_column("namespaces", column)
    _create_versions()
    op.get_bind().execute(_MOVE)
    op.drop_table("records")
    _create_order()


def _create_versions() -> None:
    op.create_table(
        "record_versions",
        sa.Column("namespace_id", sa.Integer(), sa.ForeignKey("namespaces.id"), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer()),
        sa.Column("deleted_at", sa.Integer()),
        sa.Column("sealed_name", sa.LargeBinary()),
        sa.Column("metadata", sa.LargeBinary()),
        sa.Column("blob", sa.LargeBinary()),
        sa.CheckConstraint("version > 0"),
        sa.CheckConstraint("size >= 0"),
        sa.CheckConstraint("expires_at > 0"),
        sqlite_strict=True,
    )
    op.create_index(
        "record_versions_expiring",
        "record_versions",
        ["expires_at"],
        sqlite_where=sa.text("expires_at IS NOT NULL AND blob IS NOT NULL"),
    )


def _create_order() -> None:
    op.create_table(
        "changes",
        sa.Column("revision", sa.Integer(), primary_key=True),
        sa.Column("namespace_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.CheckConstraint("version > 0"),
        sa.CheckConstraint("kind IN ('put', 'delete', 'undelete', 'destroy', 'expire')"),
        sqlite_strict=True,
    )
    op.create_index(
        "changes_beside_puts",
        "changes",
        ["namespace_id", "name"],
        sqlite_where=sa.text("kind <> 'put'"),
    )
    op.create_table(
        "answers",
        sa.Column("identity_id", sa.Text(), sa.ForeignKey("identities.id"), primary_key=True),
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(digest) = 32"),
        sqlite_strict=True,
    )
    op.create_index("answers_by_age", "answers", ["created_at"])
