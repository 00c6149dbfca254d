"""Response statements: how a server makes one, and what a client demands of one.

docs/protocol.md section 5. A response is bound to its request by the SHA-256 of the request's
payload, which holds a fresh nonce; so it also proves that it is not an old answer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.envelope import parse_canonical, parse_envelope, sign_response, verify_response
from sealwire.core.errors import AuthenticationError, MalformedError, SealwireError
from sealwire.core.keys import PublicKey, Signer
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage, Status

STATUS_METADATA_KEY: Final = "sealwire-status-bin"
"""The trailing metadata entry that holds a signed error or stream end."""
PRESENTED_KEY_METADATA_KEY: Final = "sealwire-public-key-bin"
"""The metadata entry that presents a key that is not enrolled yet."""


class ResponseVerificationError(SealwireError):
    """The answer is not provably the server's answer to this request; nothing of it was used."""

    reason = "RESPONSE_NOT_VERIFIED"


class UnknownSignerError(ResponseVerificationError):
    """The answer claims to be signed by `key_id`, which is not the pinned key (rule R3)."""

    def __init__(self, key_id: str) -> None:
        """Keep the id, by which a client may look for a succession."""
        super().__init__(f"{_SENTENCE} The response is signed by another key than the pinned one.")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class ResponseFactory:
    """Makes signed responses with the server's key."""

    signer: Signer
    clock: Clock

    def body(self, method: str, request_digest: bytes, body: bytes) -> SignedMessage:
        """Return the signed response of a call that answers with one message."""
        statement = self._statement(method, request_digest)
        statement.body = body
        return sign_response(statement, self.signer)

    def status(self, method: str, request_digest: bytes, status: Status) -> SignedMessage:
        """Return the signed error of a call that answers with one message."""
        statement = self._statement(method, request_digest)
        statement.status.CopyFrom(status)
        return sign_response(statement, self.signer)

    def stream_body(
        self, method: str, request_digest: bytes, body: bytes, chain: StreamChain
    ) -> SignedMessage:
        """Return the next message of a response stream."""
        statement = self._statement(method, request_digest)
        statement.body = body
        statement.stream.CopyFrom(chain.next())
        return self._advance(statement, chain)

    def stream_end(
        self, method: str, request_digest: bytes, status: Status, chain: StreamChain
    ) -> SignedMessage:
        """Return the closing statement of a response stream, with code 0 or an error."""
        statement = self._statement(method, request_digest)
        statement.status.CopyFrom(status)
        statement.stream.CopyFrom(chain.closing())
        return self._advance(statement, chain)

    def _statement(self, method: str, request_digest: bytes) -> ResponseStatement:
        return ResponseStatement(
            method=method, request_digest=request_digest, issued_at=self.clock()
        )

    def _advance(self, statement: ResponseStatement, chain: StreamChain) -> SignedMessage:
        signed = sign_response(statement, self.signer)
        chain.advance(signed.payload, statement.stream)
        return signed


def open_response(
    data: bytes, *, server_key: PublicKey, method: str, request_digests: Collection[bytes]
) -> ResponseStatement:
    """Return the statement of a unary answer.

    Raises:
        ResponseVerificationError: unless it is signed by `server_key` for this very call;
            UnknownSignerError if it claims to be signed by another key.
    """
    statement, _ = _open(data, server_key, method, request_digests)
    if statement.HasField("stream"):
        raise ResponseVerificationError(_SENTENCE)
    return statement


def open_stream_response(
    data: bytes,
    *,
    server_key: PublicKey,
    method: str,
    request_digests: Collection[bytes],
    chain: StreamChain,
) -> ResponseStatement:
    """Return the next statement of a response stream and move `chain` on.

    Raises:
        ResponseVerificationError: unless it is signed by `server_key` for this very call, and
            follows the one before; UnknownSignerError if it claims to be signed by another key.
    """
    statement, payload = _open(data, server_key, method, request_digests)
    if not statement.HasField("stream") or statement.stream.last != statement.HasField("status"):
        raise ResponseVerificationError(_SENTENCE)
    try:
        chain.check(statement.stream)
    except SealwireError as error:
        raise ResponseVerificationError(_SENTENCE) from error
    chain.advance(payload, statement.stream)
    return statement


def _open(
    data: bytes, server_key: PublicKey, method: str, request_digests: Collection[bytes]
) -> tuple[ResponseStatement, bytes]:
    try:
        signed = parse_envelope(data)
        if signed.public_key_id != server_key.key_id:
            raise UnknownSignerError(signed.public_key_id)
        verify_response(signed, server_key)
        statement = parse_canonical(ResponseStatement, signed.payload)
    except (AuthenticationError, MalformedError) as error:
        raise ResponseVerificationError(f"{_SENTENCE} {error}") from error
    if statement.method != method or statement.request_digest not in request_digests:
        raise ResponseVerificationError(f"{_SENTENCE} It answers another request.")
    if statement.WhichOneof("outcome") is None:
        raise ResponseVerificationError(f"{_SENTENCE} It states no outcome.")
    return statement, signed.payload


_SENTENCE = (
    "The answer does not verify as this server's answer to this request, so it was discarded; "
    "whether the request took effect is unknown."
)
