"""Server credentials that always demand a client certificate: fixed ones, and ones that change."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import grpc

from sealwire.core.pki import certificate_pem, parse_bundle
from sealwire.core.spiffe import TrustDomain
from sealwire.interceptors.issuers import TrustedIssuers
from sealwire.interceptors.transport import Peer


def mutual_tls(
    *, certificate_chain: bytes, private_key: bytes, client_ca: bytes
) -> grpc.ServerCredentials:
    """Return credentials (all PEM) under which a handshake without a client certificate fails."""
    return grpc.ssl_server_credentials(
        [(private_key, certificate_chain)], root_certificates=client_ca, require_client_auth=True
    )


class ReloadableTls:
    """A server's certificate, and the CAs of its clients, which may change while it serves.

    New handshakes are made with what `replace` was given last. Give it to the `Authenticator` as
    its `certificates`, too: a connection that a retired CA's client opened before is then refused
    at its next message, and a name under the trust domain counts from none of the outside CAs.
    """

    def __init__(
        self,
        *,
        certificate_chain: bytes,
        private_key: bytes,
        client_ca: bytes,
        trust_domain: TrustDomain,
        outside_ca: bytes | None = None,
    ) -> None:
        """Begin with these; see `replace`. The trust domain is the `Authenticator`'s."""
        self._issuers = TrustedIssuers((), trust_domain=trust_domain)
        self.replace(
            certificate_chain=certificate_chain,
            private_key=private_key,
            client_ca=client_ca,
            outside_ca=outside_ca,
        )

    def replace(
        self,
        *,
        certificate_chain: bytes,
        private_key: bytes,
        client_ca: bytes,
        outside_ca: bytes | None = None,
    ) -> None:
        """Use these, all PEM, from now on; each of the two may hold several certificates of CAs.

        Those in `outside_ca` count only for names that are not under the trust domain. The caller
        has made sure that the key is the certificate's: with a pair that TLS can't use, handshakes
        go on with the one before.

        Raises:
            MalformedError: if one of the two holds no certificates; nothing has changed then.
        """
        own = parse_bundle(client_ca)
        outside = [] if outside_ca is None else parse_bundle(outside_ca)
        trusted = b"".join(certificate_pem(authority) for authority in (*own, *outside))
        self._configuration = grpc.ssl_server_certificate_configuration(
            [(private_key, certificate_chain)], root_certificates=trusted
        )
        self._issuers.replace(own, outside=outside)

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials for one port; another port needs its own."""
        served = self._configuration

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Return the configuration if it is a new one: asked at every handshake, so no I/O."""
            nonlocal served
            latest = self._configuration
            if latest is served:
                return None
            served = latest
            return latest

        # The stubs for grpc leave out that None stands for an unchanged configuration.
        fetcher = cast(Callable[[], grpc.ServerCertificateConfiguration], changed)
        return grpc.dynamic_ssl_server_credentials(
            served, fetcher, require_client_authentication=True
        )

    def check(self, peer: Peer, *, now: int) -> None:
        """Return if a client certificate's CA is trusted with its name at this moment.

        Raises:
            AuthenticationError: if it is not.
        """
        self._issuers.check(peer, now=now)
