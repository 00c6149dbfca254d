"""Put Sealwire's verification in front of any grpc.aio service.

Build a `Protection`, hand it to a `ProtectedServer`, register servicers on that as on any other
server. A handler is an `async def` that takes the parsed request and a `Call`.
"""

from __future__ import annotations

from sealwire.interceptors.call import Call
from sealwire.interceptors.credentials import ReloadableTls, mutual_tls
from sealwire.interceptors.exchange import Protection, Refusal
from sealwire.interceptors.identity import (
    Applicant,
    Binding,
    Caller,
    EnrolledKey,
    InMemoryKeyDirectory,
    KeyDirectory,
)
from sealwire.interceptors.interceptor import SealwireInterceptor
from sealwire.interceptors.issuers import CertificatePolicy, TrustedIssuers
from sealwire.interceptors.replay import NonceStore, ReplayGuard
from sealwire.interceptors.replay_journal import create_journal, open_nonce_store
from sealwire.interceptors.server import HEALTH_SERVICE, ProtectedServer
from sealwire.interceptors.signature import Authenticator
from sealwire.interceptors.transport import Peer

__all__ = [
    "HEALTH_SERVICE",
    "Applicant",
    "Authenticator",
    "Binding",
    "Call",
    "Caller",
    "CertificatePolicy",
    "EnrolledKey",
    "InMemoryKeyDirectory",
    "KeyDirectory",
    "NonceStore",
    "Peer",
    "ProtectedServer",
    "Protection",
    "Refusal",
    "ReloadableTls",
    "ReplayGuard",
    "SealwireInterceptor",
    "TrustedIssuers",
    "create_journal",
    "mutual_tls",
    "open_nonce_store",
]
