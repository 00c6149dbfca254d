"""What the blocking and the asyncio signing channel have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sealwire.client.exchange import ClientExchange, Session
from sealwire.client.key_lookup import LIST_SERVER_KEYS
from sealwire.client.pinning import OnNewServerKey, ServerPin
from sealwire.core.clock import Clock, system_clock
from sealwire.core.keys import PublicKey, Random, Signer
from sealwire.core.requests import RequestFactory

Extra = Iterable[tuple[str, str | bytes]] | None
"""Metadata that a caller adds; it is not signed."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Asks how the server's key changed; `send` is gRPC's own callable of that question."""

    session: Session
    send: Callable[..., Any]


F = TypeVar("F", bound=Follower)


@dataclass(frozen=True, slots=True)
class StubMethod(Generic[F]):
    """One method of a stub: where it goes, and gRPC's own callable over raw bytes."""

    follower: F
    path: str
    send: Callable[..., Any]

    def begin(self, options: Mapping[str, Any]) -> ClientExchange:
        """Begin one RPC with the options that gRPC is going to be given."""
        return self.follower.session.exchange(self.path, timeout=options.get("timeout"))


class StubChannel:
    """What a generated stub asks of a channel; subclasses say how each shape is called."""

    follower: ClassVar[type[Follower]]
    unary_unary_method: ClassVar[type[StubMethod[Any]]]
    unary_stream_method: ClassVar[type[StubMethod[Any]]]
    stream_unary_method: ClassVar[type[StubMethod[Any]]]
    stream_stream_method: ClassVar[type[StubMethod[Any]]]

    def __init__(
        self,
        channel: Any,  # noqa: ANN401 - grpc.Channel or grpc.aio.Channel; subclasses narrow it
        signer: Signer,
        *,
        audience: str,
        server_key: PublicKey,
        clock: Clock = system_clock,
        random: Random = os.urandom,
        on_new_server_key: OnNewServerKey | None = None,
    ) -> None:
        """Sign with `signer` for `audience`; accept answers that `server_key` signed.

        When the server's key was rotated, the channel asks for the successions, and believes the
        new key if they lead to it from `server_key`. It then tells `on_new_server_key`, which may
        keep it for the next time; what that raises, the caller of the RPC under way is given.
        """
        self._channel = channel
        session = Session(
            RequestFactory(signer, audience, clock, random),
            ServerPin(server_key, on_new_server_key),
        )
        self._follower = self.follower(session, channel.unary_unary(LIST_SERVER_KEYS))

    @property
    def server_key(self) -> PublicKey:
        """The key that answers are verified with now."""
        return self._follower.session.server_key

    def unary_unary(self, method: str, *_: object, **__: object) -> StubMethod[Any]:
        """Return the callable of a method; generated stubs call this."""
        return self._method(self.unary_unary_method, method, self._channel.unary_unary(method))

    def unary_stream(self, method: str, *_: object, **__: object) -> StubMethod[Any]:
        """Return the callable of a method that answers with a stream."""
        return self._method(self.unary_stream_method, method, self._channel.unary_stream(method))

    def stream_unary(self, method: str, *_: object, **__: object) -> StubMethod[Any]:
        """Return the callable of a method that takes a stream."""
        return self._method(self.stream_unary_method, method, self._channel.stream_unary(method))

    def stream_stream(self, method: str, *_: object, **__: object) -> StubMethod[Any]:
        """Return the callable of a method that takes and answers with a stream."""
        return self._method(self.stream_stream_method, method, self._channel.stream_stream(method))

    def _method(
        self, kind: type[StubMethod[Any]], path: str, send: Callable[..., Any]
    ) -> StubMethod[Any]:
        return kind(self._follower, path, send)
