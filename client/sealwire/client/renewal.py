"""A profile's certificate is renewed before it ends: the TLS key is made here, the CA issues anew.

The new certificate is tried before it takes the old one's place, so that no answer of the server's,
however wrong, leaves the profile without one that works.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.client.certificates import verified_renewal
from sealwire.client.client import Client
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.profile_changes import replace_files, settled
from sealwire.client.profile_layout import CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE
from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import Random
from sealwire.core.pki import certificate_request, new_tls_key, tls_key_pem

RENEWAL_SECONDS: Final = 10.0
"""How long each of the two calls may take, while a call of the user's waits for them."""


@dataclass(frozen=True, slots=True)
class Means:
    """What asking the server takes beside an access; `timeout` is in seconds, for each call."""

    clock: Clock
    random: Random
    timeout: float = RENEWAL_SECONDS

    def client(self, access: Access) -> Client:
        """Return a client for one question."""
        return Client(
            access.server,
            access.signer,
            access.tls,
            clock=self.clock,
            random=self.random,
            timeout=self.timeout,
        )


def renewed(access: Access, means: Means) -> Access:
    """Return the access with a new certificate, tried, and the CAs to trust from now on.

    Raises:
        RemoteError: if the server refuses.
        TransportError: if no signed answer came, also with the new certificate.
        ResponseVerificationError: if the certificate is not one for our keys.
    """
    tls_key = new_tls_key()
    with means.client(access) as client:
        answer = client.keys.renew_certificate(certificate_request(tls_key))
    renewal = verified_renewal(
        answer,
        tls_key=tls_key.public_key(),
        public_key_id=access.signer.public_key.key_id,
        now=means.clock(),
    )
    fresh = Access(
        server=dataclasses.replace(access.server, ca_pem=renewal.ca_pem.decode("ascii")),
        signer=access.signer,
        tls=TlsIdentity(renewal.certificate_pem, tls_key_pem(tls_key)),
    )
    with means.client(fresh) as client:
        client.whoami()
    return fresh


def renew(folder: Path, read: Callable[[Path], Access], means: Means) -> None:
    """Renew the certificate of the profile in `folder`; `read` gives the access of a profile.

    Raises:
        ConfigurationError: if the profile changed meanwhile, or can't be written.
        RemoteError, TransportError, ResponseVerificationError: as `renewed`.
    """
    access = settled(folder, read)
    if not keep(folder, renewed(access, means), instead_of=access):
        raise ConfigurationError(
            "Another process has changed this profile meanwhile, so the new certificate was not "
            "used; look at what there is now with: sealwire cert show"
        )


def keep(folder: Path, fresh: Access, *, instead_of: Access) -> bool:
    """Write a renewed access into its profile, unless that has changed meanwhile; tell whether.

    Raises:
        ConfigurationError: if it can't be written.
    """
    files = {
        TLS_KEY_FILE: fresh.tls.key_pem,
        TLS_CERTIFICATE_FILE: fresh.tls.certificate_pem,
        CA_FILE: fresh.server.ca_pem.encode("ascii"),
    }
    expected = {TLS_CERTIFICATE_FILE: instead_of.tls.certificate_pem}
    return replace_files(folder, files, expected=expected)
