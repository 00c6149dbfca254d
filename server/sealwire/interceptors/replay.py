"""Step 11: every nonce is good once.

A nonce is kept for as long as its request could pass the time window. Nonces are held in two
generations; the older one is dropped as a whole once both the wall clock and the monotonic clock
say that nothing in it can pass any more; from then on whatever is not younger than it is refused,
so stepping the clock in either direction lets nothing pass twice. A nonce that could still pass is
never dropped: a full store refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from sealwire.core.clock import Clock
from sealwire.core.encoding import length_prefixed
from sealwire.core.envelope import digest
from sealwire.core.errors import AuthenticationError, OverloadedError
from sealwire.core.requests import TimeWindow
from sealwire.v1.envelope_pb2 import RequestStatement

DEFAULT_CAPACITY: Final = 2_000_000
_NEVER: Final = -(2**63)


class ReplayGuard(Protocol):
    """Whatever remembers nonces; several servers of one audience must share one."""

    async def claim(self, statement: RequestStatement) -> None:
        """Claim the nonce of a verified statement, atomically, for its key.

        Raises:
            AuthenticationError: if it was claimed before, or may have been.
            OverloadedError: if it can't be remembered.
        """
        ...


class NonceJournal(Protocol):
    """Where claimed nonces outlive the process."""

    def append(self, nonce_digest: bytes, issued_at: int) -> None:
        """Write one claimed nonce, whole or not at all; OverloadedError if that fails."""
        ...

    def start_generation(self, accept_after: int) -> None:
        """Drop the older generation and begin a new one; OverloadedError if that fails."""
        ...


@dataclass(slots=True)
class Generation:
    """Nonces claimed in one stretch of time, as digests; and what decides when they are dead.

    `accept_after` is the latest `issued_at` that is refused outright, because its nonce may have
    been claimed and is not remembered: dropped with its generation, or lost with a predecessor.
    """

    started_at: float
    accept_after: int = _NEVER
    latest_issued_at: int = _NEVER
    nonces: set[bytes] = field(default_factory=set)

    def add(self, nonce_digest: bytes, issued_at: int) -> None:
        """Remember one nonce."""
        self.nonces.add(nonce_digest)
        self.latest_issued_at = max(self.latest_issued_at, issued_at)


@dataclass(slots=True)
class NonceStore:
    """A `ReplayGuard` for one process; with a journal, also across its restarts."""

    clock: Clock
    monotonic_ms: Clock
    window: TimeWindow
    current: Generation
    older: Generation
    capacity: int = DEFAULT_CAPACITY
    journal: NonceJournal | None = None

    @classmethod
    def in_memory(
        cls,
        *,
        clock: Clock,
        monotonic_ms: Clock,
        window: TimeWindow | None = None,
        capacity: int = DEFAULT_CAPACITY,
    ) -> NonceStore:
        """Return a store whose nonces die with the process.

        It refuses every request that a predecessor could have accepted, so for `skew_ms` after
        start-up it refuses clients whose clocks are right. `ReplayJournal` avoids that.
        """
        window = window or TimeWindow()
        return cls(
            clock=clock,
            monotonic_ms=monotonic_ms,
            window=window,
            current=Generation(monotonic_ms(), accept_after=clock() + window.skew_ms),
            older=Generation(monotonic_ms()),
            capacity=capacity,
        )

    async def claim(self, statement: RequestStatement) -> None:
        """Claim a nonce; there is no suspension point, so of racing claims one succeeds."""
        if statement.issued_at <= self.current.accept_after:
            raise AuthenticationError("The request is from a time whose nonces are not kept.")
        nonce = nonce_digest(statement)
        if nonce in self.current.nonces or nonce in self.older.nonces:
            raise AuthenticationError("The nonce was used before.")
        self._retire()
        if len(self.current.nonces) + len(self.older.nonces) >= self.capacity:
            raise OverloadedError("The server remembers as many requests as it can; retry later.")
        self.current.add(nonce, statement.issued_at)
        if self.journal is not None:
            self.journal.append(nonce, statement.issued_at)

    def _retire(self) -> None:
        retention = self.window.window_ms + self.window.skew_ms
        now = self.monotonic_ms()
        latest = self.older.latest_issued_at
        if now - self.current.started_at < retention:
            return
        if latest != _NEVER and self.clock() - latest <= self.window.window_ms:
            return
        accept_after = max(self.current.accept_after, latest)
        if self.journal is not None:
            self.journal.start_generation(accept_after)
        self.older, self.current = self.current, Generation(now, accept_after)


def nonce_digest(statement: RequestStatement) -> bytes:
    """Return what stands for a nonce of one key: 32 bytes, whatever their lengths."""
    return digest(
        length_prefixed("sealwire/v1/nonce", statement.public_key_id.encode(), statement.nonce)
    )
