"""Enrolment: what an invitation, and a key that proves its possession, become."""

from __future__ import annotations

from dataclasses import dataclass

from sealwire.core.envelope import digest
from sealwire.core.errors import AuthenticationError, SealError
from sealwire.core.keys import PublicKey
from sealwire.server.identity_changes import require_present
from sealwire.server.last_admin import keeping_an_admin
from sealwire.storage import (
    ADMIN_ROLE,
    EventRow,
    IdentityRow,
    IdentityState,
    InvitationRow,
    KeyRow,
    KeyState,
    NewIdentity,
    Transaction,
)


@dataclass(frozen=True, slots=True)
class Application:
    """What a newcomer shows. `certificate_uri` names an outside PKI's certificate, if there is one.

    The signature over the request has proved possession of the key.
    """

    invitation_id: str
    token: bytes
    public_key: PublicKey
    certificate_uri: str | None


def enrol(tx: Transaction, application: Application, *, now: int) -> IdentityRow:
    """Return the identity that the invitation becomes, for the application's key.

    Whoever spent an invitation may repeat that until the invitation ends, so that a lost answer
    costs nothing; anybody else is refused. Who is recovered while suspended stays so.

    Raises:
        AuthenticationError: if the invitation is not good, its maker may not invite any more, or
            the key is somebody's.
        AlreadyExistsError: if the name was taken meanwhile.
        StatusError: FAILED_PRECONDITION, if who is to be recovered was removed.
    """
    token_digest = digest(application.token)
    known = tx.identities.find_by_key(application.public_key.key_id)
    if known is not None:
        identity, key = known
        tx.invitations.require_spent_on(
            identity.id, invitation_id=application.invitation_id, token_digest=token_digest, now=now
        )
        _require_unstained(tx, identity, key, now)
        if key.certificate_uri != application.certificate_uri:
            raise AuthenticationError("The key spent this invitation with another certificate.")
        return identity
    invitation = tx.invitations.take(application.invitation_id, token_digest=token_digest, now=now)
    _require_inviter(tx, invitation, now)
    if invitation.recovers is None:
        identity = _create(tx, invitation, application, now)
    else:
        identity = _recover(tx, invitation.recovers, application, now)
    tx.invitations.finish(invitation, identity_id=identity.id)
    return identity


def _require_unstained(tx: Transaction, identity: IdentityRow, key: KeyRow, now: int) -> None:
    """Return if nothing was taken from the identity since it spent its invitation."""
    active = key.is_active(now) and identity.state == IdentityState.ACTIVE
    if not active or tx.keys.revoked_certificates(key.public_key.key_id):
        raise AuthenticationError("The key that spent this invitation may not act any more.")


def _require_inviter(tx: Transaction, invitation: InvitationRow, now: int) -> None:
    """Return if whoever made the invitation might make it still; the operator always may.

    Else an admin who was let go could come back by an invitation made before.
    """
    if invitation.made_by is None:
        return
    found = tx.identities.find_by_key(invitation.made_by)
    if found is None or not _may_invite(tx, *found, now):
        raise AuthenticationError("Who made this invitation may not invite any more.")


def _may_invite(tx: Transaction, inviter: IdentityRow, key: KeyRow, now: int) -> bool:
    """Tell whether an identity is an admin who can act, and did not lose the key that it used."""
    return (
        inviter.state == IdentityState.ACTIVE
        and inviter.role == ADMIN_ROLE
        and key.state != KeyState.REVOKED
        and any(each.is_active(now) for each in tx.keys.of_identity(inviter.id))
    )


def _create(
    tx: Transaction, invitation: InvitationRow, application: Application, now: int
) -> IdentityRow:
    key = application.public_key
    new = NewIdentity(invitation.name, invitation.role, key, application.certificate_uri)
    identity = tx.identities.create(new, now)
    _record(tx, identity, "identity.enrolled", key, now)
    return identity


def _recover(tx: Transaction, identity_id: str, application: Application, now: int) -> IdentityRow:
    """Give an identity whose key is lost a new one; whoever found an old one has no use of it."""
    identity = tx.identities.find(identity_id)
    if identity is None:
        raise SealError("The identity that an invitation recovers is missing.")
    require_present(identity)
    key = application.public_key
    former = tx.keys.of_identity(identity.id)
    tx.invitations.drop_recoveries(identity.id)
    tx.invitations.drop_made_by([old.public_key.key_id for old in former])
    with keeping_an_admin(tx):
        for old in former:
            if old.state == KeyState.ACTIVE:
                tx.keys.end(old, KeyState.REVOKED, now=now)
        tx.keys.add(identity.id, key, now=now, certificate_uri=application.certificate_uri)
    _record(tx, identity, "identity.recovered", key, now)
    return identity


def _record(tx: Transaction, identity: IdentityRow, kind: str, key: PublicKey, now: int) -> None:
    """Write down what the applicant did, who is the identity from now on."""
    tx.events.add(EventRow(identity.id, now, kind, identity.id, key.key_id, key.key_id))
