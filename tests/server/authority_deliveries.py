"""Two ways to the handlers: straight to them, as the interceptors call them, and over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from google.protobuf.message import Message

from sealwire.client import TlsIdentity
from sealwire.core.errors import SealwireError
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import Validity, certificate_pem, tls_key_pem
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.core.requests import RequestFactory
from sealwire.interceptors import Applicant, Call, Caller
from sealwire.interceptors.errors import to_status
from sealwire.interceptors.transport import Peer
from sealwire.server.guard import Guard
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage
from tests.server.authority_model import Refused
from tests.server.authority_world import TLS_KEY, Answers, Holder, Somebody
from tests.server.members import bootstrap
from tests.server.registry import Registry
from tests.server.wire import ENROLL, Wire, wire
from tests.support.clocks import AdjustableClock

FOREVER = 2**62


@functools.lru_cache(maxsize=4096)
def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


class NoRpc:
    """What a handler may ask of an RPC where there is none."""

    def time_remaining(self) -> float | None:
        """Return that there is no deadline."""
        return None

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Return that there is no metadata."""
        return None


@dataclass(slots=True, repr=False)
class _Delivery:
    registry: Registry
    clock: AdjustableClock

    @property
    def audience(self) -> str:
        """Whom requests are for."""
        return self.registry.deployment.config.audience

    def serial(self, certificate: bytes) -> str:
        """Return the serial number of a certificate, DER."""
        return f"{_certificate(certificate).serial_number:x}"

    def advance(self, ticks: int) -> None:
        """Let time pass."""
        self.clock.advance(ticks)

    def _issued(self, key: PrivateKey) -> bytes:
        deployment = self.registry.deployment
        certificate = deployment.authority.issue_client(
            TLS_KEY.public_key(),
            deployment.trust_domain.key_uri(key.public_key.key_id),
            validity=Validity(self.clock(), days=1),
        )
        return certificate.public_bytes(serialization.Encoding.DER)


@dataclass(slots=True, repr=False)
class Direct(_Delivery):
    """Calls servicers with a `Call`, as the interceptors do once they have verified a request.

    The handler is called whatever the key directory says, as if the key had ended while the request
    waited; the directory, which is asked at every third request, has to say the same.
    """

    guard: Guard
    services: dict[str, object]
    loop: asyncio.AbstractEventLoop
    _requests: itertools.count[int] = field(default_factory=itertools.count)
    _any: bytes = b""

    def certificate(self, key: PrivateKey) -> bytes:
        """Return one that serves all: it is looked at by its serial number only."""
        self._any = self._any or self._issued(key)
        return self._any

    def send(self, sender: Holder, owner: Somebody, path: str, request: Message) -> Answers:
        """Return a handler's answer."""
        key, peer = sender.key.public_key, self._peer(sender.certificate)
        call = self._call(method_policy(path), Caller(owner.id, key, peer))
        return self.loop.run_until_complete(self._handled(path, request, call))

    def enrol(self, key: PrivateKey, invitation: Invitation, request: Message) -> Answers:
        """Return the answer of Enroll."""
        peer = self._peer(x509_der(invitation.certificate_pem))
        applicant = Applicant(key.public_key, peer, invitation.invitation_id)
        call = self._call(method_policy(ENROLL), applicant)
        return self.loop.run_until_complete(self._answer(ENROLL, request, call))

    async def _handled(self, path: str, request: Message, call: Call) -> Answers:
        asked = next(self._requests) % 3 == 0
        admitted = await self._is_admitted(call.caller) if asked else None
        try:
            answer = await self._answer(path, request, call)
        except Refused as refusal:
            self._require_agreement(admitted, refusal.reason != "UNAUTHENTICATED")
            raise
        self._require_agreement(admitted, True)
        return answer

    def _require_agreement(self, directory: bool | None, guard: bool) -> None:
        assert directory in (None, guard), "the key directory and the guard disagree"

    async def _is_admitted(self, caller: Caller) -> bool:
        """Do what steps 3 and 10 do with what the directory knows."""
        known = await self.guard.keys.find(caller.public_key.key_id)
        if known is None or known.has_expired(now=self.clock()):
            return False
        return caller.peer.serial not in known.revoked_certificates

    async def _answer(self, path: str, request: Message, call: Call) -> Answers:
        service, _, method = path.removeprefix("/").partition("/")
        try:
            answer = await getattr(self.services[service], method)(request, call)
        except SealwireError as error:
            raise Refused(to_status(error).reason) from None
        assert type(answer) is call.method.response
        return answer

    def _call(self, method: MethodPolicy, sender: Caller | Applicant) -> Call:
        return Call(method, sender, SignedMessage(), RequestStatement(), NoRpc())

    def _peer(self, certificate: bytes) -> Peer:
        return Peer("", self.serial(certificate), 0, FOREVER, _certificate(certificate), ())


@dataclass(slots=True, repr=False)
class Wired(_Delivery):
    """Signs requests, and sends each key's over a connection of its own."""

    stack: contextlib.ExitStack
    _lines: dict[bytes, Wire] = field(default_factory=dict)

    def certificate(self, key: PrivateKey) -> bytes:
        """Return one that names the key."""
        return self._issued(key)

    def send(self, sender: Holder, owner: Somebody, path: str, request: Message) -> Answers:
        """Return a handler's answer."""
        line = self._lines.get(sender.certificate)
        if line is None:
            certificate = certificate_pem(_certificate(sender.certificate))
            line = self._open(TlsIdentity(certificate, tls_key_pem(TLS_KEY)))
            self._lines[sender.certificate] = line
        return self._answer(line, path, sender.key, request)

    def enrol(self, key: PrivateKey, invitation: Invitation, request: Message) -> Answers:
        """Return the answer of Enroll."""
        line = self._open(bootstrap(invitation))
        return self._answer(line, ENROLL, key, request, presented=key.public_key.raw)

    def _answer(
        self,
        line: Wire,
        path: str,
        key: PrivateKey,
        request: Message,
        *,
        presented: bytes | None = None,
    ) -> Answers:
        requests = RequestFactory(key, self.audience, self.clock, os.urandom)
        signed = requests.unary(path, request.SerializeToString())
        statement = line.answer(path, signed, presented=presented)
        if statement.HasField("status"):
            raise Refused(statement.status.reason)
        return method_policy(path).response.FromString(statement.body)

    def _open(self, tls: TlsIdentity) -> Wire:
        return self.stack.enter_context(wire(self.registry.deployment.server_identity, tls))


def x509_der(pem: str) -> bytes:
    """Return a PEM certificate as DER."""
    certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    return certificate.public_bytes(serialization.Encoding.DER)
