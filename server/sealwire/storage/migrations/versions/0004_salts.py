"""The identities' salts leave the database, so that copies made from now on hold none.

Each is on stable storage where it is kept from now on before the column is gone. What old pages of
the file still hold is wiped behind the commit (old_pages.py).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import context, op

from sealwire.storage.old_pages import mark
from sealwire.storage.salts import SaltStore

revision: Final = "0004"
down_revision: Final = "0003"

_KEEP: Final = (
    "CREATE TEMP TABLE kept AS"
    " SELECT id, name, role, created_at, state, labels, tag FROM identities"
)
_PUT_BACK: Final = (
    "INSERT INTO identities (id, name, role, created_at, state, labels, tag)"
    " SELECT id, name, role, created_at, state, labels, tag FROM temp.kept"
)


def upgrade() -> None:
    """Move the salts, and make the table anew: the check on the column keeps it from being dropped.

    What refers to the table is checked at the commit, when all rows are there again.
    """
    _move()
    run = op.get_bind().exec_driver_sql
    run("PRAGMA defer_foreign_keys = 1")
    run(_KEEP)
    op.drop_table("identities")
    op.create_table(
        "identities",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="active"),
        sa.Column("labels", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("tag", sa.LargeBinary(), nullable=False, server_default=sa.text("x''")),
        sqlite_strict=True,
    )
    run(_PUT_BACK)
    run("DROP TABLE temp.kept")


def _move() -> None:
    found = op.get_bind().execute(sa.text("SELECT id, salt FROM identities")).all()
    if found:
        salts: SaltStore = context.config.attributes["salts"]
        for identity_id, salt in found:
            salts.create(identity_id, salt)
        mark(op.get_bind())
