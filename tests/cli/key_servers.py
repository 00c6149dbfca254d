"""A small server of identities, keys and certificates, which does what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealwire.client.profile_files import ISSUED, Profile, begin_profile, write_server_files
from sealwire.client.profile_layout import TLS_KEY_FILE
from sealwire.client.profiles import Profiles
from sealwire.client.signers import FILE, parse_signer
from sealwire.core.clock import system_clock
from sealwire.core.errors import SealwireError, UnavailableError
from sealwire.core.invitation import ServerIdentity
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    requested_key,
    tls_key_pem,
)
from sealwire.core.rotation import verify_rotation
from sealwire.core.secret_files import write_new_secret
from sealwire.interceptors import Call, EnrolledKey, ProtectedServer
from sealwire.v1.identity_pb2 import Identity, WhoAmIRequest, WhoAmIResponse
from sealwire.v1.identity_pb2_grpc import (
    IdentityServiceServicer,
    add_IdentityServiceServicer_to_server,
)
from sealwire.v1.keys_pb2 import (
    Key,
    RenewCertificateRequest,
    RenewCertificateResponse,
    RotateKeyRequest,
    RotateKeyResponse,
)
from sealwire.v1.keys_pb2_grpc import KeyServiceServicer, add_KeyServiceServicer_to_server
from tests.support.pki import TRUST_DOMAIN
from tests.support.servers import AUDIENCE, House

ENROLLED_DAYS = 7
RENEWED_DAYS = 30
DAY_MS = 24 * 60 * 60 * 1000


@dataclass
class KeyServer(KeyServiceServicer, IdentityServiceServicer):
    """Renews and rotates, for the keys that `house` knows.

    Certificates begin in real time, because TLS looks at the real clock.

    `refusal` is what it answers renewals and rotations with, `rotation_refusal` rotations only;
    `bundle` and `issuer` replace its own CA; `answers_rotations` says whether anybody hears that a
    rotation happened. While `held` is set, WhoAmI waits.
    """

    house: House
    refusal: SealwireError | None = None
    rotation_refusal: SealwireError | None = None
    bundle: str | None = None
    issuer: CertificateAuthority | None = None
    answers_rotations: bool = True
    renewals: int = 0
    peers: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    holding: asyncio.Event | None = None

    async def RenewCertificate(
        self, request: RenewCertificateRequest, call: Call
    ) -> RenewCertificateResponse:
        self.renewals += 1
        if self.refusal is not None:
            raise self.refusal
        key_id = call.caller.public_key.key_id
        if request.HasField("next_key"):
            key_id = verify_rotation(
                request.next_key, audience=AUDIENCE, old_public_key_id=key_id
            ).key_id
        certificate = (self.issuer or self.house.pki.authority).issue_client(
            requested_key(request.certificate_request),
            TRUST_DOMAIN.key_uri(key_id),
            validity=Validity(system_clock(), RENEWED_DAYS),
        )
        return RenewCertificateResponse(
            certificate=certificate.public_bytes(serialization.Encoding.DER),
            ca_certificates=self.house.pki.ca_pem.decode() if self.bundle is None else self.bundle,
        )

    async def RotateKey(self, request: RotateKeyRequest, call: Call) -> RotateKeyResponse:
        if refusal := self.refusal or self.rotation_refusal:
            raise refusal
        old = call.caller.public_key.key_id
        new = verify_rotation(request.next_key, audience=AUDIENCE, old_public_key_id=old)
        known = self.house.directory.keys.pop(old)
        self.house.directory.keys[new.key_id] = dataclasses.replace(known, public_key=new)
        if not self.answers_rotations:
            await asyncio.Event().wait()
        return RotateKeyResponse(key=Key(public_key_id=new.key_id))

    async def WhoAmI(self, _request: WhoAmIRequest, call: Call) -> WhoAmIResponse:
        self.peers.append(call.caller.peer.serial)
        if self.held is not None and self.holding is not None:
            held, self.held = self.held, None
            self.holding.set()
            await held.wait()
        identity = Identity(name=call.caller.identity, public_key_id=call.caller.public_key.key_id)
        return WhoAmIResponse(identity=identity)

    async def ListKeys(self, _request: object, _call: Call) -> object:
        raise UnavailableError("This server does nothing but renew and rotate.")

    RevokeKey = RevokeCertificate = ListServerKeys = ListKeys
    Enroll = CreateInvitation = ListIdentities = ListKeys
    GetIdentity = UpdateIdentity = RemoveIdentity = EraseIdentity = ListKeys

    def register(self, server: ProtectedServer) -> None:
        add_KeyServiceServicer_to_server(self, server)
        add_IdentityServiceServicer_to_server(self, server)

    def identity(self) -> ServerIdentity:
        """What clients know of this server."""
        return ServerIdentity(
            address=self.house.address,
            audience=AUDIENCE,
            public_key=self.house.server_key.public_key,
            ca_pem=self.house.pki.ca_pem.decode(),
        )

    def enrol(self, profiles: Profiles, name: str = "default", *, signer: str = FILE) -> Profile:
        """Return the profile of a new identity, as enrolment makes it."""
        profiles.prepare()
        folder = profiles.directory / ".joining"
        folder.mkdir(mode=0o700)
        key, tls_key = parse_signer(signer).settle(folder, random=os.urandom), new_tls_key()
        public_key = key.signer.public_key
        self.house.directory.keys[public_key.key_id] = EnrolledKey(public_key, name)
        begin_profile(folder, key, certificate=ISSUED)
        write_new_secret(folder / TLS_KEY_FILE, tls_key_pem(tls_key))
        certificate = self.house.pki.authority.issue_client(
            tls_key.public_key(),
            TRUST_DOMAIN.key_uri(public_key.key_id),
            validity=Validity(system_clock(), ENROLLED_DAYS),
        )
        write_server_files(
            folder,
            self.identity(),
            identity_id=f"id-{name}",
            identity_name=name,
            certificate_pem=certificate_pem(certificate),
        )
        return profiles.adopt(folder, name)


@contextlib.contextmanager
def key_server(house: House) -> Iterator[KeyServer]:
    """Serve until the block ends."""
    server = KeyServer(house)
    with house.serving(server.register):
        yield server


def serial(pem: bytes) -> str:
    """Return a certificate's serial number as servers know it."""
    return f"{x509.load_pem_x509_certificate(pem).serial_number:x}"
