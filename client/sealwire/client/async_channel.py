"""The asyncio channel that makes any generated stub sign and verify."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc.aio
from google.protobuf.message import Message

from sealwire.client.exchange import ClientExchange
from sealwire.client.key_lookup import KeyLookup
from sealwire.client.stub_channel import Extra, Follower, StubChannel, StubMethod
from sealwire.core.errors import SealwireError
from sealwire.core.responses import UnknownSignerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Follower(Follower):
    """Of several tasks that want to know how the server's key changed, one asks."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verified(self, exchange: ClientExchange, verify: Callable[[], T]) -> T:
        """Return what `verify` does; if the server's key was rotated, follow it first."""
        try:
            return verify()
        except UnknownSignerError as error:
            if not await self._follow(exchange, error.key_id):
                raise
        return verify()

    async def _follow(self, exchange: ClientExchange, signer_id: str) -> bool:
        """Tell whether `exchange` now believes the key, because it follows the pinned one."""
        if exchange.answered:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(exchange.lookup_seconds()), self.lock:
                if self.session.server_key.key_id != signer_id:
                    await self._look_up(signer_id)
        return exchange.adopt_pin(signer_id)

    async def _look_up(self, signer_id: str) -> None:
        lookup = KeyLookup.begin(self.session, signer_id)
        try:
            key = lookup.conclude(await self.send(lookup.request()))
        except (grpc.aio.AioRpcError, SealwireError):
            return  # the answer in hand stays refused
        self.session.pin.move(key)


class _UnaryUnary(StubMethod[_Follower]):
    async def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.begin(options)
        data = exchange.request(request)
        return await _single(self, exchange, data, metadata, options)


class _StreamUnary(StubMethod[_Follower]):
    async def __call__(
        self, requests: AsyncIterable[Message], *, metadata: Extra = None, **options: Any
    ) -> Message:
        exchange = self.begin(options)
        return await _single(self, exchange, _signed(exchange, requests), metadata, options)


class _UnaryStream(StubMethod[_Follower]):
    def __call__(
        self, request: Message, *, metadata: Extra = None, **options: Any
    ) -> AsyncIterator[Message]:
        exchange = self.begin(options)
        call = self.send(exchange.request(request), metadata=exchange.metadata(metadata), **options)
        return _verified(self.follower, exchange, call)


class _StreamStream(StubMethod[_Follower]):
    def __call__(
        self, requests: AsyncIterable[Message], *, metadata: Extra = None, **options: Any
    ) -> AsyncIterator[Message]:
        exchange = self.begin(options)
        signed = _signed(exchange, requests)
        call = self.send(signed, metadata=exchange.metadata(metadata), **options)
        return _verified(self.follower, exchange, call)


async def _single(
    method: StubMethod[_Follower],
    exchange: ClientExchange,
    data: bytes | AsyncIterator[bytes],
    metadata: Extra,
    options: dict[str, Any],
) -> Message:
    try:
        answer = await method.send(data, metadata=exchange.metadata(metadata), **options)
    except grpc.aio.AioRpcError as error:
        raise await _failure(method.follower, exchange, error) from error
    return await method.follower.verified(exchange, lambda: exchange.response(answer))


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


async def _verified(
    follower: _Follower, exchange: ClientExchange, call: _AnswerStream
) -> AsyncIterator[Message]:
    try:
        async for data in call:
            yield await follower.verified(exchange, functools.partial(exchange.next_response, data))
        trailing = await call.trailing_metadata()
    except grpc.aio.AioRpcError as error:
        raise await _failure(follower, exchange, error) from error
    finally:
        call.cancel()  # no effect on a call that has ended
    await follower.verified(exchange, lambda: exchange.end_responses(trailing))


async def _failure(
    follower: _Follower, exchange: ClientExchange, error: grpc.aio.AioRpcError
) -> Exception:
    code, details, trailing = error.code(), error.details(), error.trailing_metadata()
    return await follower.verified(exchange, lambda: exchange.failure(code, details, trailing))


class AsyncSigningChannel(StubChannel):
    """Wraps a `grpc.aio.Channel`; the same promises as `SigningChannel`, with `await`.

    A method that takes a stream takes an async iterable; one that answers with a stream returns an
    async iterator.
    """

    follower = _Follower
    unary_unary_method = _UnaryUnary
    unary_stream_method = _UnaryStream
    stream_unary_method = _StreamUnary
    stream_stream_method = _StreamStream
