"""What the store throws away by itself, and what it must not: one unit finds, another removes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from sealwire.core.errors import SealError
from sealwire.core.keys import PrivateKey
from sealwire.storage import IdentityState, Namespace, NewRecord, Store, Transaction
from sealwire.storage.housekeeping import MAX_CHANGES, MIN_KEEP_MS
from sealwire.storage.portions import MAX_BYTES, MAX_ROWS, Place, portion
from sealwire.storage.retention import WALK_ROWS, Position
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    enrolled,
    get,
    namespace_of,
    plain,
    put,
    sealed_namespace_of,
)
from tests.storage.tampering import execute

LATER: Final = NOW + 60_000
DIGEST: Final = b"d" * 32


def put_until(
    store: Store, namespace: Namespace, name: str, expires_at: int, value: bytes = b""
) -> None:
    new = NewRecord(name, value, b"metadata", expires_at)
    store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))


def put_at(store: Store, namespace: Namespace, name: str, *moments: int) -> None:
    def unit(tx: Transaction) -> None:
        for moment in moments:
            tx.records.put(namespace, NewRecord(name, b""), now=moment)

    store.write_blocking(unit)


def put_many(store: Store, namespace: Namespace, count: int, expires_at: int | None = None) -> None:
    new = [(namespace, NewRecord(f"r{n:05}", b"", b"", expires_at)) for n in range(count)]
    store.write_blocking(lambda tx: tx.records.put_all(new, now=NOW))


def destroy(store: Store, namespace: Namespace, name: str, *versions: int) -> None:
    store.write_blocking(lambda tx: tx.records.destroy(namespace, name, versions, now=NOW))


def expire(store: Store, *, now: int) -> int:
    """Do the duty until nothing is found; return in how many units."""
    units = 0
    while found := store.read_blocking(lambda tx: tx.housekeeping.expired(now=now)):
        store.write_blocking(lambda tx: tx.housekeeping.expire(found, now=now))
        units += 1
    return units


def drop_outgrown(store: Store, *, now: int) -> int:
    """Walk once through all versions; return how many units looked."""
    reached, units = stage(store, None, now=now), 1
    while reached is not None:
        reached, units = stage(store, reached, now=now), units + 1
    return units


def stage(store: Store, position: Position | None, *, now: int) -> Position | None:
    places, reached = store.read_blocking(lambda tx: tx.retention.outgrown(position, now=now))
    store.write_blocking(lambda tx: tx.retention.drop(places, now=now))
    return reached


def surplus(store: Store, *, keep: int, now: int = NOW + MIN_KEEP_MS) -> int:
    return store.read_blocking(lambda tx: tx.housekeeping.surplus(keep=keep, now=now))


def forget(store: Store, *, keep: int) -> None:
    while keep_from := surplus(store, keep=keep):
        store.write_blocking(lambda tx: tx.housekeeping.forget_changes(keep_from=keep_from))


def remove_unreadable(store: Store) -> None:
    while found := store.read_blocking(lambda tx: tx.housekeeping.unreadable()):
        store.write_blocking(lambda tx: tx.housekeeping.remove_unreadable(found))


def erase(store: Store, identity_id: str) -> None:
    def unit(tx: Transaction) -> None:
        found = tx.identities.find(identity_id)
        assert found is not None
        tx.identities.set_state(found, IdentityState.ERASED)

    store.write_blocking(unit)
    store.read_blocking(lambda tx: tx.identities.destroy_salt(identity_id))


def kinds(store: Store) -> list[tuple[int, str, str, int]]:
    """Return the changes that are kept."""
    page = store.read_blocking(lambda tx: tx.changes.page(start=1, limit=10_000))
    return [(row.revision, row.kind, row.stored_name, row.version) for row in page]


def stored(database: Path) -> list[tuple[str, int, bool]]:
    """Return every version that has a row, and whether it has a value."""
    with plain(database) as connection:
        rows = connection.execute(
            "SELECT name, version, blob IS NOT NULL FROM record_versions ORDER BY name, version"
        ).fetchall()
    return [(name, version, bool(value)) for name, version, value in rows]


def versions(database: Path, name: str) -> list[int]:
    return [version for stored_name, version, _ in stored(database) if stored_name == name]


# --- portions


def test_a_unit_removes_no_more_rows_and_bytes_than_it_may_but_one_row_in_any_case() -> None:
    def sizes(given: Iterable[int]) -> list[int]:
        return [place.size for place in portion((1, "name", 1, size) for size in given)]

    assert sizes([1] * (MAX_ROWS + 5)) == [1] * MAX_ROWS
    assert sizes([MAX_BYTES - 1, 1, 1]) == [MAX_BYTES - 1, 1]
    assert sizes([MAX_BYTES + 1, 0]) == [MAX_BYTES + 1]
    assert sizes([]) == []


# --- expiry


def test_what_has_expired_loses_its_value_and_metadata_and_what_has_not_stays(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put_until(store, namespace, "now", LATER, b"secret")
    put_until(store, namespace, "later", LATER + 1)
    put(store, namespace, "never", b"value")
    assert expire(store, now=LATER - 1) == 0
    assert expire(store, now=LATER) == 1
    assert stored(database) == [("later", 1, True), ("never", 1, True), ("now", 1, False)]
    with plain(database) as connection:
        (metadata,) = connection.execute(
            "SELECT metadata FROM record_versions WHERE name = 'now'"
        ).fetchone()
    assert metadata is None
    assert kinds(store)[3:] == [(4, "expire", "now", 1)]
    assert get(store, namespace, "never") == b"value"


def test_a_version_that_is_not_the_current_one_expires_as_well(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put_until(store, namespace, "march", LATER)
    put(store, namespace, "march", b"lasting")
    expire(store, now=LATER)
    assert stored(database) == [("march", 1, False), ("march", 2, True)]
    assert kinds(store)[2:] == [(3, "expire", "march", 1)]
    assert get(store, namespace, "march") == b"lasting"


def test_a_version_expires_once_whatever_two_sweeps_have_found(
    store: Store, namespace: Namespace
) -> None:
    put_until(store, namespace, "march", LATER)
    found = store.read_blocking(lambda tx: tx.housekeeping.expired(now=LATER))
    for _ in range(2):
        store.write_blocking(lambda tx: tx.housekeeping.expire(found, now=LATER))
    assert [kind for _, kind, _, _ in kinds(store)] == ["put", "expire"]


def test_what_was_found_is_spared_if_it_is_another_one_by_then(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"lasting")
    mistaken = [Place(namespace.id, "march", 1, 0), Place(namespace.id, "april", 1, 0)]
    store.write_blocking(lambda tx: tx.housekeeping.expire(mistaken, now=LATER))
    store.write_blocking(lambda tx: tx.housekeeping.remove_unreadable(mistaken))
    store.write_blocking(lambda tx: tx.retention.drop(mistaken, now=LATER))
    assert stored(database) == [("march", 1, True)]
    assert len(kinds(store)) == 1


def test_many_expire_in_several_units(store: Store, namespace: Namespace, database: Path) -> None:
    put_many(store, namespace, MAX_ROWS + 1, LATER)
    assert expire(store, now=LATER) == 2
    assert not any(value for _, _, value in stored(database))
    revisions = [revision for revision, _, _, _ in kinds(store)]
    assert revisions == list(range(1, 2 * MAX_ROWS + 3))


# --- retention


def retained(store: Store, *, keep_versions: int, keep_ms: int) -> Namespace:
    namespace = namespace_of(store, ALICE, "kept")
    return store.write_blocking(
        lambda tx: tx.namespaces.set_retention(
            namespace, keep_versions=keep_versions, keep_ms=keep_ms
        )
    )


def test_a_version_goes_when_its_successor_is_old_enough_and_the_current_one_never(
    store: Store, database: Path
) -> None:
    kept = retained(store, keep_versions=0, keep_ms=1_000)
    put_at(store, kept, "march", NOW, NOW + 10, NOW + 20)
    put_at(store, kept, "april", NOW)
    drop_outgrown(store, now=NOW + 1_009)
    assert versions(database, "march") == [1, 2, 3]
    drop_outgrown(store, now=NOW + 1_010)
    assert versions(database, "march") == [2, 3]
    drop_outgrown(store, now=NOW + 1_000_000)
    assert versions(database, "march") == [3]
    assert versions(database, "april") == [1]
    assert [kind for _, kind, _, _ in kinds(store)] == ["put"] * 4


def test_fewer_versions_are_kept_once_the_namespace_says_so(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put_at(store, namespace, "march", *[NOW] * 5)
    put_at(store, namespace, "april", *[NOW] * 2)
    drop_outgrown(store, now=LATER)
    assert versions(database, "march") == [1, 2, 3, 4, 5]
    store.write_blocking(
        lambda tx: tx.namespaces.set_retention(namespace, keep_versions=2, keep_ms=0)
    )
    drop_outgrown(store, now=LATER)
    assert versions(database, "march") == [4, 5]
    assert versions(database, "april") == [1, 2]


def test_where_everything_is_kept_nothing_goes(store: Store, database: Path) -> None:
    kept = retained(store, keep_versions=0, keep_ms=0)
    put_at(store, kept, "march", *range(NOW, NOW + 12))
    drop_outgrown(store, now=NOW + 10**12)
    assert versions(database, "march") == list(range(1, 13))


def test_a_walk_goes_on_where_it_was_and_looks_at_all(store: Store, database: Path) -> None:
    kept = retained(store, keep_versions=0, keep_ms=1_000)
    put_many(store, kept, WALK_ROWS)
    put_at(store, kept, f"r{WALK_ROWS - 1:05}", NOW)  # its two versions lie in two walks
    put_at(store, kept, "z", *[NOW] * 4)
    assert drop_outgrown(store, now=NOW + 1_000) > 2
    assert len(stored(database)) == WALK_ROWS + 1
    assert {version for _, version, _ in stored(database)} == {1, 2, 4}


def test_a_record_with_much_to_drop_does_not_keep_the_others_waiting(
    store: Store, database: Path
) -> None:
    kept = retained(store, keep_versions=0, keep_ms=1_000)
    put_at(store, kept, "hot", *[NOW] * (2 * MAX_ROWS + 2))
    put_at(store, kept, "march", NOW, NOW)
    drop_outgrown(store, now=NOW + 1_000)
    assert versions(database, "hot")[0] == MAX_ROWS + 1
    assert versions(database, "march") == [2]
    for _ in range(2):
        drop_outgrown(store, now=NOW + 1_000)
    assert versions(database, "hot") == [2 * MAX_ROWS + 2]


def test_where_the_row_of_a_namespace_was_altered_everything_is_kept(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put_at(store, namespace, "march", *[NOW] * 3)
    execute(database, "UPDATE namespaces SET keep_versions = 1")
    drop_outgrown(store, now=LATER)
    assert versions(database, "march") == [1, 2, 3]
    with pytest.raises(SealError):
        store.read_blocking(lambda tx: tx.namespaces.find_by_id(namespace.id))


# --- changes, and records that have ended


def test_the_newest_changes_are_kept_and_their_numbers_go_on(
    store: Store, namespace: Namespace
) -> None:
    for _ in range(5):
        put(store, namespace, "march", b"")
    forget(store, keep=5)
    assert [revision for revision, *_ in kinds(store)] == [1, 2, 3, 4, 5]
    forget(store, keep=2)
    assert [revision for revision, *_ in kinds(store)] == [4, 5]
    forget(store, keep=1)
    put(store, namespace, "march", b"")
    assert [revision for revision, *_ in kinds(store)] == [5, 6]


def test_an_empty_store_has_nothing_to_forget(store: Store) -> None:
    assert surplus(store, keep=1) == 0


def test_many_changes_are_forgotten_in_several_units(store: Store, namespace: Namespace) -> None:
    for _ in range(2):
        put_many(store, namespace, MAX_CHANGES)
    first = surplus(store, keep=10)
    assert first == MAX_CHANGES + 1
    forget(store, keep=10)
    assert len(kinds(store)) == 10


def test_a_change_is_kept_for_a_day_however_many_come_behind_it(
    store: Store, namespace: Namespace
) -> None:
    put_at(store, namespace, "march", NOW, NOW, NOW + 1, NOW + 1)
    put_many(store, namespace, 2 * MAX_CHANGES)
    day = NOW + MIN_KEEP_MS
    assert surplus(store, keep=1, now=day - 1) == 0
    assert surplus(store, keep=1, now=day) == 3
    assert surplus(store, keep=1, now=day + 1) == MAX_CHANGES + 1


def test_changes_from_a_clock_that_was_fast_are_kept_by_number_alone(
    store: Store, namespace: Namespace
) -> None:
    put_at(store, namespace, "march", *[NOW + 1] * 3)
    assert surplus(store, keep=1, now=NOW) == 3


def test_a_record_that_has_ended_is_known_as_long_as_a_change_names_it(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"")
    put(store, namespace, "march", b"")
    destroy(store, namespace, "march", 2)
    destroy(store, namespace, "march", 1)
    put(store, namespace, "april", b"")
    forget(store, keep=2)  # the first end is forgotten, the second is not
    assert versions(database, "march") == [1, 2]
    forget(store, keep=1)
    assert versions(database, "march") == []
    assert put(store, namespace, "march", b"anew") == 1


def test_a_record_that_may_come_back_is_not_removed(
    store: Store, namespace: Namespace, database: Path
) -> None:
    for name in ("deleted", "older", "live"):
        put(store, namespace, name, b"")
    store.write_blocking(lambda tx: tx.records.delete(namespace, "deleted", now=NOW))
    put(store, namespace, "older", b"")
    destroy(store, namespace, "older", 2)  # its first version has a value still
    forget(store, keep=1)
    put(store, namespace, "live", b"")
    forget(store, keep=1)
    assert len(kinds(store)) == 1
    assert stored(database) == [
        ("deleted", 1, True),
        ("live", 1, True),
        ("live", 2, True),
        ("older", 1, True),
        ("older", 2, False),
    ]


def test_a_record_that_ended_goes_with_its_last_value_if_that_was_outgrown(
    store: Store, database: Path
) -> None:
    kept = retained(store, keep_versions=0, keep_ms=1_000)
    put_at(store, kept, "march", NOW, NOW)
    destroy(store, kept, "march", 2)
    put_at(store, kept, "april", NOW)
    forget(store, keep=1)
    assert versions(database, "march") == [1, 2]
    drop_outgrown(store, now=NOW + 1_000)
    assert versions(database, "march") == []


# --- answers


def test_answers_are_forgotten_by_age(store: Store, namespace: Namespace) -> None:
    asker = namespace.owner_id

    def answer(tx: Transaction) -> None:
        tx.answers.add(asker, "old", digest=DIGEST, response=b"answer", now=NOW)
        tx.answers.add(asker, "new", digest=DIGEST, response=b"answer", now=NOW + 1)

    def known(request_id: str) -> bytes | None:
        return store.read_blocking(lambda tx: tx.answers.find(asker, request_id, digest=DIGEST))

    store.write_blocking(answer)
    assert not store.read_blocking(lambda tx: tx.answers.any_before(NOW))
    assert store.read_blocking(lambda tx: tx.answers.any_before(NOW + 1))
    assert store.write_blocking(lambda tx: tx.answers.forget(before=NOW + 1)) == 1
    assert known("old") is None
    assert known("new") == b"answer"


# --- erased owners


def test_what_was_sealed_to_an_erased_identity_is_removed_and_nothing_else(
    store: Store, database: Path
) -> None:
    private = sealed_namespace_of(store, ALICE, "private")
    plainly = namespace_of(store, ALICE, "plainly")
    others = namespace_of(store, BOB, "others")
    for namespace in (private, plainly, others):
        put_at(store, namespace, "march", NOW, NOW)
    before = kinds(store)
    remove_unreadable(store)
    assert len(stored(database)) == 6
    erase(store, private.owner_id)
    remove_unreadable(store)
    assert stored(database) == [("march", 1, True), ("march", 2, True)]
    assert get(store, others, "march") == b""
    assert kinds(store) == before


def test_what_an_intruder_calls_erased_is_not_removed(
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"value")
    place = [Place(namespace.id, "march", 1, 5)]
    execute(database, "UPDATE identities SET state = 'erased'")
    assert store.read_blocking(lambda tx: tx.housekeeping.unreadable()) == []
    store.write_blocking(lambda tx: tx.housekeeping.remove_unreadable(place))
    assert stored(database) == [("march", 1, True)]


def test_where_an_altered_namespace_keeps_what_is_unreadable_others_do_not_wait_for_it(
    store: Store, namespace: Namespace, database: Path
) -> None:
    others = namespace_of(store, BOB, "others")
    for place in (namespace, others):
        put(store, place, "march", b"value")
    for place in (namespace, others):
        erase(store, place.owner_id)
    execute(database, "UPDATE namespaces SET keep_versions = 1 WHERE name <> 'others'")
    remove_unreadable(store)
    assert len(stored(database)) == 1


def test_an_empty_namespace_can_be_given_to_another_owner(store: Store, database: Path) -> None:
    private = sealed_namespace_of(store, ALICE, "private")
    others = namespace_of(store, BOB, "others")
    put(store, private, "march", b"alice's")
    erase(store, private.owner_id)
    remove_unreadable(store)

    def take_over(tx: Transaction) -> Namespace:
        found = tx.namespaces.find("private")
        assert found is not None
        assert not tx.records.has_any(found)
        return tx.namespaces.take_over(found, owner_id=others.owner_id, now=NOW + 1)

    taken = store.write_blocking(take_over)
    assert store.read_blocking(lambda tx: tx.namespaces.find("private")) == taken
    assert taken.name_key not in {None, private.name_key}
    assert taken.created_at == NOW + 1
    assert taken.id != private.id
    assert put(store, taken, "march", b"bob's") == 2
    assert get(store, taken, "march") == b"bob's"
    assert "march" not in {name for name, _, _ in stored(database)}
    remove_unreadable(store)
    assert len(stored(database)) == 1


def taken_over(store: Store, name: str, owner: PrivateKey) -> Namespace:
    """Erase the owner of a namespace, and give it to another."""

    def found(tx: Transaction) -> Namespace:
        namespace = tx.namespaces.find(name)
        assert namespace is not None
        return namespace

    def unit(tx: Transaction) -> Namespace:
        return tx.namespaces.take_over(found(tx), owner_id=enrolled(tx, owner), now=NOW + 1)

    erase(store, store.read_blocking(found).owner_id)
    remove_unreadable(store)
    return store.write_blocking(unit)


def test_no_version_of_a_new_owner_has_a_number_that_was_in_use(store: Store) -> None:
    kept = retained(store, keep_versions=0, keep_ms=0)
    put_at(store, kept, "hot", *[NOW] * (MAX_ROWS + 5))  # removed in several units
    put_at(store, kept, "march", NOW)
    bobs = taken_over(store, "kept", BOB)
    assert put(store, bobs, "march", b"") == MAX_ROWS + 6
    assert put(store, bobs, "march", b"") == MAX_ROWS + 7
    assert put(store, bobs, "april", b"") == MAX_ROWS + 6
    third = taken_over(store, "kept", PrivateKey.generate(os.urandom))
    assert put(store, third, "march", b"") == MAX_ROWS + 8


def test_changes_from_before_a_namespace_changed_hands_name_none_any_more(store: Store) -> None:
    old = namespace_of(store, ALICE, "private")
    put(store, old, "march", b"alice's")
    new = taken_over(store, "private", BOB)
    put(store, new, "march", b"bob's")
    others = namespace_of(store, BOB, "others")

    def named(tx: Transaction) -> list[Namespace | None]:
        changes = tx.changes.page(start=1, limit=10)
        return [tx.namespaces.find_by_id(change.namespace_id) for change in changes]

    found = store.read_blocking(named)
    assert [None if space is None else space.id for space in found] == [None, new.id]
    assert others.id not in {old.id, new.id}
