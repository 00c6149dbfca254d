"""What changes who may do what: one of each kind, on members that every store here begins with."""

from __future__ import annotations

from sealwire.storage import (
    Effect,
    GrantRow,
    IdentityRow,
    InvitationRow,
    KeyRow,
    NewIdentity,
    Scope,
    Store,
    SubjectKind,
    Transaction,
    Verb,
)
from tests.storage.builders import ALICE, BOB, NOW

LATER = NOW + 1_000_000
INVITATION = InvitationRow("invitation-1", b"digest", "carol", "member", NOW, LATER)


def found(tx: Transaction, name: str) -> IdentityRow:
    """Return the identity of a name."""
    row = tx.identities.find_by_name(name)
    assert row is not None
    return row


def key_of(tx: Transaction, name: str) -> KeyRow:
    """Return an identity's newest key."""
    return tx.keys.of_identity(found(tx, name).id)[0]


def grant(
    tx: Transaction,
    name: str,
    verb: Verb = Verb.READ,
    *,
    effect: Effect = Effect.ALLOW,
    expires_at: int | None = None,
) -> GrantRow:
    """Return a grant on team/x to an identity, given by alice."""
    return GrantRow(
        subject_kind=SubjectKind.IDENTITY,
        subject_id=found(tx, name).id,
        verb=verb,
        namespace="team/x",
        scope=Scope.SUBTREE,
        effect=effect,
        expires_at=expires_at,
        granted_by=found(tx, "alice").id,
        created_at=NOW,
    )


def populate(store: Store) -> None:
    """Make alice, an admin, and bob; a group with bob in it, a grant to him, and an invitation."""

    def unit(tx: Transaction) -> None:
        tx.identities.create(NewIdentity("alice", "admin", ALICE.public_key), NOW)
        bob = tx.identities.create(NewIdentity("bob", "admin", BOB.public_key), NOW)
        tx.groups.add_member(tx.groups.create("ops", now=NOW), bob.id, now=NOW)
        tx.grants.put(grant(tx, "bob"))
        tx.invitations.create(INVITATION)

    store.write_blocking(unit)


def sequence(store: Store) -> int:
    """Return how often authority has changed."""
    return store.read_blocking(lambda tx: tx.authority.version().sequence)
