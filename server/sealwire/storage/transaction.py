"""What a unit of work is given."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sealwire.storage.authority import Authority
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.changes import Changes
from sealwire.storage.events import Events
from sealwire.storage.grants import Grants
from sealwire.storage.groups import Groups
from sealwire.storage.headers import Headers
from sealwire.storage.identities import Identities
from sealwire.storage.invitations import Invitations
from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.keys import Keys
from sealwire.storage.namespaces import Namespaces
from sealwire.storage.records import Records
from sealwire.storage.tagging import AuthorityTags


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything in the store, as one transaction sees it; of no use after the unit has ended."""

    authority: Authority
    identities: Identities
    keys: Keys
    events: Events
    invitations: Invitations
    groups: Groups
    grants: Grants
    namespaces: Namespaces
    records: Records
    headers: Headers

    @classmethod
    def over(
        cls,
        connection: Connection,
        barrier: SealingBarrier,
        tags: AuthorityTags,
        journal: AuthorityJournal,
    ) -> Transaction:
        """Return the view through `connection`, whose BEGIN and COMMIT somebody else says."""
        authority = Authority(connection, tags, Changes(connection, journal), barrier.random)
        keys = Keys(connection, authority)
        identities = Identities(connection, authority, keys, barrier.random)
        return cls(
            authority=authority,
            identities=identities,
            keys=keys,
            events=Events(connection),
            invitations=Invitations(authority),
            groups=Groups(connection, authority, barrier.random),
            grants=Grants(connection, authority),
            namespaces=Namespaces(connection, tags),
            records=Records(
                connection, authority, barrier=barrier, identities=identities, keys=keys
            ),
            headers=Headers(connection, barrier=barrier, keys=keys),
        )
