"""One RPC as the client sees it: sign what goes out, verify what comes back. No I/O.

The blocking and the asyncio channel both drive this.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import grpc
from google.protobuf.message import Message

from sealwire.client.errors import UNSIGNED_SENTENCE, TransportError, remote_error
from sealwire.client.pinning import ServerPin
from sealwire.core.envelope import digest, parse_body
from sealwire.core.errors import Code, MalformedError, SealwireError
from sealwire.core.keys import PublicKey
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.core.requests import RequestFactory, RequestStream
from sealwire.core.responses import (
    PRESENTED_KEY_METADATA_KEY,
    STATUS_METADATA_KEY,
    ResponseVerificationError,
    open_response,
    open_stream_response,
)
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage

LOOKUP_SECONDS: Final = 10.0
"""How long a client asks at most how the server's key changed."""

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Session:
    """Who signs, and whose answers count."""

    requests: RequestFactory
    pin: ServerPin

    @property
    def server_key(self) -> PublicKey:
        """The key whose answers count for the calls that begin now."""
        return self.pin.key

    def exchange(self, path: str, *, timeout: float | None = None) -> ClientExchange:
        """Begin one RPC, of `timeout` seconds at most; PolicyError if the method has no policy."""
        ends = None if timeout is None else time.monotonic() + timeout
        return ClientExchange(self, method_policy(path), self.pin.key, ends)


@dataclass(slots=True)
class ClientExchange:
    """The state of one RPC. `server_key` signs all of its answers, and was pinned at its start."""

    session: Session
    method: MethodPolicy
    server_key: PublicKey
    _ends: float | None = None
    _sent: set[bytes] = field(default_factory=set)
    _latest: bytes = b""
    _answers: StreamChain = field(default_factory=StreamChain)
    _stream: RequestStream | None = None

    @property
    def answered(self) -> bool:
        """Whether an answer of a stream was verified; no other key may sign the next."""
        return self._answers.index > 0

    def lookup_seconds(self) -> float:
        """Return how much of this call's time may go into asking how the server's key changed."""
        # gRPC's own deadlines run on this clock, whatever clock dates the statements.
        left = LOOKUP_SECONDS if self._ends is None else self._ends - time.monotonic()
        return min(max(left, 0.0), LOOKUP_SECONDS)

    def adopt_pin(self, signer_id: str) -> bool:
        """Believe the key that is pinned by now, if it is the one that signed the answer."""
        key = self.session.server_key
        if key.key_id == signer_id:
            self.server_key = key
        return key.key_id == signer_id

    def metadata(self, extra: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
        """Return the metadata to send: the caller's own, and the key where one is presented."""
        own: Metadata = tuple(extra or ())
        if self.method.presented_signer:
            key = self.session.requests.signer.public_key
            return (*own, (PRESENTED_KEY_METADATA_KEY, key.raw))
        return own

    def request(self, message: Message) -> bytes:
        """Return the one signed request of a call."""
        body = self._serialize(message)
        return self._send(self.session.requests.unary(self.method.path, body))

    def next_request(self, message: Message) -> bytes:
        """Return the next signed message of a request stream."""
        body = self._serialize(message)
        return self._send(self._request_stream().message(body))

    def close_requests(self) -> bytes:
        """Return the closing statement of a request stream."""
        return self._send(self._request_stream().close())

    def response(self, data: bytes) -> Message:
        """Return the verified answer of a call that answers with one message.

        Raises:
            ResponseVerificationError: unless it answers this call, all of it.
        """
        statement = open_response(
            data,
            server_key=self.server_key,
            method=self.method.path,
            request_digests={self._latest},
        )
        if not statement.HasField("body"):
            raise ResponseVerificationError("The answer is a status where a body belongs.")
        return self._parse(statement)

    def next_response(self, data: bytes) -> Message:
        """Return the next verified answer of a response stream."""
        statement = self._open_next(data)
        if not statement.HasField("body"):
            raise ResponseVerificationError("The answer is a status where a body belongs.")
        return self._parse(statement)

    def end_responses(self, trailing: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Return if the server signed that the response stream is complete."""
        data = _signed_status(trailing)
        if data is None or self._open_next(data).status.code != Code.OK:
            raise ResponseVerificationError(
                "The stream of answers ended without the server's signature; it may be cut short."
            )

    def failure(
        self,
        code: grpc.StatusCode,
        details: str | None,
        trailing: Iterable[tuple[str, str | bytes]] | None,
    ) -> SealwireError:
        """Return the exception of a call that gRPC says has failed.

        Raises:
            ResponseVerificationError: if there is a signed status that does not verify.
        """
        data = _signed_status(trailing)
        if data is None:
            sentence = UNSIGNED_SENTENCE.format(code=code.name, details=details or "no details")
            return TransportError(sentence, code=Code(code.value[0]))
        statement = self._open_status(data)
        ahead = statement.issued_at - self.session.requests.clock()
        return remote_error(statement.status, server_ahead_ms=ahead)

    def _open_status(self, data: bytes) -> ResponseStatement:
        statement = self._open_end(data) if self.method.response_streaming else self._open_one(data)
        if not statement.HasField("status") or statement.status.code == Code.OK:
            raise ResponseVerificationError("The signed status of a failed call is no error.")
        return statement

    def _open_end(self, data: bytes) -> ResponseStatement:
        """Open the end of a response stream.

        A server that does not know the method can't know that it answers with a stream: its
        refusal, before any answer, has no position.
        """
        try:
            return self._open_next(data)
        except ResponseVerificationError:
            if self._answers.index:
                raise
            return self._open_one(data)

    def _open_one(self, data: bytes) -> ResponseStatement:
        return open_response(
            data,
            server_key=self.server_key,
            method=self.method.path,
            request_digests=self._sent,
        )

    def _open_next(self, data: bytes) -> ResponseStatement:
        return open_stream_response(
            data,
            server_key=self.server_key,
            method=self.method.path,
            request_digests=self._sent,
            chain=self._answers,
        )

    def _parse(self, statement: ResponseStatement) -> Message:
        try:
            return parse_body(self.method.response, statement.body)
        except MalformedError as error:
            raise ResponseVerificationError(
                f"The server's answer is of a newer or another protocol: {error}"
            ) from error

    def _serialize(self, message: Message) -> bytes:
        if type(message) is not self.method.request:
            name = self.method.request.DESCRIPTOR.full_name
            raise MalformedError(f"{self.method.path} takes a {name}.")
        return message.SerializeToString()

    def _request_stream(self) -> RequestStream:
        if self._stream is None:
            self._stream = self.session.requests.stream(self.method.path)
        return self._stream

    def _send(self, signed: SignedMessage) -> bytes:
        self._latest = digest(signed.payload)
        self._sent.add(self._latest)
        return signed.SerializeToString()


def _signed_status(trailing: Iterable[tuple[str, str | bytes]] | None) -> bytes | None:
    values = [value for key, value in trailing or () if key == STATUS_METADATA_KEY]
    return values[0] if len(values) == 1 and isinstance(values[0], bytes) else None
