"""Sealed records in SQLite: values are sealed before the engine sees them, and keys are derived.

Make a file with `create_database`, `Store.open` it, and give units of work to `read` and `write`.
"""

from __future__ import annotations

from sealwire.storage.authority import AuthorityVersion
from sealwire.storage.backup import back_up
from sealwire.storage.database import check_database, create_database
from sealwire.storage.endings import Fact
from sealwire.storage.erasure import finish_erasures
from sealwire.storage.findings import Damage, Finding
from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.journal_lines import Line as JournalLine
from sealwire.storage.listing import Page, Query
from sealwire.storage.portions import Place
from sealwire.storage.records import LATEST, require_version
from sealwire.storage.reseal import reseal_records
from sealwire.storage.reseal_others import reseal_others
from sealwire.storage.restoration import restore
from sealwire.storage.retag import count_stale_tags, retag_rows
from sealwire.storage.retention import Position, Stage
from sealwire.storage.revisions import current_revision, upgrade
from sealwire.storage.root_keys import RootKeys, RootKeySource, public_half
from sealwire.storage.root_versions import (
    RootVersion,
    add_root_version,
    remove_root_version,
    root_versions,
)
from sealwire.storage.rows import (
    ADMIN_ROLE,
    DEFAULT_KEEP_VERSIONS,
    ROLES,
    ChangeKind,
    ChangeRow,
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
    NewRecord,
    RecordRow,
    Scope,
    SubjectKind,
    Verb,
)
from sealwire.storage.salts import SaltDirectory, SaltStore
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction
from sealwire.storage.verification import count_verified, verify

__all__ = [
    "ADMIN_ROLE",
    "DEFAULT_KEEP_VERSIONS",
    "LATEST",
    "ROLES",
    "AuthorityJournal",
    "AuthorityVersion",
    "ChangeKind",
    "ChangeRow",
    "Damage",
    "Effect",
    "EventRow",
    "Fact",
    "Finding",
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
    "NewRecord",
    "Page",
    "Place",
    "Position",
    "Query",
    "RecordRow",
    "RootKeySource",
    "RootKeys",
    "RootVersion",
    "SaltDirectory",
    "SaltStore",
    "Scope",
    "Stage",
    "Store",
    "SubjectKind",
    "Transaction",
    "Verb",
    "add_root_version",
    "back_up",
    "check_database",
    "count_stale_tags",
    "count_verified",
    "create_database",
    "current_revision",
    "finish_erasures",
    "public_half",
    "remove_root_version",
    "require_version",
    "reseal_others",
    "reseal_records",
    "restore",
    "retag_rows",
    "root_versions",
    "upgrade",
    "verify",
]
