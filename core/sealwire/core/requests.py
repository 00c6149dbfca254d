"""Request statements: how a client makes one, and what a server demands of one.

The numbers are the steps of docs/protocol.md section 4; steps 1, 3, 10 and 11 need the outside
world and stand in `sealwire.interceptors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.envelope import (
    NONCE_BYTES,
    NONCE_MAX_BYTES,
    NONCE_MIN_BYTES,
    parse_canonical,
    sign_request,
)
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import Random, Signer
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage

WINDOW_MS: Final = 60_000
"""How old a request may be on arrival."""
SKEW_MS: Final = 10_000
"""How far a client's clock may be ahead of the server's."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The requests that are fresh: `window_ms` back, `skew_ms` ahead, both inclusive."""

    window_ms: int = WINDOW_MS
    skew_ms: int = SKEW_MS

    def admits(self, issued_at: int, *, now: int) -> bool:
        """Tell whether a request issued at `issued_at` is fresh at `now` (milliseconds)."""
        return now - self.window_ms <= issued_at <= now + self.skew_ms


@dataclass(frozen=True, slots=True)
class RequestFactory:
    """Makes signed requests for one signer and one audience."""

    signer: Signer
    audience: str
    clock: Clock
    random: Random

    def unary(self, method: str, body: bytes) -> SignedMessage:
        """Return the signed request of a call that sends one message."""
        statement = self._statement(method)
        statement.body = body
        return sign_request(statement, self.signer)

    def stream(self, method: str) -> RequestStream:
        """Return the maker of one request stream's messages."""
        return RequestStream(template=self._statement(method), sign=self._sign)

    def _statement(self, method: str) -> RequestStatement:
        return RequestStatement(
            method=method,
            audience=self.audience,
            public_key_id=self.signer.public_key.key_id,
            issued_at=self.clock(),
            nonce=self.random(NONCE_BYTES),
        )

    def _sign(self, statement: RequestStatement) -> SignedMessage:
        return sign_request(statement, self.signer)


@dataclass(slots=True)
class RequestStream:
    """Signs the messages of one request stream, in order."""

    template: RequestStatement
    sign: Callable[[RequestStatement], SignedMessage]
    chain: StreamChain = field(default_factory=StreamChain)

    def message(self, body: bytes) -> SignedMessage:
        """Return the next message."""
        statement = RequestStatement()
        statement.CopyFrom(self.template)
        statement.body = body
        statement.stream.CopyFrom(self.chain.next())
        return self._advance(statement)

    def close(self) -> SignedMessage:
        """Return the closing statement; without it, the server discards the stream."""
        statement = RequestStatement()
        statement.CopyFrom(self.template)
        statement.stream.CopyFrom(self.chain.closing())
        return self._advance(statement)

    def _advance(self, statement: RequestStatement) -> SignedMessage:
        signed = self.sign(statement)
        self.chain.advance(signed.payload, statement.stream)
        return signed


def parse_statement(payload: bytes) -> RequestStatement:
    """Step 5: parse a payload whose signature holds.

    Raises:
        MalformedError: if it is no canonical statement, the nonce's length is out of bounds, or
            a body is missing where one belongs or present where none does.
    """
    statement = parse_canonical(RequestStatement, payload)
    if not NONCE_MIN_BYTES <= len(statement.nonce) <= NONCE_MAX_BYTES:
        raise MalformedError("The nonce does not have 16 to 32 bytes.")
    if statement.HasField("body") == statement.stream.last:
        raise MalformedError("A body belongs in every statement but the one that closes a stream.")
    return statement


def check_statement(
    statement: RequestStatement,
    *,
    public_key_id: str,
    method: str,
    audience: str,
    now: int,
    window: TimeWindow,
) -> None:
    """Steps 6 to 9: return if the statement was made for this call, here and now.

    Raises:
        AuthenticationError: naming the first step that fails, for the log.
    """
    if statement.public_key_id != public_key_id:  # 6
        raise AuthenticationError("The key id inside the statement differs from the envelope's.")
    if statement.method != method:  # 7
        raise AuthenticationError("The request was signed for another method.")
    if statement.audience != audience:  # 8
        raise AuthenticationError("The request was signed for another audience.")
    if not window.admits(statement.issued_at, now=now):  # 9
        raise AuthenticationError("The request was issued outside of the time window.")


def check_continuation(first: RequestStatement, statement: RequestStatement) -> None:
    """Return if a later message of a stream repeats what its first message states.

    Raises:
        AuthenticationError: if it was made for another stream.
    """
    if (
        statement.method != first.method
        or statement.audience != first.audience
        or statement.public_key_id != first.public_key_id
        or statement.issued_at != first.issued_at
        or statement.nonce != first.nonce
    ):
        raise AuthenticationError("A message of the stream was signed for another stream.")
