"""What a unit of work is given."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.identities import Identities
from sealwire.storage.invitations import Invitations
from sealwire.storage.namespaces import Namespaces
from sealwire.storage.records import Records


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything in the store, as one transaction sees it; of no use after the unit has ended."""

    identities: Identities
    invitations: Invitations
    namespaces: Namespaces
    records: Records

    @classmethod
    def over(cls, connection: Connection, barrier: SealingBarrier) -> Transaction:
        """Return the view through `connection`, whose BEGIN and COMMIT somebody else says."""
        identities = Identities(connection, barrier.random)
        return cls(
            identities=identities,
            invitations=Invitations(connection),
            namespaces=Namespaces(connection),
            records=Records(connection, barrier=barrier, identities=identities),
        )
