"""Whoever runs an outside PKI, between a client and the server: reads requests, passes them on."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc

from sealwire.client import TlsIdentity
from sealwire.client.connection import open_channel
from sealwire.core.invitation import ServerIdentity
from tests.server.members import TIMEOUT
from tests.server.served import HOST
from tests.support.rpc_errors import failed_call


@dataclass(slots=True)
class Relay(grpc.GenericRpcHandler):
    """What it saw of clients, and what it was told by the server, in the order of events."""

    onward: grpc.Channel
    port: int = 0
    seen: list[bytes] = field(default_factory=list)
    refused: list[grpc.StatusCode] = field(default_factory=list)

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return what passes a request of any method on."""
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.onward.unary_unary(
            handler_call_details.method
        )

        def act(data: bytes, context: grpc.ServicerContext) -> bytes:
            self.seen.append(data)
            try:
                return send(data, timeout=TIMEOUT)
            except grpc.RpcError as error:
                code = failed_call(error).code()
                self.refused.append(code)
                context.abort(code, "")

        return grpc.unary_unary_rpc_method_handler(act)


@contextlib.contextmanager
def relaying(shown: TlsIdentity, server: ServerIdentity, own: TlsIdentity) -> Iterator[Relay]:
    """Show one certificate to clients and another to the server, until the block ends."""
    with open_channel(server, own) as onward:
        relay = Relay(onward)
        listening = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        listening.add_generic_rpc_handlers((relay,))
        credentials = grpc.ssl_server_credentials([(shown.key_pem, shown.certificate_pem)])
        relay.port = listening.add_secure_port(f"{HOST}:0", credentials)
        listening.start()
        try:
            yield relay
        finally:
            listening.stop(None)
