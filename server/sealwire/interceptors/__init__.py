"""Put Sealwire's verification in front of any grpc.aio service.

Build a `Protection`, hand it to a `ProtectedServer`, register servicers on that as on any other
server. A handler is an `async def` that takes the parsed request and a `Call`.
"""

from __future__ import annotations

from sealwire.interceptors.call import Call
from sealwire.interceptors.credentials import mutual_tls
from sealwire.interceptors.exchange import Protection, Refusal
from sealwire.interceptors.identity import (
    Applicant,
    Caller,
    EnrolledKey,
    InMemoryKeyDirectory,
    KeyDirectory,
)
from sealwire.interceptors.interceptor import SealwireInterceptor
from sealwire.interceptors.replay import NonceStore, ReplayGuard
from sealwire.interceptors.replay_journal import create_journal, open_nonce_store
from sealwire.interceptors.server import HEALTH_SERVICE, ProtectedServer
from sealwire.interceptors.signature import Authenticator
from sealwire.interceptors.transport import Peer

__all__ = [
    "HEALTH_SERVICE",
    "Applicant",
    "Authenticator",
    "Call",
    "Caller",
    "EnrolledKey",
    "InMemoryKeyDirectory",
    "KeyDirectory",
    "NonceStore",
    "Peer",
    "ProtectedServer",
    "Protection",
    "Refusal",
    "ReplayGuard",
    "SealwireInterceptor",
    "create_journal",
    "mutual_tls",
    "open_nonce_store",
]
