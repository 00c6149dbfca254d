"""An ssh-agent in this process, which can be made to lie."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealwire.client.signers.agent_messages import (
    FAILURE,
    IDENTITIES_ANSWER,
    REQUEST_IDENTITIES,
    SIGN_REQUEST,
    SIGN_RESPONSE,
    key_blob,
)
from sealwire.core.keys import PrivateKey

Reply = Callable[[bytes], bytes | None]
"""Takes a request without its length, returns an answer with it; None hangs on without a word."""


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def identities(*blobs_and_comments: tuple[bytes, bytes]) -> bytes:
    """Return the answer that lists these keys."""
    listed = b"".join(string(blob) + string(comment) for blob, comment in blobs_and_comments)
    return bytes([IDENTITIES_ANSWER]) + len(blobs_and_comments).to_bytes(4, "big") + listed


def signature(raw: bytes, kind: bytes = b"ssh-ed25519") -> bytes:
    """Return the answer that carries a signature."""
    return bytes([SIGN_RESPONSE]) + string(string(kind) + string(raw))


@dataclass
class Agent:
    """Holds keys by their comments; `answers` replaces what it says to a kind of request."""

    keys: dict[str, PrivateKey] = field(default_factory=dict)
    answers: dict[int, Reply] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)

    def reply(self, request: bytes) -> bytes | None:
        self.requests.append(request)
        if request[0] in self.answers:
            return self.answers[request[0]](request)
        if request[0] == REQUEST_IDENTITIES:
            held = [(key_blob(key.public_key), name.encode()) for name, key in self.keys.items()]
            return string(identities(*held))
        for key in self.keys.values():
            asked = bytes([SIGN_REQUEST]) + string(key_blob(key.public_key))
            if request.startswith(asked):
                message = request[len(asked) + 4 : -4]
                assert request == asked + string(message) + bytes(4)
                return string(signature(key.sign(message)))
        return string(bytes([FAILURE]))


@contextlib.contextmanager
def listening(agent: Agent) -> Iterator[str]:
    """Let an agent listen on a socket; yield its path, which is short enough for one."""
    with (
        tempfile.TemporaryDirectory(prefix="agent-") as directory,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        path = str(Path(directory) / "socket")
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(agent, listener))
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(agent: Agent, listener: socket.socket) -> None:
    silent: list[socket.socket] = []
    with contextlib.suppress(OSError):  # how a listener that is shut down says so
        while True:
            connection, _ = listener.accept()
            with contextlib.suppress(ConnectionError):
                answer = agent.reply(_request(connection))
                if answer is None:
                    silent.append(connection)
                    continue
                connection.sendall(answer)
            connection.close()
    for connection in silent:
        connection.close()


def _request(connection: socket.socket) -> bytes:
    size = int.from_bytes(_exactly(connection, 4), "big")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def private_key(number: int) -> PrivateKey:
    """Return one of 255 keys, the same each time: it is in the names of tests."""
    return PrivateKey.from_seed(bytes([number]) * 32)


def new_key() -> PrivateKey:
    return PrivateKey.generate(os.urandom)
