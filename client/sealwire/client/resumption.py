"""Where a subscription has come to, and when it is asked for again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from google.protobuf.message import Message

from sealwire.client.attempts import MAX_ATTEMPTS, backoff
from sealwire.client.errors import RemoteError, TransportError
from sealwire.client.operations import Subscription
from sealwire.core.errors import Code, OverloadedError
from sealwire.core.keys import Random

STREAM_SECONDS: Final = 600.0
"""How long one stream lasts before the next takes its place: so a connection that died unnoticed is
left behind, and a certificate is renewed in time."""

T = TypeVar("T")


@dataclass(slots=True)
class Resumption(Generic[T]):
    """One subscription: every stream goes on where the last verified answer of the others ended.

    One that never stood is given up as any call is, one that stood is asked for again until the
    server itself refuses; one that was merely too slow goes on.
    """

    subscription: Subscription[T]
    random: Random
    _next_revision: int | None = None
    _failures: int = 0

    def request(self) -> Message:
        """Return what the next stream is asked for with."""
        if self._next_revision is None:
            return cast("Message", self.subscription.request)
        return self.subscription.at(self._next_revision)

    def advance(self, answer: T) -> None:
        """Take note of a verified answer."""
        self._next_revision = cast("Any", answer).next_revision
        self._failures = 0

    def pause(self) -> float:
        """Return how many seconds to wait before the next stream."""
        self._failures += 1
        return backoff(self._failures, self.random)

    def goes_on_after(self, error: TransportError | RemoteError) -> bool:
        """Tell whether there is to be another stream after this end of one."""
        stood = self._next_revision is not None
        if isinstance(error, RemoteError) and error.code != Code.UNAVAILABLE:
            return stood and error.status_reason == OverloadedError.reason
        return stood or self._failures + 1 < MAX_ATTEMPTS
