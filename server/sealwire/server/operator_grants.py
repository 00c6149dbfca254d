"""A grant by the operator's own hand: for a namespace in which nobody is left who could grant.

It gives the operator nothing new, who holds the root key and the database.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sealwire.core.clock import Clock
from sealwire.core.errors import NotFoundError
from sealwire.core.names import check_namespace
from sealwire.server.authorization import find_identity
from sealwire.server.deployment import Deployment
from sealwire.server.invitations import open_store
from sealwire.storage import (
    Effect,
    EventRow,
    GrantRow,
    IdentityRow,
    IdentityState,
    Scope,
    SubjectKind,
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
        identity = find_identity(tx, named)
        if identity is None or identity.state == IdentityState.REMOVED:
            raise NotFoundError(f"There is no identity of the name or key {named!r}.")
        for verb in verbs:
            tx.grants.put(
                GrantRow(
                    subject_kind=SubjectKind.IDENTITY,
                    subject_id=identity.id,
                    verb=verb,
                    namespace=namespace,
                    scope=Scope.SUBTREE,
                    effect=Effect.ALLOW,
                    expires_at=None,
                    granted_by=None,
                    created_at=now,
                )
            )
        detail = f"{','.join(verbs)} {namespace}"
        tx.events.add(EventRow(identity.id, now, "operator.granted", None, None, detail))
        return identity

    with open_store(deployment, random=os.urandom) as store:
        return store.write_blocking(unit)
