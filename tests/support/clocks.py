"""Clocks that stand still until a test moves them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealwire.core.clock import system_clock


@dataclass(slots=True)
class AdjustableClock:
    """A `Clock` that begins at the present, because TLS checks certificates by the real one."""

    now: int = field(default_factory=system_clock)

    def __call__(self) -> int:
        """Return the moment that was set."""
        return self.now

    def advance(self, milliseconds: int) -> None:
        """Step forward; or back, for a negative number."""
        self.now += milliseconds
