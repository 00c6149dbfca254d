"""Who a key is, and what it may do: read in the transaction that acts on it, and remembered.

What is remembered belongs to one stamp of the store's authority, so that it is never stale: a
transaction reads the present stamp first.
"""

from __future__ import annotations

import collections
import threading
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sealwire.core.errors import AuthenticationError
from sealwire.server.decisions import Decisions, decide
from sealwire.storage import IdentityRow, IdentityState, KeyRow, Transaction

K = TypeVar("K")
V = TypeVar("V")

_STAMPS: Final = 4
_ENTRIES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """An enrolled key, its identity, and which of its certificates were revoked."""

    key: KeyRow
    identity: IdentityRow
    revoked_certificates: frozenset[str]

    def may_act(self, now: int) -> bool:
        """Tell whether the key and its identity are active at `now`."""
        return self.key.is_active(now) and self.identity.state == IdentityState.ACTIVE


@dataclass(slots=True)
class _Known:
    """What was found out under one stamp."""

    standings: dict[str, Standing] = field(default_factory=dict)
    subjects: dict[str, frozenset[str]] = field(default_factory=dict)
    erased: dict[str, bool] = field(default_factory=dict)
    decisions: dict[tuple[str, str], Decisions] = field(default_factory=dict)


class Rights:
    """Remembers what transactions found out. Thread-safe; one for each store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[bytes, _Known] = collections.OrderedDict()

    def of(self, tx: Transaction) -> RightsView:
        """Return who may do what as `tx` sees it now; changes that it makes later don't show."""
        stamp = tx.authority.version().stamp
        with self._lock:
            known = self._known.get(stamp)
            if known is None:
                known = self._known[stamp] = _Known()
                while len(self._known) > _STAMPS:
                    self._known.popitem(last=False)
        return RightsView(tx, stamp, known)


@dataclass(frozen=True, slots=True)
class RightsView:
    """Standings and decisions, in one transaction; SealError for a row that was altered."""

    tx: Transaction
    _stamp: bytes
    _known: _Known

    def standing(self, public_key_id: str) -> Standing | None:
        """Return a key's standing, whatever its state; None if it is not enrolled."""
        if found := self._known.standings.get(public_key_id):
            return found
        pair = self.tx.identities.find_by_key(public_key_id)
        if pair is None:
            return None
        identity, key = pair
        standing = Standing(
            key=key,
            identity=identity,
            revoked_certificates=self.tx.keys.revoked_certificates(public_key_id),
        )
        return self._remember(self._known.standings, public_key_id, standing)

    def subjects(self, identity_id: str) -> frozenset[str]:
        """Return an identity's id and those of its groups: whose grants count for it."""
        if found := self._known.subjects.get(identity_id):
            return found
        subjects = self.tx.groups.of_identity(identity_id) | {identity_id}
        return self._remember(self._known.subjects, identity_id, subjects)

    def is_erased(self, identity_id: str) -> bool:
        """Tell whether an identity was erased, so that nothing is sealed to it any more."""
        found = self._known.erased.get(identity_id)
        if found is not None:
            return found
        identity = self.tx.identities.find(identity_id)
        erased = identity is not None and identity.state == IdentityState.ERASED
        return self._remember(self._known.erased, identity_id, erased)

    def decisions(self, identity_id: str, namespace: str, *, now: int) -> Decisions:
        """Return what an identity may do in a namespace, whether that exists or not."""
        found = self._known.decisions.get((identity_id, namespace))
        if found is not None and found.hold(now):
            return found
        subjects = sorted(self.subjects(identity_id))
        decisions = decide(self.tx.grants.covering(namespace, subjects=subjects), now=now)
        return self._remember(self._known.decisions, (identity_id, namespace), decisions)

    def _remember(self, entries: dict[K, V], key: K, value: V) -> V:
        # What this transaction changed itself belongs to another stamp, and may yet be undone.
        if self.tx.authority.version().stamp == self._stamp:
            if len(entries) >= _ENTRIES:
                entries.clear()
            entries[key] = value
        return value


def require_active(standing: Standing | None, *, serial: str, now: int) -> Standing:
    """Return the standing of a key that may act, over a connection with this certificate.

    Raises:
        AuthenticationError: if the key is not enrolled, or has ended, its identity may not act, or
            the certificate was revoked.
    """
    if standing is None or not standing.may_act(now) or serial in standing.revoked_certificates:
        raise AuthenticationError("The key, its identity or its certificate is not active now.")
    return standing
