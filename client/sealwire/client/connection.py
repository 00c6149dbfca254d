"""How a client connects: mutual TLS, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import grpc

from sealwire.core.envelope import MAX_ENVELOPE_BYTES
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import Signer

CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_ENVELOPE_BYTES),
    # A retry must be a new, newly signed request: a repeated one is a replay.
    ("grpc.enable_retries", 0),
    # A channel that found nobody tries again as soon as its calls do, and never stops for long.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A client's TLS certificate and key, PEM; bound to its Ed25519 key, but not made of it."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Which server is talked to, who signs, and what TLS shows."""

    server: ServerIdentity
    signer: Signer
    tls: TlsIdentity


def channel_credentials(server: ServerIdentity, tls: TlsIdentity) -> grpc.ChannelCredentials:
    """Return credentials that show `tls` and accept only the server's own CA."""
    return grpc.ssl_channel_credentials(
        root_certificates=server.ca_pem.encode("ascii"),
        private_key=tls.key_pem,
        certificate_chain=tls.certificate_pem,
    )


def open_channel(server: ServerIdentity, tls: TlsIdentity) -> grpc.Channel:
    """Return a blocking channel; nothing is sent before the first call."""
    credentials = channel_credentials(server, tls)
    return grpc.secure_channel(server.address, credentials, options=CHANNEL_OPTIONS)


def open_async_channel(server: ServerIdentity, tls: TlsIdentity) -> grpc.aio.Channel:
    """Return an asyncio channel; nothing is sent before the first call."""
    credentials = channel_credentials(server, tls)
    return grpc.aio.secure_channel(server.address, credentials, options=CHANNEL_OPTIONS)
