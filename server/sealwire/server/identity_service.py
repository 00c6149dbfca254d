"""IdentityService: how identities come, what becomes of them, and who a caller is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import (
    AuthenticationError,
    MalformedError,
)
from sealwire.core.names import check_identity_name
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import Applicant, Call
from sealwire.server.authorization import Authorization
from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.enrolment import Application, enrol
from sealwire.server.guard import Guard
from sealwire.server.identity_changes import apply_change, erase, remove
from sealwire.server.invitations import Inviter
from sealwire.server.messages import event_messages, identity_message, newest_key_id
from sealwire.server.naming import existing, find_identity
from sealwire.server.pages import page_size, page_token, position
from sealwire.storage import ROLES, IdentityRow
from sealwire.v1.identity_pb2 import (
    CreateInvitationRequest,
    CreateInvitationResponse,
    EnrollRequest,
    EnrollResponse,
    EraseIdentityRequest,
    EraseIdentityResponse,
    GetIdentityRequest,
    GetIdentityResponse,
    Identity,
    ListIdentitiesRequest,
    ListIdentitiesResponse,
    RemoveIdentityRequest,
    RemoveIdentityResponse,
    UpdateIdentityRequest,
    UpdateIdentityResponse,
    WhoAmIRequest,
    WhoAmIResponse,
)
from sealwire.v1.identity_pb2_grpc import IdentityServiceServicer

SHOWN_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class IdentityService(IdentityServiceServicer):
    """Identities, for themselves and for admins."""

    guard: Guard
    certificates: ClientCertificates
    inviter: Inviter

    async def Enroll(self, request: EnrollRequest, call: Call) -> EnrollResponse:
        """Make an identity, or recover one, for the key that signed the request.

        The signature proves possession of the key, the token the right to the name, and the
        invitation's certificate ties the connection to the token. All of it happens, or nothing.
        """
        applicant, now = call.applicant, self.guard.clock()
        application = Application(
            invitation_id=request.invitation_id,
            token=request.token,
            public_key=applicant.public_key,
            certificate_uri=_registered_uri(request, applicant, self.certificates.trust_domain),
        )
        key_id = applicant.public_key.key_id
        # Before the token is looked at: a request that can't be certified spends no invitation.
        certificate = b""
        if application.certificate_uri is None:
            certificate = self.certificates.issue(request.certificate_request, key_id, now=now)
        identity = await self.guard.enrol(call, lambda tx: enrol(tx, application, now=now))
        return EnrollResponse(identity=identity_message(identity, key_id), certificate=certificate)

    async def WhoAmI(self, _request: WhoAmIRequest, call: Call) -> WhoAmIResponse:
        """Return the identity that the signing key belongs to."""
        identity = await self.guard.read(call, lambda auth: auth.enrolled())
        return WhoAmIResponse(identity=identity_message(identity, call.caller.public_key.key_id))

    async def CreateInvitation(
        self, request: CreateInvitationRequest, call: Call
    ) -> CreateInvitationResponse:
        """Invite somebody new, or whoever lost the key of an identity."""
        if not request.recover:
            check_identity_name(request.name)
            if request.role not in ROLES:
                raise MalformedError("A role is admin or member.")
        elif request.role:
            raise MalformedError("An identity that is recovered keeps its role; name none.")

        def unit(auth: Authorization) -> CreateInvitationResponse:
            auth.admin()
            hours = request.valid_seconds / 3600
            key_id = auth.caller.key.public_key.key_id
            if request.recover:
                identity = existing(find_identity(auth.tx, request.name))
                auth.record(identity, "identity.recovery_invited")
                invitation = self.inviter.recover(
                    auth.tx, identity, valid_hours=hours, now=auth.now, made_by=key_id
                )
            else:
                invitation = self.inviter.invite(
                    auth.tx,
                    request.name,
                    role=request.role,
                    valid_hours=hours,
                    now=auth.now,
                    made_by=key_id,
                )
                auth.record(auth.caller.identity, "invitation.created", request.name)
            return CreateInvitationResponse(invitation=invitation.to_json())

        return await self.guard.mutate(call, request, unit)

    async def ListIdentities(
        self, request: ListIdentitiesRequest, call: Call
    ) -> ListIdentitiesResponse:
        """Return a page, in the order of the names' UTF-8 bytes."""
        size, after = page_size(request.page_size), position(request.page_token)

        def unit(auth: Authorization) -> ListIdentitiesResponse:
            auth.admin()
            rows = auth.tx.identities.page(after=after, limit=size + 1)
            page = rows[:size]
            token = page_token(page[-1].name) if len(rows) > size else ""
            return ListIdentitiesResponse(
                identities=[_message(auth, row) for row in page], next_page_token=token
            )

        return await self.guard.read(call, unit)

    async def GetIdentity(self, request: GetIdentityRequest, call: Call) -> GetIdentityResponse:
        """Return an identity, its groups and what happened to it."""

        def unit(auth: Authorization) -> GetIdentityResponse:
            identity = auth.identity(request.identity)
            events = auth.tx.events.latest(identity.id, limit=SHOWN_EVENTS)
            groups = auth.tx.groups.names(auth.tx.groups.of_identity(identity.id))
            return GetIdentityResponse(
                identity=_message(auth, identity),
                groups=sorted(groups.values()),
                events=event_messages(auth.tx, events),
            )

        return await self.guard.read(call, unit)

    async def UpdateIdentity(
        self, request: UpdateIdentityRequest, call: Call
    ) -> UpdateIdentityResponse:
        """Suspend, resume, promote, demote or label."""

        def unit(auth: Authorization) -> UpdateIdentityResponse:
            identity = apply_change(auth, auth.identity(_given(request.identity)), request)
            return UpdateIdentityResponse(identity=_message(auth, identity))

        return await self.guard.mutate(call, request, unit)

    async def RemoveIdentity(
        self, request: RemoveIdentityRequest, call: Call
    ) -> RemoveIdentityResponse:
        """End everything that an identity may do, for good; its name stays taken."""

        def unit(auth: Authorization) -> RemoveIdentityResponse:
            identity = remove(auth, auth.identity(_given(request.identity)))
            return RemoveIdentityResponse(identity=_message(auth, identity))

        return await self.guard.mutate(call, request, unit)

    async def EraseIdentity(
        self, request: EraseIdentityRequest, call: Call
    ) -> EraseIdentityResponse:
        """End an identity, and make unreadable for good whatever was sealed to it."""
        # A caller who hangs up in between must not leave the salt where it is.
        return await asyncio.shield(self._erase(request, call))

    async def _erase(self, request: EraseIdentityRequest, call: Call) -> EraseIdentityResponse:
        def unit(auth: Authorization) -> EraseIdentityResponse:
            identity = erase(auth, auth.identity(_given(request.identity)))
            return EraseIdentityResponse(identity=_message(auth, identity))

        response = await self.guard.mutate(call, request, unit)
        await self.guard.destroy_salt(response.identity.id)
        return response


def _registered_uri(
    request: EnrollRequest, applicant: Applicant, trust_domain: TrustDomain
) -> str | None:
    """Return the name of the outside PKI's certificate that an enrolment came with, if it did.

    Raises:
        AuthenticationError: if the connection's certificate is another invitation's, or another
            key's of this server.
        MalformedError: if an outside certificate comes with a request for one of ours.
    """
    if applicant.invitation_id is not None:
        if request.invitation_id != applicant.invitation_id:
            raise AuthenticationError("The invitation is not the bootstrap certificate's.")
        return None
    if trust_domain.names(applicant.peer.uri):
        raise AuthenticationError("The connection's certificate is not the applicant's.")
    if request.certificate_request:
        raise MalformedError("With a certificate of your own, no certificate can be requested.")
    return applicant.peer.uri


def _given(named: str) -> str:
    if not named:
        raise MalformedError("Name the identity that is to be changed.")
    return named


def _message(auth: Authorization, row: IdentityRow) -> Identity:
    return identity_message(row, newest_key_id(auth.tx, row, now=auth.now))
