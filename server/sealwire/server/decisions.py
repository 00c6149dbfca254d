"""What grants add up to. Pure: rows in, decisions out (docs/permissions.md).

Deny wins over allow, however narrow the allow and however broad the deny; what no grant allows is
denied; a grant that has ended is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sealwire.core.names import ancestors
from sealwire.storage import Effect, GrantRow, Scope, Verb

FOREVER: Final = 2**63 - 1
"""The end of what has no end, in milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a verb is allowed, and the grant that decided; none if nothing matched."""

    allowed: bool
    grant: GrantRow | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions on every verb in one namespace; they hold from `made_at` until `end`."""

    by_verb: dict[Verb, Decision]
    made_at: int
    end: int

    def __getitem__(self, verb: Verb) -> Decision:
        return self.by_verb[verb]

    def hold(self, now: int) -> bool:
        """Tell whether nothing has begun or ended since the decisions were made."""
        return self.made_at <= now < self.end


def decide(covering: Sequence[GrantRow], *, now: int) -> Decisions:
    """Return the decisions of the grants that cover a namespace, to a subject and its groups."""
    current = [grant for grant in covering if grant.in_force(now)]
    ends = [grant.expires_at for grant in current if grant.expires_at is not None]
    by_verb = {verb: _decide([grant for grant in current if grant.verb == verb]) for verb in Verb}
    return Decisions(by_verb, made_at=now, end=min(ends, default=FOREVER))


def held_until(
    verb: Verb,
    namespace: str,
    scope: Scope,
    *,
    covering: Iterable[GrantRow],
    denials_below: Iterable[GrantRow],
    now: int,
) -> int:
    """Return until when a subject holds a verb over all that a new grant would cover; 0: not now.

    Over a subtree, an exact allow is not enough, and one denial below is too much.
    """
    if scope == Scope.SUBTREE:
        wide = [grant for grant in covering if _covers_subtree(grant, namespace)]
        denials = [grant for grant in covering if grant.effect == Effect.DENY]
        covering = [*wide, *denials, *denials_below]
    matching = [grant for grant in covering if grant.verb == verb and grant.in_force(now)]
    if any(grant.effect == Effect.DENY for grant in matching):
        return 0
    return max((FOREVER if g.expires_at is None else g.expires_at for g in matching), default=0)


def _decide(matching: Sequence[GrantRow]) -> Decision:
    for effect in (Effect.DENY, Effect.ALLOW):
        found = [grant for grant in matching if grant.effect == effect]
        if found:
            # The nearest one explains best; among equals, the choice is the same every time.
            nearest = max(found, key=lambda g: (len(g.namespace), g.subject_kind, g.subject_id))
            return Decision(effect == Effect.ALLOW, nearest)
    return Decision(allowed=False, grant=None)


def _covers_subtree(grant: GrantRow, namespace: str) -> bool:
    here = (namespace, *ancestors(namespace))
    return grant.scope == Scope.SUBTREE and grant.namespace in here
