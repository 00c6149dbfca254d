"""IdentityService: enrolment by invitation, and who a caller is."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from sealwire.core.clock import Clock
from sealwire.core.envelope import digest
from sealwire.core.errors import AuthenticationError
from sealwire.core.pki import CertificateAuthority, Validity, requested_key
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors import Applicant, Call
from sealwire.server.permissions import require_enrolled
from sealwire.storage import IdentityRow, NewIdentity, Store, Transaction
from sealwire.v1.identity_pb2 import (
    EnrollRequest,
    EnrollResponse,
    Identity,
    WhoAmIRequest,
    WhoAmIResponse,
)
from sealwire.v1.identity_pb2_grpc import IdentityServiceServicer


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """Issues the TLS certificates of enrolled keys."""

    authority: CertificateAuthority
    trust_domain: TrustDomain
    days: int

    def issue(self, certificate_request: bytes, public_key_id: str, *, now: int) -> bytes:
        """Return a certificate, DER, for the request's key, bound to `public_key_id`.

        Raises:
            MalformedError: if the request is none, or not for an ECDSA P-256 key.
        """
        certificate = self.authority.issue_client(
            requested_key(certificate_request),
            self.trust_domain.key_uri(public_key_id),
            validity=Validity(now, self.days),
        )
        return certificate.public_bytes(serialization.Encoding.DER)


class IdentityService(IdentityServiceServicer):
    """Identities, their keys and their certificates."""

    def __init__(self, store: Store, certificates: ClientCertificates, clock: Clock) -> None:
        """Serve the identities in `store`."""
        self._store = store
        self._certificates = certificates
        self._clock = clock

    async def Enroll(self, request: EnrollRequest, call: Call) -> EnrollResponse:
        """Make an identity of an invitation's name for the key that signed the request.

        The signature proves possession of the key, the token the right to the name, and the
        invitation's certificate ties the connection to the token. All of it happens, or nothing.
        The key that spent an invitation may repeat itself until the invitation ends, so that a lost
        answer costs nothing; any other key is refused.
        """
        applicant = call.applicant
        if request.invitation_id != applicant.invitation_id:
            raise AuthenticationError("The invitation is not the bootstrap certificate's.")
        now = self._clock()
        key_id = applicant.public_key.key_id
        certificate = self._certificates.issue(request.certificate_request, key_id, now=now)
        identity = await self._store.write(lambda tx: _enroll(tx, request, applicant, now))
        return EnrollResponse(identity=_identity(identity, key_id), certificate=certificate)

    async def WhoAmI(self, _request: WhoAmIRequest, call: Call) -> WhoAmIResponse:
        """Return the identity that the signing key belongs to."""
        identity_id = require_enrolled(call)
        identity = await self._store.read(lambda tx: tx.identities.find(identity_id))
        if identity is None:
            raise AuthenticationError("The key's identity does not exist any more.")
        return WhoAmIResponse(identity=_identity(identity, call.caller.public_key.key_id))

    async def CreateInvitation(self, _r: object, _c: Call) -> object:
        raise NotImplementedError

    ListIdentities = GetIdentity = UpdateIdentity = RemoveIdentity = CreateInvitation


def _enroll(tx: Transaction, request: EnrollRequest, applicant: Applicant, now: int) -> IdentityRow:
    token_digest = digest(request.token)
    known = tx.identities.find_by_key(applicant.public_key.key_id)
    if known is not None:
        # The answer to the first attempt was lost: same key, same invitation, same identity.
        identity, _ = known
        tx.invitations.require_spent_on(
            identity.id, invitation_id=request.invitation_id, token_digest=token_digest, now=now
        )
        return identity
    invitation = tx.invitations.take(request.invitation_id, token_digest=token_digest, now=now)
    new = NewIdentity(invitation.name, invitation.role, applicant.public_key)
    identity = tx.identities.create(new, now)
    tx.invitations.finish(invitation.id, identity_id=identity.id)
    return identity


def _identity(row: IdentityRow, public_key_id: str) -> Identity:
    return Identity(
        id=row.id,
        name=row.name,
        role=row.role,
        public_key_id=public_key_id,
        created_at=row.created_at,
    )
