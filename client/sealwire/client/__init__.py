"""Talk to a Sealwire server, or make any generated stub sign and verify."""

from __future__ import annotations

from sealwire.client.async_channel import AsyncSigningChannel
from sealwire.client.async_client import AsyncClient
from sealwire.client.channel import SigningChannel
from sealwire.client.client import Client
from sealwire.client.connection import TlsIdentity
from sealwire.client.errors import (
    ForbiddenError,
    InvalidRequestError,
    MissingError,
    RemoteError,
    TransportError,
    UnauthenticatedError,
)
from sealwire.core.responses import ResponseVerificationError

__all__ = [
    "AsyncClient",
    "AsyncSigningChannel",
    "Client",
    "ForbiddenError",
    "InvalidRequestError",
    "MissingError",
    "RemoteError",
    "ResponseVerificationError",
    "SigningChannel",
    "TlsIdentity",
    "TransportError",
    "UnauthenticatedError",
]
