"""Sealed records in SQLite: values are sealed before the engine sees them, and keys are derived.

Make a file with `create_database`, `Store.open` it, and give units of work to `read` and `write`.
"""

from __future__ import annotations

from sealwire.storage.database import create_database
from sealwire.storage.revisions import current_revision, upgrade
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.rows import IdentityRow, InvitationRow, Namespace, NewIdentity, RecordRow
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

__all__ = [
    "IdentityRow",
    "InvitationRow",
    "Namespace",
    "NewIdentity",
    "RecordRow",
    "RootKeys",
    "Store",
    "Transaction",
    "create_database",
    "current_revision",
    "upgrade",
]
