"""Invitations, and what comes of them: members of a real deployment."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from cryptography import x509
from google.protobuf.message import Message

from sealwire.client import AsyncClient, Client, TlsIdentity
from sealwire.core.clock import Clock, system_clock
from sealwire.core.invitation import Invitation, ServerIdentity
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import certificate_pem, certificate_request, new_tls_key, tls_key_pem
from sealwire.core.requests import RequestFactory
from sealwire.server.deployment import Deployment
from sealwire.server.invitations import write_invitation
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.identity_pb2 import Identity

TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with an identity: the keys, the certificate, and where the server is."""

    identity: Identity
    key: PrivateKey
    tls: TlsIdentity
    server: ServerIdentity
    clock: Clock = system_clock

    def client(self) -> Client:
        """Return the blocking client."""
        return Client(self.server, self.key, self.tls, clock=self.clock, timeout=TIMEOUT)

    def async_client(self) -> AsyncClient:
        """Return the asyncio client; call inside a running loop."""
        return AsyncClient(self.server, self.key, self.tls, clock=self.clock, timeout=TIMEOUT)

    def signed(self, path: str, request: Message) -> SignedMessage:
        """Return a request of this member's, as the client would send it."""
        return self.signed_bytes(path, request.SerializeToString())

    def signed_bytes(self, path: str, body: bytes) -> SignedMessage:
        """Return a signed request whose body may be anything."""
        return RequestFactory(self.key, self.server.audience, self.clock, os.urandom).unary(
            path, body
        )

    def at(self, server: ServerIdentity) -> Member:
        """Return the same member at the same deployment, served somewhere else."""
        return dataclasses.replace(self, server=server)


def invite(
    deployment: Deployment,
    name: str,
    *,
    role: str = "member",
    valid_hours: float = 24,
    clock: Clock = system_clock,
) -> Invitation:
    """Return a new invitation, made beside the running server as the operator's command does."""
    return write_invitation(
        deployment, name, role=role, valid_hours=valid_hours, clock=clock, random=os.urandom
    )


def enrol(
    invitation: Invitation,
    *,
    key: PrivateKey | None = None,
    tls: TlsIdentity | None = None,
    clock: Clock = system_clock,
) -> Member:
    """Return the member that an invitation becomes, for a new key unless one is given."""
    key, tls_key = key or PrivateKey.generate(os.urandom), new_tls_key()
    shown = tls or bootstrap(invitation)
    with Client(invitation.server, key, shown, clock=clock, timeout=TIMEOUT) as client:
        answer = client.enroll(invitation, certificate_request(tls_key))
    certificate = x509.load_der_x509_certificate(answer.certificate)
    own = TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key))
    return Member(answer.identity, key, own, invitation.server, clock)


def bootstrap(invitation: Invitation) -> TlsIdentity:
    """Return what an invitation lets its holder connect with."""
    return TlsIdentity(
        invitation.certificate_pem.encode("ascii"), invitation.certificate_key_pem.encode("ascii")
    )
