"""Invitations: each can be taken once, and whoever fails to take one does not learn why."""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Collection
from typing import Final

from sealwire.core.errors import AlreadyExistsError, AuthenticationError
from sealwire.storage.authority import Authority
from sealwire.storage.rows import InvitationRow
from sealwire.storage.schema import invitations
from sealwire.storage.tagging import INVITATIONS

_NO_DIGEST: Final = b""


class Invitations:
    """The invitations, as one transaction sees them."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def create(self, invitation: InvitationRow) -> None:
        """Add an invitation.

        Raises:
            AlreadyExistsError: if one of this id exists.
        """
        if not self._authority.insert(INVITATIONS, dataclasses.asdict(invitation)):
            raise AlreadyExistsError("An invitation of this id exists already.")

    def take(self, invitation_id: str, *, token_digest: bytes, now: int) -> InvitationRow:
        """Mark the invitation used, and return it; the unit's rollback makes it unused again.

        Raises:
            AuthenticationError: with one same text, if it is unknown, used, expired, or the
                digest of its token is another.
        """
        invitation = self._find(invitation_id, token_digest, now)
        if invitation.used_at is not None:
            raise _refusal()
        return self._replace(invitation, used_at=now)

    def require_spent_on(
        self, identity_id: str, *, invitation_id: str, token_digest: bytes, now: int
    ) -> None:
        """Return if the invitation became `identity_id`, and would still be good otherwise.

        Raises:
            AuthenticationError: with the text that `take` uses, if not.
        """
        if self._find(invitation_id, token_digest, now).identity_id != identity_id:
            raise _refusal()

    def drop_recoveries(self, identity_id: str) -> None:
        """Make every unused invitation worthless that would recover this identity."""
        self._authority.delete(
            INVITATIONS, invitations.c.recovers == identity_id, invitations.c.used_at.is_(None)
        )

    def drop_made_by(self, key_ids: Collection[str]) -> None:
        """Make every unused invitation worthless that one of these keys was used to make."""
        self._authority.delete(
            INVITATIONS, invitations.c.made_by.in_(key_ids), invitations.c.used_at.is_(None)
        )

    def finish(self, invitation: InvitationRow, *, identity_id: str) -> None:
        """Note which identity the invitation became."""
        self._replace(invitation, identity_id=identity_id)

    def _replace(self, invitation: InvitationRow, **changes: object) -> InvitationRow:
        row = dataclasses.asdict(invitation)
        return InvitationRow(**self._authority.replace(INVITATIONS, row, **changes))

    def _find(self, invitation_id: str, token_digest: bytes, now: int) -> InvitationRow:
        found = self._authority.first(INVITATIONS, invitations.c.id == invitation_id)
        invitation = None if found is None else InvitationRow(**found)
        digest = _NO_DIGEST if invitation is None else invitation.token_digest
        matches = hmac.compare_digest(digest, token_digest)
        if invitation is None or not matches or now >= invitation.expires_at:
            raise _refusal()
        return invitation


def _refusal() -> AuthenticationError:
    return AuthenticationError(
        "The invitation is unknown, used up or expired, or this is not its token; "
        "ask for a new one."
    )
