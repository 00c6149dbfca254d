"""gRPC calls over a bare HTTP/2 connection: for what no gRPC client would send."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.settings import SettingCodes

from sealwire.client import TlsIdentity

TIMEOUT_SECONDS = 30


@dataclass(slots=True)
class Answer:
    """What came back: headers and trailers in one table, and gRPC messages as they are framed."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    reset: bool = False

    @property
    def grpc_status(self) -> int | None:
        """gRPC's status code, if there is one."""
        text = self.headers.get("grpc-status")
        return None if text is None else int(text)


@dataclass(slots=True)
class Http2Client:
    """One connection; its requests go out one at a time."""

    socket: ssl.SSLSocket
    connection: H2Connection = field(default_factory=H2Connection)

    def __post_init__(self) -> None:
        """Open the HTTP/2 connection."""
        self.connection.config.validate_outbound_headers = False
        self.connection.config.normalize_outbound_headers = False
        self.connection.initiate_connection()
        self._flush()

    def call(self, path: str | bytes | None, message: bytes) -> Answer:
        """Send one gRPC message to `path`, or without a path, and return the answer."""
        stream = self.connection.get_next_available_stream_id()
        headers: list[tuple[str, str | bytes]] = [(":method", "POST"), (":scheme", "https")]
        headers += [(":authority", "localhost")]
        headers += [(":path", path)] if path is not None else []
        headers += [("content-type", "application/grpc"), ("te", "trailers")]
        self.connection.send_headers(stream, headers)
        frame = b"\0" + len(message).to_bytes(4, "big") + message
        self.connection.send_data(stream, frame, end_stream=True)
        self._flush()
        return self._answer(stream)

    def watch_without_reading(self, path: str) -> None:
        """Begin a call whose answers the server may not send, for want of a window."""
        self.connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        stream = self.connection.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]
        headers += [(":path", path), ("content-type", "application/grpc"), ("te", "trailers")]
        self.connection.send_headers(stream, headers)
        self.connection.send_data(stream, b"\0\0\0\0\0", end_stream=True)
        self._flush()
        while data := self.socket.recv(65_536):
            events = self.connection.receive_data(data)
            self._flush()
            if any(isinstance(event, ResponseReceived) for event in events):
                return
        raise ConnectionError("the server closed the connection")

    def _answer(self, stream: int) -> Answer:
        answer = Answer()
        while data := self.socket.recv(65_536):
            for event in self.connection.receive_data(data):
                if isinstance(event, ResponseReceived | TrailersReceived):
                    answer.headers.update(texts(event.headers))
                elif isinstance(event, DataReceived):
                    answer.data += event.data
                elif isinstance(event, StreamReset):
                    answer.reset = True
                if isinstance(event, StreamReset | StreamEnded) and event.stream_id == stream:
                    return answer
            self._flush()
        raise ConnectionError("the server closed the connection")

    def _flush(self) -> None:
        self.socket.sendall(self.connection.data_to_send())


def texts(headers: Iterable[tuple[bytes | str, bytes | str]]) -> dict[str, str]:
    """Return headers as text."""
    pairs = [[p.decode("utf-8") if isinstance(p, bytes) else p for p in pair] for pair in headers]
    return dict(pairs)


@contextlib.contextmanager
def tls_connection(port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """Connect; ssl.SSLError or OSError if the handshake fails."""
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    with plain, context.wrap_socket(plain) as connection:
        yield connection


def client_context(folder: Path, tls: TlsIdentity | None) -> ssl.SSLContext:
    """Return a context that shows `tls` and does not look at the server's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls is not None:
        chain = folder / "client.pem"
        chain.write_bytes(tls.certificate_pem + tls.key_pem)
        context.load_cert_chain(chain)
    return context
