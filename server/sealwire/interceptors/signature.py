"""Steps 2 to 10: from hostile bytes to a verified sender.

The step numbers are those of docs/protocol.md section 4. A function returns what it proved, or
raises; there is no verdict to forget.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from sealwire.core.clock import Clock
from sealwire.core.envelope import parse_envelope, verify_request
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import PublicKey
from sealwire.core.policy import MethodPolicy
from sealwire.core.requests import (
    TimeWindow,
    check_continuation,
    check_statement,
    parse_statement,
)
from sealwire.core.responses import PRESENTED_KEY_METADATA_KEY
from sealwire.core.spiffe import TrustDomain
from sealwire.core.streams import StreamChain
from sealwire.interceptors.identity import (
    Applicant,
    Binding,
    Caller,
    EnrolledKey,
    KeyDirectory,
)
from sealwire.interceptors.issuers import AnyIssuer, CertificatePolicy
from sealwire.interceptors.transport import Connection, Peer, authenticate_transport
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage

# Stands in for unknown keys. RFC 8032 section 7.1, test 1.
_DECOY: Final = PublicKey.from_bytes(
    bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
)

Metadata = Iterable[tuple[str, str | bytes]]


class IncomingCall(Connection, Protocol):
    """What authentication reads of a gRPC servicer context."""

    def invocation_metadata(self) -> Metadata | None:
        """Return the metadata that the client sent."""
        ...


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Decides, for one audience, whether a request is authentic and whose it is.

    `certificates` is asked about the client certificate at every message. Its default leaves it at
    what TLS verified when the connection opened.
    """

    audience: str
    trust_domain: TrustDomain
    keys: KeyDirectory
    clock: Clock
    window: TimeWindow
    binding: Binding = Binding.STRICT
    certificates: CertificatePolicy = field(default_factory=AnyIssuer)

    async def authenticate(
        self, data: bytes, method: MethodPolicy, call: IncomingCall
    ) -> tuple[SignedMessage, RequestStatement, Caller | Applicant]:
        """Return what a call's first message is, states, and who sent it.

        Raises:
            MalformedError: for bytes that no conforming client sends.
            AuthenticationError: naming, for the log, the first step that fails.
        """
        now = self.clock()
        peer = authenticate_transport(call, now=now)  # 1
        self.certificates.check(peer, now=now)
        signed = parse_envelope(data)  # 2
        known = await self._find_key(signed, method, call, now=now)  # 3
        if known is None:
            with contextlib.suppress(AuthenticationError):  # to cost what a known key costs
                verify_request(signed, _DECOY)
            raise AuthenticationError("The key id is not known, or the key is not active.")
        verify_request(signed, known.public_key)  # 4
        statement = parse_statement(signed.payload)  # 5
        check_statement(  # 6, 7, 8, 9
            statement,
            public_key_id=known.public_key.key_id,
            method=method.path,
            audience=self.audience,
            now=now,
            window=self.window,
        )
        return signed, statement, self._bind(known, peer)  # 10

    async def authenticate_next(
        self, data: bytes, first: RequestStatement, sender: Caller | Applicant, chain: StreamChain
    ) -> tuple[SignedMessage, RequestStatement]:
        """Return what a later message of a stream is and states, and move `chain` on."""
        signed = parse_envelope(data)
        await self.check_again(sender)
        verify_request(signed, sender.public_key)
        statement = parse_statement(signed.payload)
        if signed.public_key_id != first.public_key_id:
            raise AuthenticationError("A message of the stream names another key.")
        check_continuation(first, statement)
        chain.check(statement.stream)
        chain.advance(signed.payload, statement.stream)
        return signed, statement

    async def check_again(self, sender: Caller | Applicant) -> None:
        """Return if what was verified of a stream's sender holds still: key and certificate.

        Asked before each later message is handled, and before each answer of a stream is sent.

        Raises:
            AuthenticationError: if one of them has ended, or the key is somebody else's.
        """
        now = self.clock()
        sender.peer.require_valid(now=now)
        self.certificates.check(sender.peer, now=now)
        if isinstance(sender, Applicant):
            return
        known = await self.keys.find(sender.public_key.key_id)
        if known is None or known.has_expired(now=now):
            raise AuthenticationError("The key is not active any more.")
        if (known.identity, known.public_key) != (sender.identity, sender.public_key):
            raise AuthenticationError("The key does not belong to the sender any more.")
        self._require_bound(known, sender.peer)

    async def _find_key(
        self, signed: SignedMessage, method: MethodPolicy, call: IncomingCall, *, now: int
    ) -> EnrolledKey | PresentedKey | None:
        if not method.presented_signer:
            enrolled = await self.keys.find(signed.public_key_id)
            return None if enrolled is None or enrolled.has_expired(now=now) else enrolled
        presented = PresentedKey(PublicKey.from_bytes(_presented_bytes(call)))
        return presented if presented.public_key.key_id == signed.public_key_id else None

    def _bind(self, known: EnrolledKey | PresentedKey, peer: Peer) -> Caller | Applicant:
        """Step 10: return the sender if the TLS certificate was issued for this use."""
        if isinstance(known, EnrolledKey):
            self._require_bound(known, peer)
            return Caller(known.identity, known.public_key, peer)
        invitation_id = self.trust_domain.invitation_id(peer.uri)
        if invitation_id is None and self.binding is not Binding.REGISTERED:
            raise AuthenticationError("The client certificate is not an invitation's.")
        return Applicant(known.public_key, peer, invitation_id)

    def _require_bound(self, known: EnrolledKey, peer: Peer) -> None:
        uri = known.certificate_uri if self.binding is Binding.REGISTERED else None
        if peer.uri != (uri or self.trust_domain.key_uri(known.public_key.key_id)):
            raise AuthenticationError("The client certificate belongs to another key.")
        if peer.serial in known.revoked_certificates:
            raise AuthenticationError("The client certificate is revoked.")


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key that came with the request; only its form is known to be good."""

    public_key: PublicKey


def _presented_bytes(call: IncomingCall) -> bytes:
    values = [v for k, v in call.invocation_metadata() or () if k == PRESENTED_KEY_METADATA_KEY]
    if len(values) != 1 or not isinstance(values[0], bytes):
        raise MalformedError(f"The metadata entry {PRESENTED_KEY_METADATA_KEY} must be there once.")
    return values[0]
