"""What the blocking and the asyncio signing channel have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sealwire.client.exchange import Session
from sealwire.core.clock import Clock, system_clock
from sealwire.core.keys import PublicKey, Random, Signer
from sealwire.core.requests import RequestFactory

Extra = Iterable[tuple[str, str | bytes]] | None
"""Metadata that a caller adds; it is not signed."""


@dataclass(frozen=True, slots=True)
class StubMethod:
    """One method of a stub: where it goes, and gRPC's own callable over raw bytes."""

    session: Session
    path: str
    send: Callable[..., Any]


class StubChannel:
    """What a generated stub asks of a channel; subclasses say how each shape is called."""

    unary_unary_method: ClassVar[type[StubMethod]]
    unary_stream_method: ClassVar[type[StubMethod]]
    stream_unary_method: ClassVar[type[StubMethod]]
    stream_stream_method: ClassVar[type[StubMethod]]

    def __init__(
        self,
        channel: Any,  # noqa: ANN401 - grpc.Channel or grpc.aio.Channel; subclasses narrow it
        signer: Signer,
        *,
        audience: str,
        server_key: PublicKey,
        clock: Clock = system_clock,
        random: Random = os.urandom,
    ) -> None:
        """Sign with `signer` for `audience`; accept answers that `server_key` signed."""
        self._channel = channel
        self._session = Session(RequestFactory(signer, audience, clock, random), server_key)

    def unary_unary(self, method: str, *_: object, **__: object) -> StubMethod:
        """Return the callable of a method; generated stubs call this."""
        return self.unary_unary_method(self._session, method, self._channel.unary_unary(method))

    def unary_stream(self, method: str, *_: object, **__: object) -> StubMethod:
        """Return the callable of a method that answers with a stream."""
        return self.unary_stream_method(self._session, method, self._channel.unary_stream(method))

    def stream_unary(self, method: str, *_: object, **__: object) -> StubMethod:
        """Return the callable of a method that takes a stream."""
        return self.stream_unary_method(self._session, method, self._channel.stream_unary(method))

    def stream_stream(self, method: str, *_: object, **__: object) -> StubMethod:
        """Return the callable of a method that takes and answers with a stream."""
        return self.stream_stream_method(self._session, method, self._channel.stream_stream(method))
