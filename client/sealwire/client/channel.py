"""A blocking channel that makes any generated stub sign and verify.

stub = RecordServiceStub(SigningChannel(channel, signer, audience=…, server_key=…))
response = stub.PutRecord(PutRecordRequest(…))      # a verified PutRecordResponse
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import grpc
from google.protobuf.message import Message

from sealwire.client.exchange import ClientExchange
from sealwire.client.key_lookup import KeyLookup
from sealwire.client.stub_channel import Extra, Follower, StubChannel, StubMethod
from sealwire.core.errors import SealwireError
from sealwire.core.responses import UnknownSignerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Follower(Follower):
    """Of several threads that want to know how the server's key changed, one asks."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def verified(self, exchange: ClientExchange, verify: Callable[[], T]) -> T:
        """Return what `verify` does; if the server's key was rotated, follow it first."""
        try:
            return verify()
        except UnknownSignerError as error:
            if not self._follow(exchange, error.key_id):
                raise
        return verify()

    def _follow(self, exchange: ClientExchange, signer_id: str) -> bool:
        """Tell whether `exchange` now believes the key, because it follows the pinned one."""
        if exchange.answered or not self.lock.acquire(timeout=exchange.lookup_seconds()):
            return False
        try:
            if self.session.server_key.key_id != signer_id:
                self._look_up(exchange, signer_id)
        finally:
            self.lock.release()
        return exchange.adopt_pin(signer_id)

    def _look_up(self, exchange: ClientExchange, signer_id: str) -> None:
        lookup = KeyLookup.begin(self.session, signer_id)
        try:
            data = self.send(lookup.request(), timeout=exchange.lookup_seconds())
            key = lookup.conclude(data)
        except (grpc.RpcError, SealwireError):
            return  # the answer in hand stays refused
        self.session.pin.move(key)


class _UnaryUnary(StubMethod[_Follower]):
    def __call__(self, request: Message, *, metadata: Extra = None, **options: Any) -> Message:
        exchange = self.begin(options)
        data = exchange.request(request)
        return _single(self, exchange, data, metadata, options)


class _StreamUnary(StubMethod[_Follower]):
    def __call__(
        self, requests: Iterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.begin(options)
        return _single(self, exchange, _signed(exchange, requests), metadata, options)


class _UnaryStream(StubMethod[_Follower]):
    def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> Iterator[Message]:
        exchange = self.begin(options)
        call = self.send(exchange.request(request), metadata=exchange.metadata(metadata), **options)
        return _verified(self.follower, exchange, call)


class _StreamStream(StubMethod[_Follower]):
    def __call__(
        self, requests: Iterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Iterator[Message]:
        exchange = self.begin(options)
        signed = _signed(exchange, requests)
        call = self.send(signed, metadata=exchange.metadata(metadata), **options)
        return _verified(self.follower, exchange, call)


def _single(
    method: StubMethod[_Follower],
    exchange: ClientExchange,
    data: bytes | Iterator[bytes],
    metadata: Extra,
    options: dict[str, Any],
) -> Message:
    try:
        answer = method.send(data, metadata=exchange.metadata(metadata), **options)
    except grpc.RpcError as error:
        raise _failure(method.follower, exchange, error) from error
    return method.follower.verified(exchange, lambda: exchange.response(answer))


def _signed(exchange: ClientExchange, requests: Iterable[Message]) -> Iterator[bytes]:
    for request in requests:
        yield exchange.next_request(request)
    yield exchange.close_requests()


class _AnswerStream(Protocol):
    """gRPC's own iterator of answers."""

    def __iter__(self) -> Iterator[bytes]: ...

    def cancel(self) -> bool: ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


def _verified(
    follower: _Follower, exchange: ClientExchange, call: _AnswerStream
) -> Iterator[Message]:
    try:
        for data in call:
            yield follower.verified(exchange, functools.partial(exchange.next_response, data))
    except grpc.RpcError as error:
        raise _failure(follower, exchange, error) from error
    finally:
        call.cancel()  # no effect on a call that has ended
    trailing = call.trailing_metadata()
    follower.verified(exchange, lambda: exchange.end_responses(trailing))


def _failure(follower: _Follower, exchange: ClientExchange, error: grpc.RpcError) -> Exception:
    call = cast("grpc.Call", error)
    code, details, trailing = call.code(), call.details(), call.trailing_metadata()
    return follower.verified(exchange, lambda: exchange.failure(code, details, trailing))


class SigningChannel(StubChannel):
    """Wraps a `grpc.Channel`; hand it to a generated stub in the channel's place.

    A stub's methods then take and return the messages that the method's policy names, and raise
    `RemoteError` (a signed refusal), `ResponseVerificationError` or `TransportError`. They take
    gRPC's `timeout`, `metadata` and `wait_for_ready`. Closing the wrapped channel stays with its
    owner. For many calls at once, use `AsyncSigningChannel`.
    """

    follower = _Follower
    unary_unary_method = _UnaryUnary
    unary_stream_method = _UnaryStream
    stream_unary_method = _StreamUnary
    stream_stream_method = _StreamStream
