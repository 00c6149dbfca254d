"""Sealed records in SQLite: values are sealed before the engine sees them, and keys are derived.

Make a file with `create_database`, `Store.open` it, and give units of work to `read` and `write`.
"""

from __future__ import annotations

from sealwire.storage.authority import AuthorityVersion
from sealwire.storage.backup import back_up
from sealwire.storage.database import create_database
from sealwire.storage.endings import Fact
from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.journal_lines import Line as JournalLine
from sealwire.storage.reseal import reseal_records
from sealwire.storage.restoration import restore
from sealwire.storage.revisions import current_revision, upgrade
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.rows import (
    ADMIN_ROLE,
    ROLES,
    Effect,
    EventRow,
    GrantRow,
    GroupRow,
    IdentityRow,
    IdentityState,
    InvitationRow,
    KeyRow,
    KeyState,
    Namespace,
    NewIdentity,
    RecordRow,
    Scope,
    SubjectKind,
    Verb,
)
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

__all__ = [
    "ADMIN_ROLE",
    "ROLES",
    "AuthorityJournal",
    "AuthorityVersion",
    "Effect",
    "EventRow",
    "Fact",
    "GrantRow",
    "GroupRow",
    "IdentityRow",
    "IdentityState",
    "InvitationRow",
    "JournalLine",
    "KeyRow",
    "KeyState",
    "Namespace",
    "NewIdentity",
    "RecordRow",
    "RootKeys",
    "Scope",
    "Store",
    "SubjectKind",
    "Transaction",
    "Verb",
    "back_up",
    "create_database",
    "current_revision",
    "reseal_records",
    "restore",
    "upgrade",
]
