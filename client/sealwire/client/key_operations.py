"""`client.keys`: an identity's chain of keys, and the certificates that are bound to them."""

from __future__ import annotations

from typing import Final

from sealwire.client.operations import Asyncio, Blocking, Call, operation
from sealwire.v1.keys_pb2 import (
    Key,
    ListKeysRequest,
    NextKey,
    RenewCertificateRequest,
    RenewCertificateResponse,
    RevokeCertificateRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
)

_SERVICE: Final = "/sealwire.v1.KeyService"


class KeyOperations:
    """An identity is named by its name, or by the id of one of its keys."""

    @operation
    def list(self, identity: str = "") -> Call[tuple[Key, ...]]:
        """Return an identity's keys, newest first; the caller's own unless one is named.

        ForbiddenError for another's keys, unless the caller is an admin.
        """
        request = ListKeysRequest(identity=identity)
        return Call(f"{_SERVICE}/ListKeys", request, lambda answer: tuple(answer.keys))

    @operation
    def rotate(self, next_key: NextKey) -> Call[Key]:
        """Make a new key active and the one that signs this refused, in one step.

        `next_key` comes from `sealwire.core.rotation.rotation_proof`. From now on this client's
        own key is refused. `sealwire.client.rotation.rotate_key` does it for a profile, safely.
        """
        request = RotateKeyRequest(next_key=next_key)
        return Call(f"{_SERVICE}/RotateKey", request, lambda answer: answer.key)

    @operation
    def revoke(self, public_key_id: str, *, at: int = 0) -> Call[Key]:
        """End a key: at once, or at a time in milliseconds since the Unix epoch; for good.

        ForbiddenError for another's key, unless the caller is an admin; PreconditionError for the
        last key of the last admin.
        """
        request = RevokeKeyRequest(public_key_id=public_key_id, expires_at=at)
        return Call(f"{_SERVICE}/RevokeKey", request, lambda answer: answer.key)

    @operation
    def renew_certificate(
        self, certificate_request: bytes, *, next_key: NextKey | None = None
    ) -> Call[RenewCertificateResponse]:
        """Return a TLS certificate for the key that signs this, or for the one that is to follow.

        `certificate_request` is PKCS #10, DER, for an ECDSA P-256 key. Hand the certificate to
        `sealwire.client.certificates.verified_renewal` before you use it.
        """
        request = RenewCertificateRequest(
            certificate_request=certificate_request, next_key=next_key
        )
        return Call(f"{_SERVICE}/RenewCertificate", request, lambda answer: answer)

    @operation
    def revoke_certificate(self, public_key_id: str, serial: str) -> Call[None]:
        """End one TLS certificate of a key at once, for good.

        `serial` is in lower-case hexadecimal without leading zeros. ForbiddenError for the
        certificate of another's key, unless the caller is an admin.
        """
        request = RevokeCertificateRequest(public_key_id=public_key_id, serial=serial)
        return Call(f"{_SERVICE}/RevokeCertificate", request, lambda _: None)


class Keys(KeyOperations, Blocking):
    """The keys of identities, for `Client`."""


class AsyncKeys(KeyOperations, Asyncio):
    """The keys of identities, for `AsyncClient`."""
