"""Enrolment: an invitation becomes a profile, and a lost answer loses no key.

The keys are on disk before anything is sent. If the answer is lost, the same invitation goes on
with the same keys at the next attempt.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.certificates import verified_certificate
from sealwire.client.client import Client
from sealwire.client.connection import TlsIdentity
from sealwire.client.errors import RemoteError, UnauthenticatedError
from sealwire.client.profile_files import Profile, write_server_files
from sealwire.client.profiles import Profiles
from sealwire.client.staging import NO_CHOICE, Choice, StagedKeys, stage
from sealwire.client.tls_files import matching_certificate
from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.invitation import Invitation
from sealwire.core.keys import Random
from sealwire.core.pki import certificate_pem, certificate_request, parse_bundle
from sealwire.core.responses import ResponseVerificationError
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import EnrollResponse

REFUSED_SENTENCE: Final = (
    "The server refused this invitation: it may have been used already, have expired, or be for "
    "another server. Ask for a new one."
)
REFUSED_OUTSIDE_SENTENCE: Final = (
    "The server refused this invitation or your certificate: it may be that the invitation has "
    "been used already or has expired, or that the server takes only certificates of its own "
    "(client_certificates in its sealwire.toml). Ask its operator."
)
_NOT_OURS: Final = (
    "The server's answer is not about the keys that were to be enrolled, so the profile was not "
    "made. Report this to the server's administrator."
)


def join(
    invitation: Invitation,
    profiles: Profiles,
    name: str,
    *,
    clock: Clock,
    random: Random,
    choice: Choice = NO_CHOICE,
) -> Profile:
    """Enrol with an invitation, and return the new profile `name`.

    Raises:
        ConfigurationError: if the name is taken, the invitation has expired or is damaged, or the
            first attempt was made with another choice.
        SignerError: if the signing key can't be used where it lives.
        RemoteError: if the server refused.
        TransportError: if no signed answer came; the keys are kept for another attempt.
        ResponseVerificationError: if the answer or its certificate is not what it should be.
    """
    profiles.require_free(name)
    _require_usable(invitation, clock())
    profiles.prepare()
    folder = _staging_folder(profiles, invitation)
    resumed = folder.exists()
    keys = stage(folder, choice, random=random)
    try:
        response = _enroll(invitation, keys, clock, random)
    except RemoteError:
        if not resumed:
            shutil.rmtree(folder)
        raise
    write_server_files(
        folder,
        invitation.server,
        identity_id=response.identity.id,
        identity_name=response.identity.name,
        certificate_pem=_certificate(response, keys, invitation, clock()),
    )
    return profiles.adopt(folder, name)


def enrolled_certificate(
    response: EnrollResponse,
    *,
    ca_pem: str,
    tls_key: ec.EllipticCurvePublicKey,
    public_key_id: str,
    now: int,
) -> x509.Certificate:
    """Return the certificate in a response, if the invitation's CA issued it for these very keys.

    Raises:
        ResponseVerificationError: if it is not, or the response names another key.
    """
    if response.identity.public_key_id != public_key_id:
        raise ResponseVerificationError(_NOT_OURS)
    return verified_certificate(
        response.certificate,
        cas=parse_bundle(ca_pem.encode("ascii")),
        tls_key=tls_key,
        public_key_id=public_key_id,
        now=now,
    )


def _require_usable(invitation: Invitation, now: int) -> None:
    if now >= invitation.expires_at:
        ended = _moment(max(invitation.expires_at, 0))
        raise ConfigurationError(
            f"This invitation expired on {ended:%Y-%m-%d at %H:%M} UTC; ask for a new one."
        )
    try:
        parse_bundle(invitation.server.ca_pem.encode("ascii"))
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


def _enroll(
    invitation: Invitation, keys: StagedKeys, clock: Clock, random: Random
) -> EnrollResponse:
    if isinstance(keys.tls, TlsIdentity):
        tls, request, sentence = keys.tls, b"", REFUSED_OUTSIDE_SENTENCE
    else:
        tls, sentence = _bootstrap_identity(invitation), REFUSED_SENTENCE
        request = certificate_request(keys.tls)
    try:
        with Client(invitation.server, keys.signer, tls, clock=clock, random=random) as client:
            return client.enroll(invitation, request)
    except UnauthenticatedError as error:
        status = Status(code=error.code, reason=error.status_reason)
        raise UnauthenticatedError(status, sentence) from error


def _certificate(
    response: EnrollResponse, keys: StagedKeys, invitation: Invitation, now: int
) -> bytes:
    """Return the new profile's certificate, PEM: the one in the response, or the outside PKI's."""
    public_key_id = keys.signer.public_key.key_id
    if isinstance(keys.tls, TlsIdentity):
        if response.certificate or response.identity.public_key_id != public_key_id:
            raise ResponseVerificationError(_NOT_OURS)
        return keys.tls.certificate_pem
    certificate = enrolled_certificate(
        response,
        ca_pem=invitation.server.ca_pem,
        tls_key=keys.tls.public_key(),
        public_key_id=public_key_id,
        now=now,
    )
    return certificate_pem(certificate)


def _moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
