"""A customer of the shop: the generated stub, on a channel that signs and verifies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shop.v1.orders_pb2_grpc import OrderServiceStub

from sealwire.client import SigningChannel, TlsIdentity
from sealwire.client.connection import open_channel
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import Signer


@contextlib.contextmanager
def shop(server: ServerIdentity, tls: TlsIdentity, signer: Signer) -> Iterator[OrderServiceStub]:
    """Give a stub whose methods take requests and return verified responses."""
    with open_channel(server, tls) as channel:
        yield OrderServiceStub(
            SigningChannel(channel, signer, audience=server.audience, server_key=server.public_key)
        )
