"""A store with something of every kind in it, and what a verification finds there."""

from __future__ import annotations

from sealwire.storage import (
    Damage,
    Finding,
    IdentityState,
    KeyState,
    Namespace,
    NewRecord,
    Store,
    Transaction,
    finish_erasures,
    verify,
)
from tests.storage.builders import (
    ALICE,
    NOW,
    enrolled,
    namespace_of,
    private_key,
    put,
    sealed_namespace_of,
)
from tests.storage.changes import populate

CAROL = private_key(0xC0)
REQUEST = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
METADATA = b"metadata"
PAGE_BYTES = 4096


def findings(store: Store) -> list[Finding]:
    return list(verify(store))


def damages(store: Store) -> list[Damage]:
    return [damage for finding in findings(store) for damage in finding.damage]


def fill(store: Store) -> None:
    """Leave something of every kind in the store."""
    populate(store)
    spaces = {
        "plain": namespace_of(store, ALICE, "plain"),
        "sealed": sealed_namespace_of(store, ALICE, "sealed"),
        "carols": sealed_namespace_of(store, CAROL, "carols"),
    }

    def unit(tx: Transaction) -> None:
        for space in spaces.values():
            for name in ("march", "april", "may", "june", "july"):
                for value in (b"1", b"2"):
                    tx.records.put(space, NewRecord(name, value, METADATA), now=NOW)
            tx.records.put(space, NewRecord("june", b"3", expires_at=NOW), now=NOW)
            tx.records.delete(space, "april", now=NOW)
            tx.records.delete(space, "may", now=NOW)
            tx.records.undelete(space, "may", now=NOW)
            tx.records.destroy(space, "july", [1, 2], now=NOW)
        for owner in (ALICE, CAROL):
            tx.answers.add(
                enrolled(tx, owner), REQUEST, digest=bytes(32), response=b"answer", now=NOW
            )

    store.write_blocking(unit)


def erase(store: Store, owner: str) -> None:
    def unit(tx: Transaction) -> None:
        row = tx.identities.find(owner)
        assert row is not None
        tx.identities.set_state(row, IdentityState.ERASED)

    store.write_blocking(unit)
    finish_erasures(store)


def rotated(store: Store, spaces: dict[str, Namespace]) -> None:
    def unit(tx: Transaction) -> None:
        pair = tx.identities.find_by_key(ALICE.public_key.key_id)
        assert pair is not None
        tx.keys.add(pair[0].id, private_key(0xA2).public_key, now=NOW)
        tx.keys.end(pair[1], KeyState.ROTATED, now=NOW)

    store.write_blocking(unit)
    put(store, spaces["sealed"], "march", b"newer")
