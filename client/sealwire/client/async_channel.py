"""The asyncio channel that makes any generated stub sign and verify."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, Protocol

import grpc.aio
from google.protobuf.message import Message

from sealwire.client.exchange import ClientExchange
from sealwire.client.stub_channel import Extra, StubChannel, StubMethod


class _UnaryUnary(StubMethod):
    async def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.session.exchange(self.path)
        data = exchange.request(request)
        return await _single(exchange, self.send, data, metadata, options)


class _StreamUnary(StubMethod):
    async def __call__(
        self, requests: AsyncIterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.session.exchange(self.path)
        return await _single(exchange, self.send, _signed(exchange, requests), metadata, options)


class _UnaryStream(StubMethod):
    def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> AsyncIterator[Message]:
        exchange = self.session.exchange(self.path)
        call = self.send(exchange.request(request), metadata=exchange.metadata(metadata), **options)
        return _verified(exchange, call)


class _StreamStream(StubMethod):
    def __call__(
        self, requests: AsyncIterable[Message], *, metadata: Extra = None, **options: Any
    ) -> AsyncIterator[Message]:
        exchange = self.session.exchange(self.path)
        signed = _signed(exchange, requests)
        call = self.send(signed, metadata=exchange.metadata(metadata), **options)
        return _verified(exchange, call)


async def _single(
    exchange: ClientExchange,
    send: Callable[..., Any],
    data: bytes | AsyncIterator[bytes],
    metadata: Extra,
    options: dict[str, Any],
) -> Message:
    try:
        answer = await send(data, metadata=exchange.metadata(metadata), **options)
    except grpc.aio.AioRpcError as error:
        raise _failure(exchange, error) from error
    return exchange.response(answer)


async def _signed(
    exchange: ClientExchange, requests: AsyncIterable[Message]
) -> AsyncIterator[bytes]:
    async for request in requests:
        yield exchange.next_request(request)
    yield exchange.close_requests()


class _AnswerStream(Protocol):
    """gRPC's own async iterator of answers."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def cancel(self) -> bool: ...

    async def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


async def _verified(exchange: ClientExchange, call: _AnswerStream) -> AsyncIterator[Message]:
    try:
        async for data in call:
            yield exchange.next_response(data)
        trailing = await call.trailing_metadata()
    except grpc.aio.AioRpcError as error:
        raise _failure(exchange, error) from error
    finally:
        call.cancel()  # no effect on a call that has ended
    exchange.end_responses(trailing)


def _failure(exchange: ClientExchange, error: grpc.aio.AioRpcError) -> Exception:
    return exchange.failure(error.code(), error.details(), error.trailing_metadata())


class AsyncSigningChannel(StubChannel):
    """Wraps a `grpc.aio.Channel`; the same promises as `SigningChannel`, with `await`.

    A method that takes a stream takes an async iterable; one that answers with a stream returns an
    async iterator.
    """

    unary_unary_method = _UnaryUnary
    unary_stream_method = _UnaryStream
    stream_unary_method = _StreamUnary
    stream_stream_method = _StreamStream
