"""The next key of a profile, as it lies in the profile's folder before it is active."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.certificates import Lifetime
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.profile_changes import preparing_next
from sealwire.client.profile_files import OUTSIDE, Profile, read_fields
from sealwire.client.profile_layout import (
    CA_FILE,
    PROFILE_FILE,
    TLS_CERTIFICATE_FILE,
    TLS_KEY_FILE,
)
from sealwire.client.renewal import Means
from sealwire.client.rotation_state import is_certified
from sealwire.client.signers import parse_signer, require_enrolled
from sealwire.client.tls_files import matching_certificate
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.keys import Signer
from sealwire.core.pki import new_tls_key, tls_key_pem
from sealwire.core.rotation import rotation_proof
from sealwire.core.secret_files import read_secret, write_new_secret
from sealwire.v1.keys_pb2 import NextKey


@dataclass(frozen=True, slots=True)
class PreparedKey:
    """The next key, and what was prepared for it in `folder`."""

    folder: Path
    signer: Signer

    def proof(self, profile: Profile) -> NextKey:
        """Return the proof that this key is held by whoever holds the profile's present one."""
        return rotation_proof(
            self.signer,
            audience=profile.server.audience,
            old_public_key_id=profile.public_key_id,
        )

    def has_certificate(self, *, now: int) -> bool:
        """Tell whether there is a certificate that has not ended."""
        if not is_certified(self.folder.parent):
            return False
        try:
            return now < Lifetime.of(matching_certificate(self.tls())).ends
        except MalformedError:  # damaged: another one is issued in its place
            return False

    def tls_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the TLS key, which was made in step 1."""
        key = serialization.load_pem_private_key(read_secret(self.folder / TLS_KEY_FILE), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigurationError(
                f"{self.folder / TLS_KEY_FILE} is not an ECDSA key; delete {self.folder}"
            )
        return key

    def tls(self) -> TlsIdentity:
        """Return what TLS is to show."""
        return TlsIdentity(
            certificate_pem=read_secret(self.folder / TLS_CERTIFICATE_FILE),
            key_pem=read_secret(self.folder / TLS_KEY_FILE),
        )

    def access(self, profile: Profile) -> Access:
        """Return the access that this key gives once it is active."""
        ca_pem = read_secret(self.folder / CA_FILE).decode("ascii")
        server = dataclasses.replace(profile.server, ca_pem=ca_pem)
        return Access(server, self.signer, self.tls())


def begin(profile: Profile, signer_text: str, means: Means) -> Signer:
    """Step 1: make, or choose, the next key, and all of its profile but the certificate."""
    folder, spec = profile.folder, parse_signer(signer_text)
    with preparing_next(folder) as new:
        key = spec.settle(new, random=means.random)
        key_id = key.signer.public_key.key_id
        if key_id == profile.public_key_id:
            raise ConfigurationError(
                "This is the profile's present key; name another one with --signer."
            )
        fields = {**read_fields(folder), "signer": key.text, "public_key_id": key_id}
        write_new_secret(new / PROFILE_FILE, json.dumps(fields, indent=2).encode("ascii") + b"\n")
        write_new_secret(new / CA_FILE, profile.server.ca_pem.encode("ascii"))
        if profile.certificate == OUTSIDE:
            write_new_secret(new / TLS_KEY_FILE, profile.tls.key_pem)
            write_new_secret(new / TLS_CERTIFICATE_FILE, profile.tls.certificate_pem)
        else:
            write_new_secret(new / TLS_KEY_FILE, tls_key_pem(new_tls_key()))
    return key.signer


def prepared_key(folder: Path, begun: Signer | None) -> PreparedKey:
    """Return the next key that lies in `folder`; it is opened, unless it is `begun`."""
    fields = read_fields(folder)
    if begun is None or begun.public_key.key_id != fields["public_key_id"]:
        begun = parse_signer(fields["signer"]).open(folder)
        require_enrolled(begun.public_key, fields["public_key_id"])
    return PreparedKey(folder, begun)
