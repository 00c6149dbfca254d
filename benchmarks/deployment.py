"""A deployment with one enrolled client, without the ceremony of an invitation."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc.aio
from google.protobuf.message import Message

from sealwire.client import TlsIdentity
from sealwire.client.connection import channel_credentials
from sealwire.core.clock import system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import Validity, certificate_pem, new_tls_key, tls_key_pem
from sealwire.core.requests import RequestFactory
from sealwire.server.deployment import init_deployment
from sealwire.server.invitations import open_store
from sealwire.storage import NewIdentity

Sender = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class BenchClient:
    """What it takes to connect."""

    server: ServerIdentity
    key: PrivateKey
    tls: TlsIdentity

    def sender(self, address: str, method: str) -> Sender:
        """Return what sends bytes to a method of the server at HOST:PORT on this machine."""
        target = f"localhost:{address.rpartition(':')[2]}"
        credentials = channel_credentials(self.server, self.tls)
        channel = grpc.aio.secure_channel(target, credentials)
        return cast("Sender", channel.unary_unary(method))

    def signed(self, method: str, request: Message) -> bytes:
        """Return a signed request, as it goes over the wire."""
        factory = RequestFactory(self.key, self.server.audience, system_clock, os.urandom)
        return factory.unary(method, request.SerializeToString()).SerializeToString()


def make_deployment(directory: Path) -> BenchClient:
    """Make a deployment in `directory`, on a free port, with one identity."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    deployment = init_deployment(
        directory,
        hosts=["localhost"],
        listen=f"127.0.0.1:{port}",
        clock=system_clock,
        random=os.urandom,
    )
    key, tls_key = PrivateKey.generate(os.urandom), new_tls_key()
    now = system_clock()
    with open_store(deployment, random=os.urandom) as store:
        new = NewIdentity("bench", "member", key.public_key)
        store.write_blocking(lambda tx: tx.identities.create(new, now))
    certificate = deployment.authority.issue_client(
        tls_key.public_key(),
        deployment.trust_domain.key_uri(key.public_key.key_id),
        validity=Validity(now, 1),
    )
    tls = TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key))
    return BenchClient(deployment.server_identity, key, tls)
