"""One RPC between the wire and its handler: admit, answer, fail.

Admission is steps 1 to 12 in one place. Whatever leaves is signed and bound to the latest request
message that arrived, the error and the end of a stream included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NoReturn, Self

import grpc.aio
from google.protobuf.message import Message

from sealwire.core.envelope import digest, parse_body, parse_envelope
from sealwire.core.errors import (
    AuthenticationError,
    Code,
    MalformedError,
    SealError,
    SealwireError,
)
from sealwire.core.keys import is_key_id
from sealwire.core.policy import MethodPolicy
from sealwire.core.responses import STATUS_METADATA_KEY, ResponseFactory
from sealwire.core.streams import StreamChain
from sealwire.interceptors.call import Call
from sealwire.interceptors.errors import DETAILS_METADATA_KEY, error_details, grpc_code, to_status
from sealwire.interceptors.replay import ReplayGuard
from sealwire.interceptors.signature import Authenticator
from sealwire.v1.envelope_pb2 import SignedMessage, Status

_log: Final = logging.getLogger("sealwire.interceptors")
_OK: Final = Status(code=Code.OK, reason="OK", message="The stream is complete.")

_LOGGED_CHARACTERS: Final = 200

Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that did not get through, with the true reason, which clients are not told.

    Both texts are printable ASCII and short: the sender chose them. `claimed_key_id` is empty if it
    does not have the form of one.
    """

    method: str
    claimed_key_id: str
    error: SealwireError


def log_refusal(refusal: Refusal) -> None:
    """Write a refusal to the standard library's log."""
    _log.warning("refused %s, key id %r: %s", refusal.method, refusal.claimed_key_id, refusal.error)


@dataclass(frozen=True, slots=True)
class Protection:
    """What stands between the wire and every handler of one server."""

    authenticator: Authenticator
    replay: ReplayGuard
    responses: ResponseFactory
    on_refusal: Callable[[Refusal], None] = log_refusal


@dataclass(slots=True)
class Exchange:
    """The state of one RPC; leaving it with an exception ends the RPC with a signed status."""

    protection: Protection
    method: MethodPolicy
    context: Context
    _received: bytes = b""
    _signed: SignedMessage | None = None
    _requests: StreamChain = field(default_factory=StreamChain)
    _answers: StreamChain = field(default_factory=StreamChain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) or (
            isinstance(error, asyncio.CancelledError) and not _is_being_cancelled()
        ):
            await self._fail(error)

    def receive(self, data: bytes) -> None:
        """Take note of the message that the next answer is about."""
        self._received, self._signed = data, None

    async def admit(self, data: bytes) -> tuple[Call, Message]:
        """Return the verified call and request of an RPC whose client sends one message."""
        call = await self._authenticate(data)
        if call.statement.HasField("stream"):
            raise MalformedError("A statement of a stream came to a method that takes none.")
        await self._claim(call)
        return call, parse_body(self.method.request, call.statement.body)  # 12

    async def admit_stream(
        self, messages: AsyncIterator[bytes]
    ) -> tuple[Call, AsyncIterator[Message]]:
        """Return the verified call of a request stream, and its requests.

        The requests end only when the closing statement has been verified and nothing follows.
        """
        call = await self._authenticate(await _next_or_none(messages) or b"")
        if not call.statement.HasField("stream"):
            raise MalformedError("A statement without a stream position came in a stream.")
        self._requests.check(call.statement.stream)
        self._requests.advance(call.signed.payload, call.statement.stream)
        await self._claim(call)
        return call, self._requests_of(call, messages)

    def answer(self, response: Message) -> bytes:
        """Return the signed answer of an RPC that answers with one message."""
        body = self._body(response)
        signed = self.protection.responses.body(self.method.path, self._digest(), body)
        return signed.SerializeToString()

    async def answer_next(self, call: Call, response: Message) -> bytes:
        """Return the next signed message of a response stream, if its sender may still have it."""
        await self.protection.authenticator.check_again(call.sender)
        signed = self.protection.responses.stream_body(
            self.method.path, self._digest(), self._body(response), self._answers
        )
        return signed.SerializeToString()

    def end_stream(self) -> None:
        """Sign the end of a response stream into the trailing metadata."""
        self.context.set_trailing_metadata(((STATUS_METADATA_KEY, self._sign_status(_OK)),))

    async def _fail(self, error: BaseException) -> NoReturn:
        if isinstance(error, grpc.aio.AbortError):
            raise error  # a handler's own abort: already under way, and unsigned
        status = to_status(error)
        if status.code == Code.INTERNAL or isinstance(error, SealError):
            _log.error("%s failed", self.method.path, exc_info=error)
        elif isinstance(error, SealwireError) and self._is_refusal(error):
            self._report(error)
        metadata = (
            (STATUS_METADATA_KEY, self._sign_status(status)),
            (DETAILS_METADATA_KEY, error_details(status)),
        )
        await self.context.abort(grpc_code(status), status.message, metadata)

    def _is_refusal(self, error: SealwireError) -> bool:
        """Tell whether the request did not get through, rather than not do what it asked."""
        return self._signed is None or isinstance(error, AuthenticationError)

    def _report(self, error: SealwireError) -> None:
        claimed = self._claimed()
        key_id = claimed.public_key_id if claimed else ""
        refusal = Refusal(
            method=ascii(self.method.path[:_LOGGED_CHARACTERS])[1:-1],
            claimed_key_id=key_id if is_key_id(key_id) else "",
            error=error,
        )
        try:
            self.protection.on_refusal(refusal)
        except Exception:  # the service's own code, and no reason to answer anything else
            _log.exception("on_refusal failed")

    async def _authenticate(self, data: bytes) -> Call:
        self.receive(data)
        signed, statement, sender = await self.protection.authenticator.authenticate(
            data, self.method, self.context
        )
        return Call(self.method, sender, signed, statement, self.context)

    async def _claim(self, call: Call) -> None:
        await self.protection.replay.claim(call.statement)  # 11
        self._signed = call.signed

    async def _requests_of(
        self, call: Call, messages: AsyncIterator[bytes]
    ) -> AsyncIterator[Message]:
        statement = call.statement
        while not statement.stream.last:
            yield parse_body(self.method.request, statement.body)  # 12
            data = await _next_or_none(messages)
            if data is None:
                raise MalformedError("The stream ended before its closing statement.")
            self.receive(data)
            self._signed, statement = await self.protection.authenticator.authenticate_next(
                data, call.statement, call.sender, self._requests
            )
        if await _next_or_none(messages) is not None:
            raise MalformedError("A message follows the closing statement of its stream.")

    def _body(self, response: Message) -> bytes:
        if type(response) is not self.method.response:
            raise TypeError(f"{self.method.path} answered with a {type(response).__name__}")
        return response.SerializeToString()

    def _sign_status(self, status: Status) -> bytes:
        path, responses = self.method.path, self.protection.responses
        if self.method.response_streaming:
            return responses.stream_end(
                path, self._digest(), status, self._answers
            ).SerializeToString()
        return responses.status(path, self._digest(), status).SerializeToString()

    def _digest(self) -> bytes:
        claimed = self._signed or self._claimed()
        return digest(claimed.payload if claimed else self._received)

    def _claimed(self) -> SignedMessage | None:
        """Return the latest message as it claims to be, for the digest and the log only."""
        try:
            return parse_envelope(self._received)
        except MalformedError:
            return None


def _is_being_cancelled() -> bool:
    """Tell whether gRPC cancels this RPC, and not only something that its handler awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _next_or_none(messages: AsyncIterator[bytes]) -> bytes | None:
    async for message in messages:
        return message
    return None
