"""What an identity does with its keys and certificates: step by step, so that a test may stop."""

from __future__ import annotations

import dataclasses
import os
from typing import TypeVar

from cryptography import x509
from google.protobuf.message import Message

from sealwire.client import TlsIdentity
from sealwire.core.keys import PrivateKey, Signer
from sealwire.core.pki import certificate_pem, certificate_request, new_tls_key, tls_key_pem
from sealwire.core.rotation import rotation_proof
from sealwire.v1.envelope_pb2 import ResponseStatement
from sealwire.v1.identity_pb2 import WhoAmIRequest
from sealwire.v1.keys_pb2 import NextKey
from tests.server.members import Member
from tests.server.wire import WHOAMI, Wire

M = TypeVar("M", bound=Message)


def new_key() -> PrivateKey:
    """Return a key that nobody has."""
    return PrivateKey.generate(os.urandom)


def proof(
    key: Signer, member: Member, *, audience: str | None = None, old: str | None = None
) -> NextKey:
    """Return the proof that `key` follows the member's, or what differs from it as said."""
    return rotation_proof(
        key,
        audience=member.server.audience if audience is None else audience,
        old_public_key_id=member.key.public_key.key_id if old is None else old,
    )


def certified(member: Member, key: PrivateKey | None = None) -> Member:
    """Return the member with the key that is to follow, and its certificate; it isn't active."""
    key = key or new_key()
    return _renewed(dataclasses.replace(member, key=key), member, proof(key, member))


def renewed(member: Member) -> Member:
    """Return the member with another certificate."""
    return _renewed(member, member, None)


def rotated(member: Member, key: PrivateKey | None = None) -> Member:
    """Return the member with a new key, which is active; the one before is refused."""
    after = certified(member, key)
    with member.client() as client:
        client.keys.rotate(proof(after.key, member))
    return after


def certificate(member: Member) -> x509.Certificate:
    """Return the certificate that a member connects with."""
    return x509.load_pem_x509_certificate(member.tls.certificate_pem)


def serial(member: Member) -> str:
    """Return its serial number, as the contract writes it."""
    return f"{certificate(member).serial_number:x}"


def ask(line: Wire, member: Member) -> ResponseStatement:
    """Return what the server answers to WhoAmI: a body, or a status."""
    return line.answer(WHOAMI, member.signed(WHOAMI, WhoAmIRequest()))


def works(line: Wire, member: Member) -> bool:
    """Tell whether the member is let in over this connection."""
    return ask(line, member).HasField("body")


def answered(line: Wire, member: Member, path: str, request: Message, kind: type[M]) -> M:
    """Return the server's answer, which must not be a refusal."""
    statement = line.answer(path, member.signed(path, request))
    assert statement.HasField("body"), statement.status
    return kind.FromString(statement.body)


def _renewed(holder: Member, signer: Member, next_key: NextKey | None) -> Member:
    tls_key = new_tls_key()
    with signer.client() as client:
        answer = client.keys.renew_certificate(certificate_request(tls_key), next_key=next_key)
    issued = certificate_pem(x509.load_der_x509_certificate(answer.certificate))
    return dataclasses.replace(holder, tls=TlsIdentity(issued, tls_key_pem(tls_key)))
