"""What a server would hand out, made here: for tests in which no server answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.profile_files import (
    ISSUED,
    Profile,
    begin_profile,
    write_server_files,
)
from sealwire.client.profile_layout import TLS_KEY_FILE
from sealwire.client.profiles import Profiles
from sealwire.client.signers import FILE, parse_signer
from sealwire.core.clock import system_clock
from sealwire.core.invitation import Invitation, ServerIdentity
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.secret_files import write_new_secret

TRUST_DOMAIN = "spiffe://example.sealwire"
HOUR_MS = 60 * 60 * 1000


@dataclass(frozen=True)
class Deployment:
    """A CA and a server's identity, without the server."""

    authority: CertificateAuthority
    server: ServerIdentity

    @classmethod
    def create(cls, address: str) -> Deployment:
        authority = CertificateAuthority.create("CA", validity=Validity(system_clock(), 30))
        server = ServerIdentity(
            address=address,
            audience="sealwire:example",
            public_key=PrivateKey.generate(os.urandom).public_key,
            ca_pem=certificate_pem(authority.certificate).decode("ascii"),
        )
        return cls(authority, server)

    def certificate(
        self, key: ec.EllipticCurvePrivateKey, name: str, *, days: float = 1, age_days: float = 0
    ) -> bytes:
        """Return a client certificate, PEM, for `days` from `age_days` ago."""
        start = system_clock() - int(age_days * 24 * HOUR_MS)
        issued = self.authority.issue_client(
            key.public_key(), f"{TRUST_DOMAIN}/{name}", validity=Validity(start, days)
        )
        return certificate_pem(issued)

    def invitation(self, *, expires_at: int | None = None) -> Invitation:
        """Return an invitation, good for an hour unless `expires_at` says otherwise."""
        key = new_tls_key()
        return Invitation(
            server=self.server,
            invitation_id="8d6ccf1b-0f7e-4f0c-9ad6-2f2c4c0a6a5e",
            name="alice",
            expires_at=system_clock() + HOUR_MS if expires_at is None else expires_at,
            certificate_pem=self.certificate(key, "invitation/8d6ccf1b").decode("ascii"),
            token=os.urandom(32),
            certificate_key_pem=tls_key_pem(key).decode("ascii"),
        )

    def enrol(
        self,
        profiles: Profiles,
        name: str,
        *,
        days: float = 1,
        age_days: float = 0,
        signer: str = FILE,
    ) -> Profile:
        """Return a new profile, as if this server had enrolled it."""
        profiles.prepare()
        folder = profiles.directory / ".joining"
        folder.mkdir(mode=0o700)
        key, tls_key = parse_signer(signer).settle(folder, random=os.urandom), new_tls_key()
        begin_profile(folder, key, certificate=ISSUED)
        write_new_secret(folder / TLS_KEY_FILE, tls_key_pem(tls_key))
        uri = f"key/{key.signer.public_key.key_id}"
        write_server_files(
            folder,
            self.server,
            identity_id="0b9a1d9e-5d0c-4f0e-a1f4-6d3c9d3a5b11",
            identity_name="alice",
            certificate_pem=self.certificate(tls_key, uri, days=days, age_days=age_days),
        )
        return profiles.adopt(folder, name)


Replace = Callable[[bytes], bytes]


def rewrite(path: Path, change: Replace) -> None:
    """Change a file of a profile in place, mode and owner kept; the change must be one."""
    before = path.read_bytes()
    after = change(before)
    assert after != before
    path.write_bytes(after)
