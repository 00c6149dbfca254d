"""Alembic runs this for every command; `sealwire.storage.revisions` hands it the connection."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
