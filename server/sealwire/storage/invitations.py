"""Invitations: each can be taken once, and whoever fails to take one does not learn why."""

from __future__ import annotations

import dataclasses
import hmac
from typing import Final

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import AlreadyExistsError, AuthenticationError
from sealwire.storage.rows import InvitationRow
from sealwire.storage.schema import invitations

_NO_DIGEST: Final = b""
_COLUMNS: Final = tuple(invitations.c[field.name] for field in dataclasses.fields(InvitationRow))
_INSERT = insert(invitations).on_conflict_do_nothing()
_FIND = select(*_COLUMNS).where(invitations.c.id == bindparam("invitation_id"))
_USE = (
    update(invitations)
    .where(invitations.c.id == bindparam("invitation_id"), invitations.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)
_FINISH = (
    update(invitations)
    .where(invitations.c.id == bindparam("invitation_id"))
    .values(identity_id=bindparam("enrolled_id"))
)


class Invitations:
    """The invitations, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, invitation: InvitationRow) -> None:
        """Add an invitation.

        Raises:
            AlreadyExistsError: if one of this id exists.
        """
        added = self._connection.execute(_INSERT, dataclasses.asdict(invitation))
        if added.rowcount != 1:
            raise AlreadyExistsError("An invitation of this id exists already.")

    def take(self, invitation_id: str, *, token_digest: bytes, now: int) -> InvitationRow:
        """Mark the invitation used, and return it; the unit's rollback makes it unused again.

        Raises:
            AuthenticationError: with one same text, if it is unknown, used, expired, or the
                digest of its token is another.
        """
        invitation = self._find(invitation_id, token_digest, now)
        used = self._connection.execute(_USE, {"invitation_id": invitation_id, "now": now})
        if used.rowcount != 1:
            raise _refusal()
        return dataclasses.replace(invitation, used_at=now)

    def require_spent_on(
        self, identity_id: str, *, invitation_id: str, token_digest: bytes, now: int
    ) -> None:
        """Return if the invitation became `identity_id`, and would still be good otherwise.

        Raises:
            AuthenticationError: with the text that `take` uses, if not.
        """
        if self._find(invitation_id, token_digest, now).identity_id != identity_id:
            raise _refusal()

    def finish(self, invitation_id: str, *, identity_id: str) -> None:
        """Note which identity the invitation became."""
        self._connection.execute(
            _FINISH, {"invitation_id": invitation_id, "enrolled_id": identity_id}
        )

    def _find(self, invitation_id: str, token_digest: bytes, now: int) -> InvitationRow:
        found = self._connection.execute(_FIND, {"invitation_id": invitation_id}).first()
        invitation = None if found is None else InvitationRow(*found)
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
