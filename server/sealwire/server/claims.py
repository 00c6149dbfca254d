"""Rights that nobody passed on: the first writer's claim, and what the operator gives."""

from __future__ import annotations

from collections.abc import Iterable

from sealwire.storage import Effect, GrantRow, Scope, SubjectKind, Transaction, Verb


def claim(tx: Transaction, namespace: str, *, identity_id: str, now: int) -> None:
    """Allow an identity everything in a namespace and below it."""
    allow(tx, Verb, namespace, identity_id=identity_id, now=now)


def allow(
    tx: Transaction, verbs: Iterable[Verb], namespace: str, *, identity_id: str, now: int
) -> None:
    """Allow an identity verbs in a namespace and below it, without an end."""
    for verb in verbs:
        tx.grants.put(
            GrantRow(
                subject_kind=SubjectKind.IDENTITY,
                subject_id=identity_id,
                verb=verb,
                namespace=namespace,
                scope=Scope.SUBTREE,
                effect=Effect.ALLOW,
                expires_at=None,
                granted_by=None,
                created_at=now,
            )
        )
