"""The four RPC shapes, each rebuilt over raw bytes, and the refusal of every other.

A handler that is built without (de)serializers is given exactly the bytes that arrived.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import grpc

from sealwire.core.errors import PolicyError, UnknownMethodError
from sealwire.core.policy import MethodPolicy
from sealwire.interceptors.exchange import Context, Exchange, Protection
from sealwire.v1.envelope_pb2 import SignedMessage

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Bytes = AsyncIterator[bytes]


def check_handler(handler: Handler, method: MethodPolicy) -> None:
    """Return if `handler` is one that can be protected.

    Raises:
        PolicyError: if its shape is not its .proto's, or it is not an `async def`.
    """
    declared = (method.request_streaming, method.response_streaming)
    if (handler.request_streaming, handler.response_streaming) != declared:
        raise PolicyError(f"The handler of {method.path} has another shape than its .proto.")
    function = _function(handler)
    if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
        raise PolicyError(
            f"{method.path} is not implemented by an `async def`; implement it, or do not "
            "register its service."
        )
    if inspect.isasyncgenfunction(function) != method.response_streaming:
        raise PolicyError(f"{method.path} must {_duty(method)}.")


def protect(handler: Handler, method: MethodPolicy, protection: Protection) -> Handler:
    """Return a handler that lets verified calls through to `handler`, and signs its answers."""
    wrap = _SHAPES[method.request_streaming, method.response_streaming]
    return wrap(_function(handler), method, protection)


def refuse_unknown(path: str, protection: Protection) -> Handler:
    """Return the handler of every path without a policy: a signed UNIMPLEMENTED."""
    nothing = MethodPolicy(path, SignedMessage, SignedMessage, "none", False, False, False)

    async def refuse(messages: Bytes, context: Context) -> bytes:
        async with Exchange(protection, nothing, context) as exchange:
            async for data in messages:
                exchange.receive(data)
                break
            raise UnknownMethodError("This server has no such method.")

    return grpc.stream_unary_rpc_method_handler(refuse)


def _unary_unary(
    inner: Callable[..., Any], method: MethodPolicy, protection: Protection
) -> Handler:
    async def call(data: bytes, context: Context) -> bytes:
        async with Exchange(protection, method, context) as exchange:
            verified, request = await exchange.admit(data)
            return exchange.answer(await inner(request, verified))

    return grpc.unary_unary_rpc_method_handler(call)


def _unary_stream(
    inner: Callable[..., Any], method: MethodPolicy, protection: Protection
) -> Handler:
    async def call(data: bytes, context: Context) -> Bytes:
        async with Exchange(protection, method, context) as exchange:
            verified, request = await exchange.admit(data)
            async with contextlib.aclosing(inner(request, verified)) as responses:
                async for response in responses:
                    yield await exchange.answer_next(verified, response)
            exchange.end_stream()

    return grpc.unary_stream_rpc_method_handler(call)


def _stream_unary(
    inner: Callable[..., Any], method: MethodPolicy, protection: Protection
) -> Handler:
    async def call(messages: Bytes, context: Context) -> bytes:
        async with Exchange(protection, method, context) as exchange:
            verified, requests = await exchange.admit_stream(messages)
            return exchange.answer(await inner(requests, verified))

    return grpc.stream_unary_rpc_method_handler(call)


def _stream_stream(
    inner: Callable[..., Any], method: MethodPolicy, protection: Protection
) -> Handler:
    async def call(messages: Bytes, context: Context) -> Bytes:
        async with Exchange(protection, method, context) as exchange:
            verified, requests = await exchange.admit_stream(messages)
            async with contextlib.aclosing(inner(requests, verified)) as responses:
                async for response in responses:
                    yield await exchange.answer_next(verified, response)
            exchange.end_stream()

    return grpc.stream_stream_rpc_method_handler(call)


_SHAPES = {
    (False, False): _unary_unary,
    (False, True): _unary_stream,
    (True, False): _stream_unary,
    (True, True): _stream_stream,
}


def _function(handler: Handler) -> Callable[..., Any]:
    name = (
        f"{'stream' if handler.request_streaming else 'unary'}_"
        f"{'stream' if handler.response_streaming else 'unary'}"
    )
    function: Callable[..., Any] = getattr(handler, name)
    return function


def _duty(method: MethodPolicy) -> str:
    return "yield its responses" if method.response_streaming else "return its response"
