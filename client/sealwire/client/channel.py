"""A blocking channel that makes any generated stub sign and verify.

stub = RecordServiceStub(SigningChannel(channel, signer, audience=…, server_key=…))
response = stub.PutRecord(PutRecordRequest(…))      # a verified PutRecordResponse
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

import grpc
from google.protobuf.message import Message

from sealwire.client.exchange import ClientExchange
from sealwire.client.stub_channel import Extra, StubChannel, StubMethod


class _UnaryUnary(StubMethod):
    def __call__(self, request: Message, *, metadata: Extra = None, **options: Any) -> Message:
        exchange = self.session.exchange(self.path)
        data = exchange.request(request)
        return _single(exchange, self.send, data, metadata, options)


class _StreamUnary(StubMethod):
    def __call__(
        self, requests: Iterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.session.exchange(self.path)
        return _single(exchange, self.send, _signed(exchange, requests), metadata, options)


class _UnaryStream(StubMethod):
    def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> Iterator[Message]:
        exchange = self.session.exchange(self.path)
        call = self.send(exchange.request(request), metadata=exchange.metadata(metadata), **options)
        return _verified(exchange, call)


class _StreamStream(StubMethod):
    def __call__(
        self, requests: Iterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Iterator[Message]:
        exchange = self.session.exchange(self.path)
        signed = _signed(exchange, requests)
        call = self.send(signed, metadata=exchange.metadata(metadata), **options)
        return _verified(exchange, call)


def _single(
    exchange: ClientExchange,
    send: Callable[..., Any],
    data: bytes | Iterator[bytes],
    metadata: Extra,
    options: dict[str, Any],
) -> Message:
    try:
        answer = send(data, metadata=exchange.metadata(metadata), **options)
    except grpc.RpcError as error:
        raise _failure(exchange, error) from error
    return exchange.response(answer)


def _signed(exchange: ClientExchange, requests: Iterable[Message]) -> Iterator[bytes]:
    for request in requests:
        yield exchange.next_request(request)
    yield exchange.close_requests()


class _AnswerStream(Protocol):
    """gRPC's own iterator of answers."""

    def __iter__(self) -> Iterator[bytes]: ...

    def cancel(self) -> bool: ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


def _verified(exchange: ClientExchange, call: _AnswerStream) -> Iterator[Message]:
    try:
        for data in call:
            yield exchange.next_response(data)
    except grpc.RpcError as error:
        raise _failure(exchange, error) from error
    finally:
        call.cancel()  # no effect on a call that has ended
    exchange.end_responses(call.trailing_metadata())


def _failure(exchange: ClientExchange, error: grpc.RpcError) -> Exception:
    call = cast("grpc.Call", error)
    return exchange.failure(call.code(), call.details(), call.trailing_metadata())


class SigningChannel(StubChannel):
    """Wraps a `grpc.Channel`; hand it to a generated stub in the channel's place.

    A stub's methods then take and return the messages that the method's policy names, and raise
    `RemoteError` (a signed refusal), `ResponseVerificationError` or `TransportError`. They take
    gRPC's `timeout`, `metadata` and `wait_for_ready`. Closing the wrapped channel stays with its
    owner. For many calls at once, use `AsyncSigningChannel`.
    """

    unary_unary_method = _UnaryUnary
    unary_stream_method = _UnaryStream
    stream_unary_method = _StreamUnary
    stream_stream_method = _StreamStream
