"""Enrolments by hand: with any key, any certificate, and any token."""

from __future__ import annotations

import dataclasses
import os

from sealwire.client import TlsIdentity
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import (
    Validity,
    certificate_pem,
    certificate_request,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.requests import RequestFactory
from sealwire.server.invitations import write_recovery
from sealwire.v1.envelope_pb2 import ResponseStatement, Status
from sealwire.v1.identity_pb2 import EnrollRequest
from tests.server.keyring import new_key
from tests.server.members import bootstrap
from tests.server.served import Served
from tests.server.wire import ENROLL, wire


def apply(
    house: Served,
    invitation: Invitation,
    *,
    key: PrivateKey | None = None,
    tls: TlsIdentity | None = None,
    request: bytes | None = None,
    presented: bytes | None = None,
) -> ResponseStatement:
    """Return what the server signs for an enrolment: by a new key, unless it is said otherwise."""
    key = key or new_key()
    body = EnrollRequest(
        invitation_id=invitation.invitation_id,
        token=invitation.token,
        certificate_request=certificate_request(new_tls_key()) if request is None else request,
    )
    requests = RequestFactory(key, house.identity.audience, house.clock, os.urandom)
    signed = requests.unary(ENROLL, body.SerializeToString())
    with wire(house.identity, tls or bootstrap(invitation)) as line:
        return line.answer(ENROLL, signed, presented=presented or key.public_key.raw)


def refusal(
    house: Served,
    invitation: Invitation,
    *,
    key: PrivateKey | None = None,
    tls: TlsIdentity | None = None,
    request: bytes | None = None,
    presented: bytes | None = None,
) -> Status:
    """Return the status that the server signs for an enrolment that it must refuse."""
    statement = apply(house, invitation, key=key, tls=tls, request=request, presented=presented)
    assert statement.HasField("status"), "the server accepted what it must refuse"
    return statement.status


def certificate_for(house: Served, invitation_id: str) -> TlsIdentity:
    """Return a bootstrap certificate that outlives every invitation."""
    return certificate_named(house, house.deployment.trust_domain.invitation_uri(invitation_id))


def certificate_named(house: Served, uri: str) -> TlsIdentity:
    """Return a certificate of the deployment's own CA, with any name."""
    key = new_tls_key()
    issued = house.deployment.authority.issue_client(
        key.public_key(), uri, validity=Validity(house.clock(), days=60)
    )
    return TlsIdentity(certificate_pem(issued), tls_key_pem(key))


def received(house: Served, data: bytes) -> Invitation:
    """Return the invitation in a file, as good at the port that the server was given."""
    return dataclasses.replace(Invitation.from_json(data), server=house.identity)


def recovery(house: Served, named: str) -> Invitation:
    """Return an invitation of the operator's for an identity whose key is lost."""
    return write_recovery(
        house.deployment, named, valid_hours=24, clock=house.clock, random=os.urandom
    )
