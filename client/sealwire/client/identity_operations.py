"""`client.identities`: who there is, who may join, and who may go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sealwire.client.operations import Asyncio, Blocking, Call, Listing, listing, operation
from sealwire.v1.identity_pb2 import (
    CreateInvitationRequest,
    EraseIdentityRequest,
    GetIdentityRequest,
    GetIdentityResponse,
    Identity,
    IdentityState,
    Labels,
    ListIdentitiesRequest,
    RemoveIdentityRequest,
    UpdateIdentityRequest,
)

_SERVICE: Final = "/sealwire.v1.IdentityService"
DAY_SECONDS: Final = 24 * 60 * 60


class IdentityOperations:
    """An identity is named by its name, or by the id of one of its keys.

    All but `get` of oneself are for admins; others get ForbiddenError. What would leave the
    deployment without an admin is a PreconditionError.
    """

    @listing
    def list(self, *, page_size: int = 0) -> Listing[Identity]:
        """Yield the identities in the order of their names, fetching pages as needed."""
        request = ListIdentitiesRequest(page_size=page_size)
        return Listing(f"{_SERVICE}/ListIdentities", request, lambda page: page.identities)

    @operation
    def get(self, identity: str) -> Call[GetIdentityResponse]:
        """Return an identity, its groups, and what happened to it, latest first."""
        request = GetIdentityRequest(identity=identity)
        return Call(f"{_SERVICE}/GetIdentity", request, lambda answer: answer)

    @operation
    def invite(
        self, name: str, *, role: str = "member", valid_seconds: int = DAY_SECONDS
    ) -> Call[bytes]:
        """Return an invitation for a new identity: the contents of a file, and a secret.

        `role` is "admin" or "member"; it is good for one use, for at most 30 days.
        """
        request = CreateInvitationRequest(name=name, role=role, valid_seconds=valid_seconds)
        return Call(f"{_SERVICE}/CreateInvitation", request, lambda answer: answer.invitation)

    @operation
    def recover(self, identity: str, *, valid_seconds: int = DAY_SECONDS) -> Call[bytes]:
        """Return an invitation for an identity whose key is lost: as secret as the identity.

        Whoever uses it becomes the identity, and its keys are revoked then.
        """
        request = CreateInvitationRequest(name=identity, valid_seconds=valid_seconds, recover=True)
        return Call(f"{_SERVICE}/CreateInvitation", request, lambda answer: answer.invitation)

    @operation
    def suspend(self, identity: str) -> Call[Identity]:
        """Refuse whatever the identity signs, from now until it is resumed."""
        return _update(identity, state=IdentityState.IDENTITY_STATE_SUSPENDED)

    @operation
    def resume(self, identity: str) -> Call[Identity]:
        """Accept again what a suspended identity signs."""
        return _update(identity, state=IdentityState.IDENTITY_STATE_ACTIVE)

    @operation
    def promote(self, identity: str) -> Call[Identity]:
        """Make the identity an admin: it manages identities, and reads no records by that."""
        return _update(identity, role="admin")

    @operation
    def demote(self, identity: str) -> Call[Identity]:
        """Make the identity a member."""
        return _update(identity, role="member")

    @operation
    def set_labels(self, identity: str, labels: Mapping[str, str]) -> Call[Identity]:
        """Give the identity these labels, in the place of all that it has.

        At most 64; keys and values of at most 256 bytes.
        """
        return _update(identity, labels=Labels(entries=labels))

    @operation
    def remove(self, identity: str) -> Call[Identity]:
        """Remove the identity for good: its keys, memberships and grants end.

        What it sealed stays.
        """
        request = RemoveIdentityRequest(identity=identity)
        return Call(f"{_SERVICE}/RemoveIdentity", request, lambda answer: answer.identity)

    @operation
    def erase(self, identity: str) -> Call[Identity]:
        """Remove the identity, unless it is, and make whatever was sealed to it unreadable.

        That is every record in the namespaces that it made, whoever put it there; in copies of the
        database, too, but not where somebody copied its salt (docs/sealing.md section 2.4).
        """
        request = EraseIdentityRequest(identity=identity)
        return Call(f"{_SERVICE}/EraseIdentity", request, lambda answer: answer.identity)


class Identities(IdentityOperations, Blocking):
    """The identities of a deployment, for `Client`."""


class AsyncIdentities(IdentityOperations, Asyncio):
    """The identities of a deployment, for `AsyncClient`."""


def _update(
    identity: str,
    *,
    state: IdentityState | None = None,
    role: str | None = None,
    labels: Labels | None = None,
) -> Call[Identity]:
    request = UpdateIdentityRequest(identity=identity, state=state, role=role, labels=labels)
    return Call(f"{_SERVICE}/UpdateIdentity", request, lambda answer: answer.identity)
