"""Granting: nobody grants more than they hold, for longer than they hold it, or over a wider scope.

`share` lets its holder pass on what they hold, and take back what they gave. `admin` also lets its
holder deny, and take back what others gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sealwire.core.errors import PermissionDeniedError
from sealwire.server.decisions import FOREVER, held_until
from sealwire.server.rights import RightsView
from sealwire.storage import Effect, GrantRow, Scope, Verb


class _Refusals(NamedTuple):
    """What somebody hears who does not hold a verb, or not for long enough."""

    not_held: str
    ends: str


_GRANTING: Final = _Refusals(
    "You can't grant {verb} here: you don't hold it yourself over all that the grant would cover.",
    "You can't grant {verb} for so long: your own right to it ends sooner.",
)
_UNDENYING: Final = _Refusals(
    "You can't take back a denial of {verb} here: "
    "you don't hold it yourself over all that the denial covers.",
    "You can't take back a denial of {verb}: "
    "your own right to it ends, and what the denial holds back may not.",
)
_NOT_ADMIN: Final = "Only a holder of admin over all that it covers can {what} here."


@dataclass(frozen=True, slots=True)
class Grantor:
    """Somebody who holds share or admin on a namespace, at `now`.

    What is held is looked up once: ask all there is to ask before anything is changed.
    """

    rights: RightsView = field(repr=False)
    identity_id: str
    namespace: str
    now: int
    _found: dict[Scope, tuple[Sequence[GrantRow], Sequence[GrantRow]]] = field(
        default_factory=dict, repr=False
    )

    def require_may_put(self, grant: GrantRow) -> None:
        """Return if the grantor may make this grant, whose namespace is the grantor's.

        Raises:
            PermissionDeniedError: saying what is missing.
        """
        if grant.effect == Effect.DENY:
            self._require_admin(Scope(grant.scope), "deny")
            return
        until = FOREVER if grant.expires_at is None else grant.expires_at
        for verb in (self._way(Scope(grant.scope)), Verb(grant.verb)):
            self._require_held(verb, Scope(grant.scope), _GRANTING, until=until)

    def holds(self, grant: GrantRow) -> bool:
        """Tell whether the grantor holds all that a grant gives, for as long as it gives it."""
        until = FOREVER if grant.expires_at is None else grant.expires_at
        return self._held_until(Verb(grant.verb), Scope(grant.scope)) >= until

    def require_may_remove(self, grant: GrantRow) -> None:
        """Return if the grantor may take this grant back.

        Raises:
            PermissionDeniedError: saying what is missing.
        """
        scope = Scope(grant.scope)
        if grant.effect == Effect.ALLOW and grant.granted_by == self.identity_id:
            return
        self._require_admin(scope, "take back what others granted")
        if grant.effect == Effect.DENY:  # taking a denial back gives the verb
            self._require_held(Verb(grant.verb), scope, _UNDENYING, until=FOREVER)

    def _way(self, scope: Scope) -> Verb:
        return max((Verb.SHARE, Verb.ADMIN), key=lambda verb: self._held_until(verb, scope))

    def _require_admin(self, scope: Scope, what: str) -> None:
        if self._held_until(Verb.ADMIN, scope) <= self.now:
            raise PermissionDeniedError(_NOT_ADMIN.format(what=what))

    def _require_held(self, verb: Verb, scope: Scope, refusals: _Refusals, *, until: int) -> None:
        held = self._held_until(verb, scope)
        if held <= self.now:
            raise PermissionDeniedError(refusals.not_held.format(verb=verb))
        if held < until:
            raise PermissionDeniedError(refusals.ends.format(verb=verb))

    def _held_until(self, verb: Verb, scope: Scope) -> int:
        covering, below = self._own_grants(scope)
        return held_until(
            verb, self.namespace, scope, covering=covering, denials_below=below, now=self.now
        )

    def _own_grants(self, scope: Scope) -> tuple[Sequence[GrantRow], Sequence[GrantRow]]:
        """Return the grants to the grantor that cover the namespace, and its denials below it."""
        if scope not in self._found:
            grants = self.rights.tx.grants
            subjects = sorted(self.rights.subjects(self.identity_id))
            self._found[scope] = (
                grants.covering(self.namespace, subjects=subjects),
                grants.denials_below(self.namespace, subjects=subjects)
                if scope == Scope.SUBTREE
                else (),
            )
        return self._found[scope]
