"""Talk to a Sealwire server, or make any generated stub sign and verify.

Names are imported when they are first used (PEP 562): gRPC reads its environment once, when it is
imported, and the command-line client sets that environment first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealwire.client.async_channel import AsyncSigningChannel
    from sealwire.client.async_client import AsyncClient
    from sealwire.client.channel import SigningChannel
    from sealwire.client.client import Client
    from sealwire.client.connection import TlsIdentity
    from sealwire.client.errors import (
        ConflictError,
        ExistsError,
        ForbiddenError,
        InvalidRequestError,
        MissingError,
        PreconditionError,
        RemoteError,
        TransportError,
        UnauthenticatedError,
    )
    from sealwire.client.signers.errors import SignerError
    from sealwire.core.responses import ResponseVerificationError
else:
    _HOMES = {
        "AsyncClient": "sealwire.client.async_client",
        "AsyncSigningChannel": "sealwire.client.async_channel",
        "Client": "sealwire.client.client",
        "ConflictError": "sealwire.client.errors",
        "ExistsError": "sealwire.client.errors",
        "ForbiddenError": "sealwire.client.errors",
        "InvalidRequestError": "sealwire.client.errors",
        "MissingError": "sealwire.client.errors",
        "PreconditionError": "sealwire.client.errors",
        "RemoteError": "sealwire.client.errors",
        "ResponseVerificationError": "sealwire.core.responses",
        "SignerError": "sealwire.client.signers.errors",
        "SigningChannel": "sealwire.client.channel",
        "TlsIdentity": "sealwire.client.connection",
        "TransportError": "sealwire.client.errors",
        "UnauthenticatedError": "sealwire.client.errors",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


__all__ = [
    "AsyncClient",
    "AsyncSigningChannel",
    "Client",
    "ConflictError",
    "ExistsError",
    "ForbiddenError",
    "InvalidRequestError",
    "MissingError",
    "PreconditionError",
    "RemoteError",
    "ResponseVerificationError",
    "SignerError",
    "SigningChannel",
    "TlsIdentity",
    "TransportError",
    "UnauthenticatedError",
]
