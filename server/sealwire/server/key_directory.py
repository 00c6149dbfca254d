"""The key directory over the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sealwire.core.keys import is_key_id
from sealwire.interceptors import EnrolledKey
from sealwire.storage import Store

_REMEMBERED_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class StoreKeyDirectory:
    """A `KeyDirectory` that remembers keys it has found.

    That is safe because a key, once enrolled, stays active: nothing in this version ends one.
    """

    store: Store
    _found: dict[str, EnrolledKey] = field(default_factory=dict)

    async def find(self, public_key_id: str) -> EnrolledKey | None:
        """Return the key if it is enrolled."""
        if known := self._found.get(public_key_id):
            return known
        if not is_key_id(public_key_id):
            return None
        found = await self.store.read(lambda tx: tx.identities.find_by_key(public_key_id))
        if found is None:
            return None
        if len(self._found) >= _REMEMBERED_KEYS:
            self._found.clear()
        identity, public_key = found
        return self._found.setdefault(public_key_id, EnrolledKey(public_key, identity.id))
