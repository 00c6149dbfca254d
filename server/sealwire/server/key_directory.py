"""The key directory over the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.keys import is_key_id
from sealwire.interceptors import EnrolledKey
from sealwire.server.rights import Rights, Standing
from sealwire.storage import AuthorityVersion, Store, Transaction

_REMEMBERED_KEYS: Final = 10_000
_NOTHING_SEEN: Final = AuthorityVersion(0, b"")


@dataclass(slots=True)
class StoreKeyDirectory:
    """A `KeyDirectory` that remembers the keys it has found, until anything changes.

    Every unit of work tells it which state of the store it saw. So a change that this process made
    is known here before it is acknowledged, and one that another process made, with the next unit.
    Whatever is remembered here, a unit decides again for itself (guard.py).
    """

    store: Store
    rights: Rights
    clock: Clock
    _seen: AuthorityVersion = _NOTHING_SEEN
    _found: dict[str, EnrolledKey] = field(default_factory=dict)
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def observe(self, version: AuthorityVersion) -> None:
        """Take note of a state that was seen; what is older than it is forgotten."""
        if version.sequence > self._seen.sequence:
            self._seen = version
            self._found.clear()
            for tell in self._listeners:
                tell()

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have `tell` called, on the event loop, whenever a newer state of authority was seen."""
        self._listeners.append(tell)

    async def find(self, public_key_id: str) -> EnrolledKey | None:
        """Return the key if it and its identity are active."""
        if known := self._found.get(public_key_id):
            return known
        if not is_key_id(public_key_id):
            return None

        def unit(tx: Transaction) -> tuple[Standing | None, AuthorityVersion]:
            return self.rights.of(tx).standing(public_key_id), tx.authority.version()

        standing, version = await self.store.read(unit)
        self.observe(version)
        if standing is None or not standing.may_act(self.clock()):
            return None
        key = EnrolledKey(
            public_key=standing.key.public_key,
            identity=standing.identity.id,
            expires_at=standing.key.expires_at,
            certificate_uri=standing.key.certificate_uri,
            revoked_certificates=standing.revoked_certificates,
        )
        if version == self._seen:  # else a change has overtaken this read
            if len(self._found) >= _REMEMBERED_KEYS:
                self._found.clear()
            self._found[public_key_id] = key
        return key
