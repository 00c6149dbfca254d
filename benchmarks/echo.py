"""The yardstick: a bare grpc.aio server that returns what it is sent, over the same mutual TLS."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import grpc
import grpc.aio

from sealwire.interceptors import mutual_tls

METHOD = "/benchmarks.Echo/Echo"


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def _serve(deployment: Path) -> None:
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
    service, method = METHOD.strip("/").split("/")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    credentials = mutual_tls(
        certificate_chain=(deployment / "server.crt").read_bytes(),
        private_key=(deployment / "server.key").read_bytes(),
        client_ca=(deployment / "ca.crt").read_bytes(),
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    sys.stdout.write(f"echo: serving on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop(1)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
