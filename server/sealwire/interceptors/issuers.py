"""Step 1 continued: whether a certificate's issuer is trusted at this moment.

TLS asks that once, when a connection opens. A connection may outlive the trust in a CA, and TLS
trusts a CA with every name or none.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509

from sealwire.core.certificate_path import issuing_path
from sealwire.core.errors import AuthenticationError
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors.transport import Peer, milliseconds

_REMEMBERED_PEERS: Final = 4096
_NEVER: Final = -1


class CertificatePolicy(Protocol):
    """What a server demands of a client certificate beside what TLS has verified."""

    def check(self, peer: Peer, *, now: int) -> None:
        """Return if the certificate may be used at `now` (milliseconds); called for each message.

        Raises:
            AuthenticationError: if it may not.
        """
        ...


@dataclass(frozen=True, slots=True)
class AnyIssuer:
    """Leaves it at what TLS verified when the connection opened."""

    def check(self, peer: Peer, *, now: int) -> None:
        """Return."""


class TrustedIssuers:
    """A `CertificatePolicy`: a path leads to one of the CAs of today, and all of it is valid.

    Authorities count for every name; outside ones for none that is under the trust domain. Each
    certificate is verified once for each set of CAs.
    """

    def __init__(
        self,
        authorities: Iterable[x509.Certificate],
        *,
        trust_domain: TrustDomain,
        outside: Iterable[x509.Certificate] = (),
    ) -> None:
        """Trust these CAs."""
        self._trust_domain = trust_domain
        self.replace(authorities, outside=outside)

    def replace(
        self,
        authorities: Iterable[x509.Certificate],
        *,
        outside: Iterable[x509.Certificate] = (),
    ) -> None:
        """Trust these CAs, and no others, from now on; requests under way notice, too."""
        own = tuple(authorities)
        anybody = (*own, *outside)

        @functools.lru_cache(maxsize=_REMEMBERED_PEERS)
        def trusted_until(peer: Peer) -> int:
            path = issuing_path(
                peer.certificate,
                intermediates=peer.intermediates,
                authorities=own if self._trust_domain.names(peer.uri) else anybody,
            )
            return min((milliseconds(ca.not_valid_after_utc) for ca in path), default=_NEVER)

        self._trusted_until = trusted_until

    def check(self, peer: Peer, *, now: int) -> None:
        """Return if the certificate was issued under a CA that is trusted, and has not ended.

        Raises:
            AuthenticationError: if it was not, or the CA is not one for this name.
        """
        if now > self._trusted_until(peer):
            raise AuthenticationError("The certificate's issuer is not trusted with this name.")
