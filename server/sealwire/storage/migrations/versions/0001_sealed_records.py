"""Identities, invitations, namespaces and sealed records."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Create the first schema."""
    _create_deployment()
    _create_identities()
    _create_records()


def _create_deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Text(), primary_key=True),
        sqlite_strict=True,
    )
    op.create_table(
        "root_keys",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(public_key) = 32"),
        sqlite_strict=True,
    )


def _create_identities() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(salt) = 32"),
        sqlite_strict=True,
    )
    op.create_table(
        "keys",
        sa.Column("public_key_id", sa.Text(), primary_key=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("identity_id", sa.Text(), sa.ForeignKey("identities.id"), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(public_key) = 32"),
        sqlite_strict=True,
    )
    op.create_index("keys_of_identity", "keys", ["identity_id", "created_at"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.Integer()),
        sa.Column("identity_id", sa.Text(), sa.ForeignKey("identities.id")),
        sqlite_strict=True,
    )


def _create_records() -> None:
    op.create_table(
        "namespaces",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("owner_id", sa.Text(), sa.ForeignKey("identities.id"), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "records",
        sa.Column("namespace_id", sa.Integer(), sa.ForeignKey("namespaces.id"), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("version > 0"),
        sqlite_strict=True,
    )
