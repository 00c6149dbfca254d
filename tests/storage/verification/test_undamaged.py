"""Verification finds nothing in what the store itself left."""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.storage import (
    Damage,
    Namespace,
    NewRecord,
    Store,
    Transaction,
    count_verified,
    reseal_records,
    verify,
)
from sealwire.storage.findings import UNIT_BYTES, UNIT_ROWS
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    create,
    enrolled,
    files,
    namespace_of,
    opened,
    plain,
    put,
)
from tests.storage.verification.filled import (
    damages,
    erase,
    findings,
    rotated,
)


def test_in_an_empty_store_nothing_is_damaged(tmp_path: Path) -> None:
    with opened(create(tmp_path / "empty.db")) as store:
        assert damages(store) == []


def test_everything_is_looked_at_and_nothing_is_damaged(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    found = findings(store)
    assert [damage for finding in found for damage in finding.damage] == []
    looked_at: dict[str, int] = {}
    for finding in found:
        looked_at[finding.what] = looked_at.get(finding.what, 0) + finding.looked_at
    with plain(database) as connection:
        for what, table in (
            ("versions", "record_versions"),
            ("changes", "changes"),
            ("answers", "answers"),
        ):
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert looked_at[what] == count > 0
    assert sum(looked_at.values()) == store.read_blocking(count_verified)


def test_it_changes_nothing(store: Store, spaces: dict[str, Namespace], database: Path) -> None:
    store.close()
    before = files(database.parent)
    with opened(database, seed="verify") as again:
        assert damages(again) == []
    assert files(database.parent) == before


def resealed(store: Store, spaces: dict[str, Namespace]) -> None:
    rotated(store, spaces)
    for _ in reseal_records(store, pause=lambda _: None):
        pass


def outgrown(store: Store, spaces: dict[str, Namespace]) -> None:
    for number in range(20):
        put(store, spaces["plain"], "march", b"%d" % number)


def expired(store: Store, _: dict[str, Namespace]) -> None:
    places = store.read_blocking(lambda tx: tx.housekeeping.expired(now=NOW))
    assert places
    store.write_blocking(lambda tx: tx.housekeeping.expire(places, now=NOW))


def forgotten(store: Store, _: dict[str, Namespace]) -> None:
    last = store.read_blocking(lambda tx: tx.changes.last())
    store.write_blocking(lambda tx: tx.housekeeping.forget_changes(keep_from=last - 5))
    store.write_blocking(lambda tx: tx.answers.forget(before=NOW + 1))


def erased(store: Store, spaces: dict[str, Namespace]) -> None:
    erase(store, spaces["carols"].owner_id)


def removed(store: Store, spaces: dict[str, Namespace]) -> None:
    erased(store, spaces)
    while places := store.read_blocking(lambda tx: tx.housekeeping.unreadable()):
        store.write_blocking(lambda tx: tx.housekeeping.remove_unreadable(places))


def taken_over(store: Store, spaces: dict[str, Namespace]) -> None:
    removed(store, spaces)

    def unit(tx: Transaction) -> None:
        empty = tx.namespaces.find("carols")
        assert empty is not None
        space = tx.namespaces.take_over(empty, owner_id=enrolled(tx, BOB), now=NOW + 1)
        tx.records.put(space, NewRecord("march", b"bob's"), now=NOW + 1)

    store.write_blocking(unit)


LATER_STATES = [rotated, resealed, outgrown, expired, forgotten, erased, removed, taken_over]


@pytest.mark.parametrize("later", LATER_STATES, ids=lambda later: str(later.__name__))
def test_whatever_the_store_did_to_what_it_holds_is_no_damage(
    store: Store,
    spaces: dict[str, Namespace],
    later: Callable[[Store, dict[str, Namespace]], None],
) -> None:
    later(store, spaces)
    assert damages(store) == []


def test_what_is_sealed_to_an_erased_identity_is_counted_and_is_no_damage(
    store: Store, spaces: dict[str, Namespace]
) -> None:
    erased(store, spaces)
    counts = {f.what: 0 for f in findings(store)}
    for finding in findings(store):
        counts[finding.what] += finding.erased
    # All versions of five names, of one three, and the one answer.
    assert (counts["versions"], counts["answers"]) == (11, 1)


def test_whatever_happens_between_two_units_is_no_damage(
    store: Store, spaces: dict[str, Namespace]
) -> None:
    happens: Iterator[Callable[[Store, dict[str, Namespace]], None]] = iter(
        [rotated, outgrown, expired, removed, forgotten]
    )
    found: list[Damage] = []
    for finding in verify(store):
        found += finding.damage
        step = next(happens, None)
        if step is not None:
            step(store, spaces)
        put(store, spaces["sealed"], "busy", b"value")
        store.write_blocking(lambda tx: tx.records.delete(spaces["sealed"], "busy", now=NOW))
    assert found == []


def test_each_unit_is_of_bounded_size(tmp_path: Path) -> None:
    with opened(create(tmp_path / "large.db")) as store:
        namespace = namespace_of(store, ALICE, "n")
        sizes = unit_sizes(store, namespace)
    assert sizes["versions"] == [UNIT_ROWS, 52, 1]
    assert sizes["changes"] == [UNIT_ROWS, 53]


def unit_sizes(store: Store, namespace: Namespace) -> dict[str, list[int]]:
    """Put many records, and some large ones; return how many each unit looks at."""

    def unit(tx: Transaction) -> None:
        for number in range(UNIT_ROWS + 50):
            tx.records.put(namespace, NewRecord(f"{number:04}", b""), now=NOW)
        for number in range(3):
            tx.records.put(namespace, NewRecord(f"x{number}", bytes(UNIT_BYTES // 2 + 1)), now=NOW)

    store.write_blocking(unit)
    return {
        what: [f.looked_at for f in findings(store) if f.what == what and f.looked_at]
        for what in ("versions", "changes")
    }
