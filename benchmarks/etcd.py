"""An etcd to compare with, where one is installed: one member, mutual TLS, its own defaults.

The few messages that are needed are put together by hand. The field numbers are those of etcd's
api/etcdserverpb/rpc.proto.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.processes import ServerProcess

TXN: Final = "/etcdserverpb.KV/Txn"
_START_SECONDS: Final = 15.0
_LENGTH_DELIMITED: Final = 2
_CONTINUES: Final = 0x80


def is_installed() -> bool:
    """Tell whether there is an etcd to run."""
    return shutil.which("etcd") is not None


def version() -> str:
    """Return the first line of what etcd says of itself."""
    said = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()[0]


def transaction(puts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the TxnRequest that puts keys and values."""
    operations = [_field(2, _field(1, key) + _field(2, value)) for key, value in puts]
    return b"".join(_field(2, operation) for operation in operations)


@contextlib.contextmanager
def running(data: Path, deployment: Path) -> Iterator[ServerProcess]:
    """Run an etcd with a deployment's certificates, its data in `data`; stop it at the end."""
    port, peer_port = _free_port(), _free_port()
    peers = f"http://127.0.0.1:{peer_port}"
    command = [
        "etcd",
        f"--data-dir={data}",
        f"--listen-client-urls=https://127.0.0.1:{port}",
        f"--advertise-client-urls=https://127.0.0.1:{port}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        f"--cert-file={deployment / 'server.crt'}",
        f"--key-file={deployment / 'server.key'}",
        f"--trusted-ca-file={deployment / 'ca.crt'}",
        "--client-cert-auth",
        "--enable-grpc-gateway=false",
        "--log-level=error",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield ServerProcess(process.pid, f"127.0.0.1:{port}")
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("etcd did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= _CONTINUES:
        encoded.append(value & 0x7F | _CONTINUES)
        value >>= 7
    return bytes([*encoded, value])
