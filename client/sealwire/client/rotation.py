"""Key rotation: a new key is made here, and takes the old one's place at the server and on disk.

1 begin     make the next key and its TLS key, in a folder of their own
2 certify   have the next key's certificate issued, before the key is active
3 switch    make the next key active and the old one refused, in one step at the server
4 adopt     make the next key the profile's, in one step on disk

Wherever it is killed, the profile has a key that the server takes, and the next attempt goes on
from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealwire.client.certificates import verified_renewal
from sealwire.client.errors import RemoteError
from sealwire.client.next_keys import PreparedKey, begin, prepared_key
from sealwire.client.profile_changes import (
    NEXT,
    claiming_next,
    discard_next,
    settled,
)
from sealwire.client.profile_files import Profile, read_profile
from sealwire.client.profile_layout import (
    CA_FILE,
    TLS_CERTIFICATE_FILE,
)
from sealwire.client.renewal import Means
from sealwire.client.rotation_state import adopt_next, is_accepted, is_begun
from sealwire.client.signers import ENCRYPTED, FILE, require_enrolled
from sealwire.core.errors import Code, ConfigurationError
from sealwire.core.keys import Signer
from sealwire.core.pki import certificate_request
from sealwire.core.secret_files import replace_secret

_FINAL: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.ALREADY_EXISTS,
        Code.PERMISSION_DENIED,
        Code.FAILED_PRECONDITION,
    }
)
"""Signed refusals after which another attempt with the same next key is in vain."""


def rotate_key(folder: Path, means: Means, *, signer_text: str | None = None) -> Profile:
    """Give the profile in `folder` a new key, or finish what an earlier attempt began.

    `signer_text` says where the new key is to live, as `parse_signer` reads it; it lives where the
    present one does unless that is said.

    Raises:
        ConfigurationError: if no new key can be made there, or another rotation is under way.
        SignerError: if a key can't be used where it lives.
        RemoteError: if the server refuses; the profile is then as it was.
        TransportError: if no signed answer came; another attempt goes on.
        ResponseVerificationError: if an answer is not what it should be.
    """
    profile = settled(folder, read_profile)
    # Opened once, and before the next one is made: whoever can't sign with it makes none.
    signer = profile.signer
    require_enrolled(signer.public_key, profile.public_key_id)
    begun = _begun(profile, signer_text, means)
    with claiming_next(folder) as there:
        present = settled(folder, read_profile)
        if there and present.public_key_id == profile.public_key_id:
            present = dataclasses.replace(present, signer=signer)
            _go_on(present, prepared_key(folder / NEXT, begun), means)
    rotated = settled(folder, read_profile)
    if rotated.public_key_id == profile.public_key_id:
        raise ConfigurationError(
            "Another process gave this rotation up meanwhile, and the key stays as it was; try "
            "again."
        )
    return rotated


def _go_on(profile: Profile, next_key: PreparedKey, means: Means) -> None:
    """Steps 2 to 4, as far as they are not done."""
    with _discarded_if_refused(profile.folder):
        if not next_key.has_certificate(now=means.clock()):
            certify(profile, next_key, means)
        if not is_accepted(next_key.access(profile), means):
            switch(profile, next_key, means)
    adopt_next(profile.folder)


def certify(profile: Profile, next_key: PreparedKey, means: Means) -> None:
    """Step 2: have a certificate issued for the next key, which is not active yet."""
    tls_key = next_key.tls_key()
    with means.client(profile.access) as client:
        answer = client.keys.renew_certificate(
            certificate_request(tls_key), next_key=next_key.proof(profile)
        )
    renewal = verified_renewal(
        answer,
        tls_key=tls_key.public_key(),
        public_key_id=next_key.signer.public_key.key_id,
        now=means.clock(),
    )
    replace_secret(next_key.folder / CA_FILE, renewal.ca_pem)
    replace_secret(next_key.folder / TLS_CERTIFICATE_FILE, renewal.certificate_pem)


def switch(profile: Profile, next_key: PreparedKey, means: Means) -> None:
    """Step 3: make the next key active; from now on, the present one is refused."""
    with means.client(profile.access) as client:
        client.keys.rotate(next_key.proof(profile))


def _begun(profile: Profile, signer_text: str | None, means: Means) -> Signer | None:
    """Begin, unless an earlier attempt has; return the next key if it was made, and is open."""
    if not is_begun(profile.folder):
        return begin(profile, signer_text or _like(profile), means)
    if signer_text is None:
        return None
    raise ConfigurationError(
        "A rotation of this profile's key was begun with another new key; finish it first, with: "
        "sealwire key rotate"
    )


def _like(profile: Profile) -> str:
    if profile.signer_text in (FILE, ENCRYPTED):
        return profile.signer_text
    raise ConfigurationError(
        f"This profile's key lives in {profile.signer_text!r}, where no new one can be made from "
        "here; say where the next key is to live, with --signer."
    )


@contextlib.contextmanager
def _discarded_if_refused(folder: Path) -> Iterator[None]:
    """Remove the next key if the server refuses it for good, so that another can be made."""
    try:
        yield
    except RemoteError as error:
        if error.code in _FINAL:
            discard_next(folder)
        raise
