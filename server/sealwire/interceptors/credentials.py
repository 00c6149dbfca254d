"""Server credentials that always demand a client certificate."""

from __future__ import annotations

import grpc


def mutual_tls(
    *, certificate_chain: bytes, private_key: bytes, client_ca: bytes
) -> grpc.ServerCredentials:
    """Return credentials (all PEM) under which a handshake without a client certificate fails."""
    return grpc.ssl_server_credentials(
        [(private_key, certificate_chain)], root_certificates=client_ca, require_client_auth=True
    )
