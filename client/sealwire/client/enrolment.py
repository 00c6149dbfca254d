"""Enrolment: an invitation becomes a profile, and a lost answer loses no key.

The keys are on disk before anything is sent. If the answer is lost, the same invitation goes on
with the same keys at the next attempt.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealwire.client.client import Client
from sealwire.client.connection import TlsIdentity
from sealwire.client.errors import RemoteError, UnauthenticatedError
from sealwire.client.profile_files import (
    IDENTITY_KEY_FILE,
    TLS_KEY_FILE,
    Profile,
    matching_certificate,
    write_server_files,
)
from sealwire.client.profiles import Profiles
from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.invitation import Invitation
from sealwire.core.key_files import parse_private_key, private_key_text
from sealwire.core.keys import PrivateKey, Random
from sealwire.core.pki import certificate_pem, certificate_request, new_tls_key, tls_key_pem
from sealwire.core.responses import ResponseVerificationError
from sealwire.core.secret_files import read_secret, write_new_secret
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import EnrollResponse

REFUSED_SENTENCE: Final = (
    "The server refused this invitation: it may have been used already, have expired, or be for "
    "another server. Ask for a new one."
)
_NOT_OURS: Final = (
    "The server's answer carries a certificate that is not one for the keys made here, so the "
    "profile was not made. Report this to the server's administrator."
)


@dataclass(frozen=True, slots=True)
class _StagedKeys:
    folder: Path
    identity: PrivateKey
    tls: ec.EllipticCurvePrivateKey


def join(
    invitation: Invitation, profiles: Profiles, name: str, *, clock: Clock, random: Random
) -> Profile:
    """Enrol with an invitation, and return the new profile `name`.

    Raises:
        ConfigurationError: if the name is taken, or the invitation has expired or is damaged.
        RemoteError: if the server refused.
        TransportError: if no signed answer came; the keys are kept for another attempt.
        ResponseVerificationError: if the answer or its certificate is not what it should be.
    """
    profiles.require_free(name)
    _require_usable(invitation, clock())
    profiles.prepare()
    folder = _staging_folder(profiles, invitation)
    resumed = folder.exists()
    keys = _stage_keys(folder, random)
    try:
        response = _enroll(invitation, keys, clock, random)
    except RemoteError:
        if not resumed:
            shutil.rmtree(folder)
        raise
    certificate = verified_certificate(
        response,
        ca_pem=invitation.server.ca_pem,
        tls_key=keys.tls.public_key(),
        public_key_id=keys.identity.public_key.key_id,
        now=clock(),
    )
    write_server_files(
        folder,
        invitation.server,
        identity_id=response.identity.id,
        identity_name=response.identity.name,
        certificate_pem=certificate_pem(certificate),
    )
    return profiles.adopt(folder, name)


def verified_certificate(
    response: EnrollResponse,
    *,
    ca_pem: str,
    tls_key: ec.EllipticCurvePublicKey,
    public_key_id: str,
    now: int,
) -> x509.Certificate:
    """Return the certificate in a response, if the CA issued it for these very keys.

    It is a valid client certificate at `now` (RFC 5280), and its one name ends with the key id.

    Raises:
        ResponseVerificationError: if it is not, or the response names another key.
    """
    try:
        certificate = x509.load_der_x509_certificate(response.certificate)
        ca = x509.load_pem_x509_certificate(ca_pem.encode("ascii"))
        verifier = PolicyBuilder().store(Store([ca])).time(_moment(now)).build_client_verifier()
        names = [name.value for name in verifier.verify(certificate, []).subjects or ()]
        key = certificate.public_key()
    except (ValueError, VerificationError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ResponseVerificationError(_NOT_OURS) from error
    bound = len(names) == 1 and str(names[0]).endswith(f"/key/{public_key_id}")
    if not bound or key != tls_key or response.identity.public_key_id != public_key_id:
        raise ResponseVerificationError(_NOT_OURS)
    return certificate


def _require_usable(invitation: Invitation, now: int) -> None:
    if now >= invitation.expires_at:
        ended = _moment(max(invitation.expires_at, 0))
        raise ConfigurationError(
            f"This invitation expired on {ended:%Y-%m-%d at %H:%M} UTC; ask for a new one."
        )
    try:
        x509.load_pem_x509_certificate(invitation.server.ca_pem.encode("ascii"))
        matching_certificate(_bootstrap_identity(invitation))
    except (ValueError, MalformedError):
        raise ConfigurationError(
            "A certificate in this invitation was damaged on its way; ask for a new one."
        ) from None


def _bootstrap_identity(invitation: Invitation) -> TlsIdentity:
    return TlsIdentity(
        certificate_pem=invitation.certificate_pem.encode("ascii"),
        key_pem=invitation.certificate_key_pem.encode("ascii"),
    )


def _staging_folder(profiles: Profiles, invitation: Invitation) -> Path:
    # Not the profile's name: another name at the second attempt must find the same keys.
    token_digest = hashlib.sha256(b"sealwire staging" + invitation.token).hexdigest()
    return profiles.directory / f".joining-{token_digest[:32]}"


def _stage_keys(folder: Path, random: Random) -> _StagedKeys:
    """Return the keys in `folder`, which are made, and on stable storage, if it does not exist."""
    if not folder.exists():
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        write_new_secret(new / IDENTITY_KEY_FILE, private_key_text(PrivateKey.generate(random)))
        write_new_secret(new / TLS_KEY_FILE, tls_key_pem(new_tls_key()))
        new.rename(folder)
    tls = serialization.load_pem_private_key(read_secret(folder / TLS_KEY_FILE), password=None)
    if not isinstance(tls, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{folder / TLS_KEY_FILE} is not an ECDSA key; delete {folder}")
    identity = parse_private_key(read_secret(folder / IDENTITY_KEY_FILE))
    return _StagedKeys(folder=folder, identity=identity, tls=tls)


def _enroll(
    invitation: Invitation, keys: _StagedKeys, clock: Clock, random: Random
) -> EnrollResponse:
    bootstrap = _bootstrap_identity(invitation)
    request = certificate_request(keys.tls)
    try:
        with Client(
            invitation.server, keys.identity, bootstrap, clock=clock, random=random
        ) as client:
            return client.enroll(invitation, request)
    except UnauthenticatedError as error:
        status = Status(code=error.code, reason=error.status_reason)
        raise UnauthenticatedError(status, REFUSED_SENTENCE) from error


def _moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
