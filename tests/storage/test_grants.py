"""Grants in the file: what was altered there is refused. What grants mean: suite/test_grants.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealwire.core.errors import SealError
from sealwire.storage import Effect, GrantRow, Scope, Store, SubjectKind, Verb
from tests.storage.builders import NOW, plain

GRANT = GrantRow(
    subject_kind=SubjectKind.IDENTITY,
    subject_id="alice",
    verb=Verb.READ,
    namespace="team",
    scope=Scope.SUBTREE,
    effect=Effect.ALLOW,
    expires_at=NOW + 1,
    granted_by=None,
    created_at=NOW,
)


@pytest.mark.parametrize(
    "change",
    [
        "subject_id = 'bob'",
        "namespace = 'other'",
        "scope = 'exact'",
        "effect = 'deny'",
        "verb = 'admin'",
        "expires_at = NULL",
        "granted_by = 'mallory'",
        "tag = x''",
    ],
)
def test_a_grant_that_was_altered_in_the_file_is_refused_and_never_followed(
    store: Store, database: Path, change: str
) -> None:
    store.write_blocking(lambda tx: tx.grants.put(GRANT))
    with plain(database) as connection:
        connection.execute(f"UPDATE grants SET {change}")  # noqa: S608
    with pytest.raises(SealError):
        store.read_blocking(
            lambda tx: [
                *tx.grants.covering("team", subjects=["alice", "bob"]),
                *tx.grants.covering("other", subjects=["alice", "bob"]),
            ]
        )
