"""What a unit of work is given."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sealwire.storage.answers import Answers
from sealwire.storage.authority import Authority
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.changes import Changes
from sealwire.storage.engine import driver_connection
from sealwire.storage.events import Events
from sealwire.storage.grants import Grants
from sealwire.storage.groups import Groups
from sealwire.storage.headers import Headers
from sealwire.storage.housekeeping import Housekeeping
from sealwire.storage.identities import Identities
from sealwire.storage.inspection import Inspection
from sealwire.storage.invitations import Invitations
from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.keys import Keys
from sealwire.storage.listing import Listing
from sealwire.storage.namespaces import Namespaces
from sealwire.storage.owners import Owners
from sealwire.storage.record_changes import RecordChanges
from sealwire.storage.records import Records
from sealwire.storage.retention import Retention
from sealwire.storage.sealer import Opener
from sealwire.storage.tagging import AuthorityTags
from sealwire.storage.versions import Versions


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
    listing: Listing
    changes: RecordChanges
    answers: Answers
    headers: Headers
    housekeeping: Housekeeping
    retention: Retention
    inspection: Inspection

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
        driver = driver_connection(connection)
        keys = Keys(connection, authority)
        identities = Identities(connection, authority, keys, barrier)
        owners = Owners(barrier, identities=identities, keys=keys)
        namespaces = Namespaces(connection, tags, owners)
        housekeeping = Housekeeping(driver, namespaces=namespaces, identities=identities)
        return cls(
            authority=authority,
            identities=identities,
            keys=keys,
            events=Events(connection),
            invitations=Invitations(authority),
            groups=Groups(connection, authority, barrier.random),
            grants=Grants(connection, authority),
            namespaces=namespaces,
            records=Records(driver, owners),
            listing=Listing(Versions(driver), Opener(owners)),
            changes=RecordChanges(driver),
            answers=Answers(driver, owners),
            headers=Headers(connection, barrier=barrier, keys=keys),
            housekeeping=housekeeping,
            retention=Retention(driver, namespaces=namespaces, housekeeping=housekeeping),
            inspection=Inspection(connection, barrier, owners),
        )
