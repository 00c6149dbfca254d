"""The channels of one client: the newest takes new calls, while older ones finish theirs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, cast

from sealwire.client.connection import Access
from sealwire.client.stub_channel import StubChannel
from sealwire.client.upkeep import Upkeep
from sealwire.core.clock import Clock
from sealwire.core.keys import Random
from sealwire.core.policy import method_policy

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a call may take."""

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The clock (milliseconds), the randomness, and the seconds that a call may take.

    `monotonic` is the clock that they are counted by, as gRPC does.
    """

    clock: Clock
    random: Random
    timeout: float
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True, eq=False)
class Line(Generic[C]):
    """One channel, what it was opened with, and how many calls are under way on it."""

    access: Access
    channel: C
    signing: StubChannel
    calls: int = 0
    _methods: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def method(self, path: str) -> Callable[..., Any]:
        """Return what makes calls of one method, which takes one message."""
        if path not in self._methods:
            streams = method_policy(path).response_streaming
            shape = self.signing.unary_stream if streams else self.signing.unary_unary
            self._methods[path] = cast("Callable[..., Any]", shape(path))
        return self._methods[path]


class Lines(Generic[C]):
    """Opens a line when the upkeep's access has changed; may be used by many threads."""

    def __init__(self, upkeep: Upkeep, open_line: Callable[[Access], Line[C]]) -> None:
        """Open the first line."""
        self._upkeep = upkeep
        self._open_line = open_line
        self._lock = threading.Lock()
        self._lines = [open_line(upkeep.access)]

    def take(self) -> Line[C]:
        """Return the line for one call, to be given back.

        Raises:
            ValueError: if the client was closed.
        """
        with self._lock:
            if not self._lines:
                raise ValueError("This client was closed.")
            if self._lines[-1].access is not self._upkeep.access:
                self._lines.append(self._open_line(self._upkeep.access))
            line = self._lines[-1]
            line.calls += 1
            return line

    def give_back(self, line: Line[C]) -> list[C]:
        """Take note that a call has ended; return the channels to close, which nobody will use."""
        with self._lock:
            line.calls -= 1
            unused = [line for line in self._lines[:-1] if not line.calls]
            self._lines = [line for line in self._lines if line not in unused]
            return [line.channel for line in unused]

    def end(self) -> list[C]:
        """Open no further line, and return the channels to close: every one."""
        with self._lock:
            channels = [line.channel for line in self._lines]
            self._lines = []
            return channels
