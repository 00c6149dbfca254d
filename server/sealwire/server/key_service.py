"""KeyService: an identity's chain of keys, and the certificates that are bound to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import (
    AlreadyExistsError,
    Code,
    MalformedError,
    StatusError,
)
from sealwire.core.keys import PublicKey, is_key_id
from sealwire.core.rotation import verify_rotation
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.guard import Guard
from sealwire.server.last_admin import keeping_an_admin
from sealwire.server.messages import key_message
from sealwire.storage import IdentityRow, KeyRow, KeyState
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.keys_pb2 import (
    ListKeysRequest,
    ListKeysResponse,
    ListServerKeysRequest,
    ListServerKeysResponse,
    NextKey,
    RenewCertificateRequest,
    RenewCertificateResponse,
    RevokeCertificateRequest,
    RevokeCertificateResponse,
    RevokeKeyRequest,
    RevokeKeyResponse,
    RotateKeyRequest,
    RotateKeyResponse,
)
from sealwire.v1.keys_pb2_grpc import KeyServiceServicer

MAX_REVOKED_CERTIFICATES: Final = 1_000
"""For each key: all of them are looked through at each of its requests."""
_SERIAL: Final = re.compile(r"[1-9a-f][0-9a-f]{0,39}")


@dataclass(frozen=True, slots=True)
class KeyService(KeyServiceServicer):
    """Keys and certificates, for the identities that they belong to and for admins.

    `ca_pem` returns the CAs that clients are to trust now.
    """

    guard: Guard
    certificates: ClientCertificates
    audience: str
    ca_pem: Callable[[], bytes]
    successions: Sequence[SignedMessage]

    async def RenewCertificate(
        self, request: RenewCertificateRequest, call: Call
    ) -> RenewCertificateResponse:
        """Issue a certificate for the key that signs, or for its successor before it is active.

        A client that has the successor's certificate at hand loses nothing, wherever a rotation is
        interrupted. Until the successor is active, its certificate opens nothing.
        """
        next_key = self._next_key(request.next_key, call) if request.HasField("next_key") else None

        def unit(auth: Authorization) -> None:
            auth.enrolled()
            if auth.caller.key.certificate_uri is not None:
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    "OUTSIDE_PKI",
                    "This key's certificates come from an outside PKI; renew them there.",
                )
            if next_key is not None:
                _require_new(auth, next_key)

        await self.guard.read(call, unit)
        key = next_key or call.caller.public_key
        certificate = self.certificates.issue(
            request.certificate_request, key.key_id, now=self.guard.clock()
        )
        return RenewCertificateResponse(
            certificate=certificate, ca_certificates=self.ca_pem().decode("ascii")
        )

    async def RotateKey(self, request: RotateKeyRequest, call: Call) -> RotateKeyResponse:
        """Let the next key follow the one that signs; from then on, the old one is refused.

        If an end was set for the old key, the next one has the same: it is not shed by rotating.
        """
        next_key = self._next_key(request.next_key, call)

        def unit(auth: Authorization) -> RotateKeyResponse:
            identity, old = auth.enrolled(), auth.caller.key
            with keeping_an_admin(auth.tx):
                new = auth.tx.keys.add(
                    identity.id,
                    next_key,
                    now=auth.now,
                    certificate_uri=old.certificate_uri,
                    expires_at=old.expires_at,
                )
                auth.tx.keys.end(old, KeyState.ROTATED, now=auth.now)
            auth.record(identity, "key.rotated", next_key.key_id)
            return RotateKeyResponse(key=key_message(new))

        return await self.guard.write(call, unit)

    async def ListKeys(self, request: ListKeysRequest, call: Call) -> ListKeysResponse:
        """Return an identity's keys, newest first."""

        def unit(auth: Authorization) -> ListKeysResponse:
            identity = auth.identity(request.identity)
            keys = auth.tx.keys.of_identity(identity.id)
            return ListKeysResponse(keys=[key_message(key) for key in keys])

        return await self.guard.read(call, unit)

    async def RevokeKey(self, request: RevokeKeyRequest, call: Call) -> RevokeKeyResponse:
        """End a key at once, or at a time to come; an end that was set can only come sooner.

        One that was rotated has ended; but what it was used to invite to has not, and may be a
        thief's.
        """

        def unit(auth: Authorization) -> RevokeKeyResponse:
            identity, key = _key(auth, request.public_key_id)
            if key.state == KeyState.ROTATED and not request.expires_at:
                auth.tx.invitations.drop_made_by([request.public_key_id])
            if key.state != KeyState.ACTIVE:
                return RevokeKeyResponse(key=key_message(key))
            with keeping_an_admin(auth.tx):
                ended = _end(auth, identity, key, at=request.expires_at)
            return RevokeKeyResponse(key=key_message(ended))

        return await self.guard.mutate(call, request, unit)

    async def RevokeCertificate(
        self, request: RevokeCertificateRequest, call: Call
    ) -> RevokeCertificateResponse:
        """End one certificate at once."""
        if not _SERIAL.fullmatch(request.serial):
            raise MalformedError(
                "A serial number is written in lower-case hexadecimal, without leading zeros."
            )

        def unit(auth: Authorization) -> RevokeCertificateResponse:
            identity, key = _key(auth, request.public_key_id)
            revoked = auth.tx.keys.revoked_certificates(key.public_key.key_id)
            if request.serial in revoked:
                return RevokeCertificateResponse()
            if len(revoked) >= MAX_REVOKED_CERTIFICATES:
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    "TOO_MANY_CERTIFICATES",
                    "Too many certificates of this key were revoked; rotate or revoke the key.",
                )
            auth.tx.keys.revoke_certificate(key.public_key.key_id, request.serial, now=auth.now)
            auth.record(identity, "certificate.revoked", request.serial)
            return RevokeCertificateResponse()

        return await self.guard.mutate(call, request, unit)

    async def ListServerKeys(
        self, _request: ListServerKeysRequest, call: Call
    ) -> ListServerKeysResponse:
        """Return how the server's signing key came to follow those before it."""
        await self.guard.read(call, lambda auth: auth.enrolled())
        return ListServerKeysResponse(successions=self.successions)

    def _next_key(self, next_key: NextKey, call: Call) -> PublicKey:
        return verify_rotation(
            next_key,
            audience=self.audience,
            old_public_key_id=call.caller.public_key.key_id,
        )


def _key(auth: Authorization, public_key_id: str) -> tuple[IdentityRow, KeyRow]:
    if not is_key_id(public_key_id):
        raise MalformedError("Name the key by its id: 43 characters of base64url.")
    return auth.key(public_key_id)


def _end(auth: Authorization, identity: IdentityRow, key: KeyRow, *, at: int) -> KeyRow:
    key_id = key.public_key.key_id
    if not at:
        auth.record(identity, "key.revoked", key_id)
        return auth.tx.keys.end(key, KeyState.REVOKED, now=auth.now)
    if at <= auth.now:
        raise MalformedError("A key can't end in the past; leave the time out to end it at once.")
    if at == key.expires_at:
        return key
    if key.expires_at is not None and at > key.expires_at:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            "ENDS_SOONER",
            "This key ends sooner than that, and no key's life is made longer; "
            "an admin can invite its identity to recover with a new one.",
        )
    auth.record(identity, "key.end_set", key_id)
    return auth.tx.keys.expire(key, at=at)


def _require_new(auth: Authorization, key: PublicKey) -> None:
    if auth.tx.keys.find(key.key_id) is not None:
        raise AlreadyExistsError("This key is enrolled already; use a new one.")
