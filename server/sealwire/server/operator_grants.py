"""A grant by the operator's own hand: for a namespace in which nobody is left who could grant.

It gives the operator nothing new, who holds the root key and the database.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sealwire.core.clock import Clock
from sealwire.core.names import check_namespace
from sealwire.server.claims import allow
from sealwire.server.deployment import Deployment
from sealwire.server.invitations import open_store
from sealwire.server.naming import existing, find_present
from sealwire.storage import (
    EventRow,
    IdentityRow,
    Transaction,
    Verb,
)


def grant(
    deployment: Deployment, named: str, verbs: Sequence[Verb], namespace: str, *, clock: Clock
) -> IdentityRow:
    """Allow an identity, given by name or key id, verbs in a namespace and below it.

    Raises:
        MalformedError: if the namespace has not the form of one.
        NotFoundError: if there is no such identity, or it was removed.
    """
    check_namespace(namespace)
    now = clock()

    def unit(tx: Transaction) -> IdentityRow:
        identity = existing(find_present(tx, named), f"the name or key {named!r}")
        allow(tx, verbs, namespace, identity_id=identity.id, now=now)
        detail = f"{','.join(verbs)} {namespace}"
        tx.events.add(EventRow(identity.id, now, "operator.granted", None, None, detail))
        return identity

    with open_store(deployment, random=os.urandom) as store:
        return store.write_blocking(unit)
