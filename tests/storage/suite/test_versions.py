"""Versions: how they are numbered, kept, deleted, destroyed, and demanded. Names sealed or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealwire.core.errors import VersionMismatchError
from sealwire.storage import LATEST, Namespace, NewRecord, RecordRow, Store, Transaction
from tests.storage.builders import ALICE, BOB, NOW, get, namespace_of, put, sealed_namespace_of
from tests.storage.suite.engines import Engine

METADATA = b'{"content_type":"text/plain"}'
EVERYTHING = 2**63 - 1


@pytest.fixture(params=[namespace_of, sealed_namespace_of], ids=["plain names", "sealed names"])
def namespace(store: Store, request: pytest.FixtureRequest) -> Namespace:
    make: Callable[..., Namespace] = request.param
    return make(store, ALICE, "team/payroll")


@pytest.fixture
def march(store: Store, namespace: Namespace) -> Namespace:
    """The namespace, with three versions of a record in it."""
    for value in (b"one", b"two", b"three"):
        put(store, namespace, "march", value)
    return namespace


def kept(store: Store, namespace: Namespace, name: str = "march") -> list[int]:
    """Return the versions that there are, newest first."""
    return [row.version for row in versions(store, namespace, name)]


def versions(
    store: Store, namespace: Namespace, name: str = "march", *, now: int = NOW
) -> list[RecordRow]:
    return store.read_blocking(
        lambda tx: tx.records.versions(namespace, name, before=EVERYTHING, limit=1000, now=now)
    )


def value_at(
    store: Store, namespace: Namespace, version: int = LATEST, *, now: int = NOW
) -> bytes | None:
    found = store.read_blocking(
        lambda tx: tx.records.get(namespace, "march", version=version, now=now)
    )
    return found[1] if found else None


def current(store: Store, namespace: Namespace, *, now: int = NOW) -> int:
    return store.read_blocking(lambda tx: tx.records.current_version(namespace, "march", now=now))


def last_revision(store: Store) -> int:
    return store.read_blocking(lambda tx: tx.changes.last())


def delete(store: Store, namespace: Namespace, *, now: int = NOW) -> int | None:
    return store.write_blocking(lambda tx: tx.records.delete(namespace, "march", now=now))


def undelete(
    store: Store, namespace: Namespace, version: int = LATEST, *, now: int = NOW
) -> tuple[RecordRow, int] | None:
    return store.write_blocking(
        lambda tx: tx.records.undelete(namespace, "march", version=version, now=now)
    )


def destroy(store: Store, namespace: Namespace, *versions: int) -> int | None:
    return store.write_blocking(
        lambda tx: tx.records.destroy(namespace, "march", versions, now=NOW)
    )


# Numbers, and what each version says.


def test_each_version_is_read_by_its_number_and_the_newest_without(
    store: Store, march: Namespace
) -> None:
    assert [value_at(store, march, version) for version in (1, 2, 3)] == [b"one", b"two", b"three"]
    assert value_at(store, march) == b"three"
    assert value_at(store, march, 4) is None


def test_numbers_count_on_through_deletion_destruction_and_expiry(
    store: Store, march: Namespace
) -> None:
    delete(store, march)
    assert put(store, march, "march", b"four") == 4
    destroy(store, march, 4, 3)
    assert put(store, march, "march", b"five") == 5
    passing = NewRecord("march", b"six", expires_at=NOW + 1)
    store.write_blocking(lambda tx: tx.records.put(march, passing, now=NOW))
    row, _ = store.write_blocking(
        lambda tx: tx.records.put(march, NewRecord("march", b"7"), now=NOW + 1)
    )
    assert row.version == 7


def test_numbers_of_one_record_are_not_anothers(store: Store, march: Namespace) -> None:
    other = namespace_of(store, BOB, "team/holidays")
    assert put(store, march, "april", b"value") == 1
    assert put(store, other, "march", b"value") == 1
    assert kept(store, march) == [3, 2, 1]


def test_a_record_came_into_being_with_the_first_put_since_it_was_last_not_there(
    store: Store, namespace: Namespace
) -> None:
    def made(now: int) -> int:
        new = NewRecord("march", b"value")
        row, _ = store.write_blocking(lambda tx: tx.records.put(namespace, new, now=now))
        assert row.updated_at == now
        return row.created_at

    assert [made(NOW), made(NOW + 1)] == [NOW, NOW]
    delete(store, namespace, now=NOW + 2)
    assert [made(NOW + 3), made(NOW + 4)] == [NOW + 3, NOW + 3]


def test_metadata_comes_back_with_the_version_that_it_was_put_with(
    store: Store, namespace: Namespace
) -> None:
    for metadata in (METADATA, b"", b"\0" * 70_000):
        new = NewRecord("march", b"value", metadata)
        row, _ = store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))  # noqa: B023
        assert row.metadata == metadata
        found = store.read_blocking(lambda tx: tx.records.get(namespace, "march", now=NOW))
        assert found == (row, b"value")
    listed = [row.metadata for row in versions(store, namespace)]
    assert listed == [b"\0" * 70_000, b"", METADATA]


def test_an_expired_version_is_listed_without_its_metadata_before_it_is_swept(
    store: Store, namespace: Namespace
) -> None:
    for expires_at in (NOW + 5, None):
        new = NewRecord("march", b"value", METADATA, expires_at)
        store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))  # noqa: B023
    for now, shown in ((NOW + 4, METADATA), (NOW + 5, b"")):
        listed = versions(store, namespace, now=now)
        assert [row.metadata for row in listed] == [METADATA, shown]
        assert [row.destroyed for row in listed] == [False, False]


def test_versions_are_listed_newest_first_page_by_page(store: Store, march: Namespace) -> None:
    def page(before: int) -> list[int]:
        rows = store.read_blocking(
            lambda tx: tx.records.versions(march, "march", before=before, limit=2, now=NOW)
        )
        return [row.version for row in rows]

    assert [page(EVERYTHING), page(2), page(1)] == [[3, 2], [1], []]
    assert kept(store, march, "april") == []


# Retention.


def test_the_newest_ten_are_kept_unless_the_namespace_says_otherwise(
    store: Store, namespace: Namespace
) -> None:
    for number in range(1, 13):
        put(store, namespace, "march", b"%d" % number)
    assert kept(store, namespace) == list(range(12, 2, -1))
    assert value_at(store, namespace, 2) is None
    assert value_at(store, namespace, 3) == b"3"


@pytest.mark.parametrize(
    ("keep", "left"), [(1, [4, 2, 1]), (2, [4, 3, 1]), (3, [4, 3, 2]), (4, [4, 3, 2, 1])]
)
def test_a_put_drops_the_one_version_that_it_makes_too_many_and_the_sweep_the_others(
    store: Store, march: Namespace, keep: int, left: list[int]
) -> None:
    fewer = store.write_blocking(
        lambda tx: tx.namespaces.set_retention(march, keep_versions=keep, keep_ms=0)
    )
    assert kept(store, fewer) == [3, 2, 1]
    put(store, fewer, "march", b"four")
    assert kept(store, fewer) == left
    stage = store.read_blocking(lambda tx: tx.retention.outgrown(None, now=NOW))
    store.write_blocking(lambda tx: tx.retention.drop(stage.places, now=NOW))
    assert kept(store, fewer) == [4, 3, 2, 1][:keep]


def test_all_are_kept_where_the_number_is_zero(store: Store, namespace: Namespace) -> None:
    every = store.write_blocking(
        lambda tx: tx.namespaces.set_retention(namespace, keep_versions=0, keep_ms=0)
    )
    for _ in range(15):
        put(store, every, "march", b"value")
    assert kept(store, every) == list(range(15, 0, -1))


# Deletion.


def test_a_deleted_record_is_gone_for_readers_and_its_versions_are_listed_still(
    store: Store, march: Namespace
) -> None:
    assert delete(store, march, now=NOW + 7) == last_revision(store)
    assert value_at(store, march) is None
    assert value_at(store, march, 3) is None
    assert value_at(store, march, 2) == b"two"
    newest = versions(store, march)[0]
    assert (newest.version, newest.deleted_at, newest.destroyed) == (3, NOW + 7, False)


def test_what_is_not_there_is_not_deleted_again(store: Store, march: Namespace) -> None:
    delete(store, march, now=NOW + 7)
    last = last_revision(store)
    assert delete(store, march, now=NOW + 8) is None
    assert versions(store, march)[0].deleted_at == NOW + 7
    assert last_revision(store) == last


@pytest.mark.parametrize("version", [LATEST, 3])
def test_what_was_deleted_comes_back(store: Store, march: Namespace, version: int) -> None:
    before = versions(store, march)
    delete(store, march)
    undeleted = undelete(store, march, version)
    assert undeleted == (before[0], last_revision(store))
    assert value_at(store, march) == b"three"
    assert versions(store, march) == before


def test_an_older_version_that_was_deleted_comes_back_behind_a_newer_one(
    store: Store, march: Namespace
) -> None:
    delete(store, march)
    put(store, march, "march", b"four")
    assert value_at(store, march, 3) is None
    undeleted = undelete(store, march, 3)
    assert undeleted is not None
    assert undeleted[0].version == 3
    assert (value_at(store, march, 3), value_at(store, march)) == (b"three", b"four")


def test_bringing_back_what_is_there_changes_nothing(store: Store, march: Namespace) -> None:
    last, before = last_revision(store), versions(store, march)
    assert undelete(store, march) == (before[0], last)
    assert undelete(store, march, 1) == (before[2], last)
    assert last_revision(store) == last


def test_what_never_was_does_not_come_back(store: Store, march: Namespace) -> None:
    assert undelete(store, march, 4) is None
    put(store, march, "april", b"value")
    assert store.write_blocking(lambda tx: tx.records.undelete(march, "may", now=NOW)) is None


# Destruction.


def test_a_destroyed_value_is_gone_for_good_and_the_others_stay(
    store: Store, march: Namespace
) -> None:
    last = last_revision(store)
    assert destroy(store, march, 2) == last + 1
    assert [value_at(store, march, version) for version in (1, 2, 3)] == [b"one", None, b"three"]
    assert undelete(store, march, 2) is None
    row = versions(store, march)[1]
    assert (row.version, row.destroyed, row.size) == (2, True, 3)


def test_a_destroyed_version_says_nothing_more_about_its_value(
    store: Store, namespace: Namespace
) -> None:
    new = NewRecord("march", b"value", METADATA)
    store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))
    destroy(store, namespace, 1)
    (row,) = versions(store, namespace)
    assert (row.name, row.metadata) == ("march", b"")


def test_several_are_destroyed_at_once_and_what_is_gone_is_passed_over(
    store: Store, march: Namespace
) -> None:
    last = last_revision(store)
    assert destroy(store, march, 3, 1, 3, 99) == last + 2
    assert destroy(store, march, 1, 2) == last + 3
    assert destroy(store, march, 1, 2, 3) == last + 3
    assert [row.destroyed for row in versions(store, march)] == [True] * 3


def test_a_deleted_version_can_be_destroyed_and_does_not_come_back(
    store: Store, march: Namespace
) -> None:
    delete(store, march)
    destroy(store, march, 3)
    assert undelete(store, march) is None
    assert value_at(store, march, 3) is None


def test_of_a_record_that_there_is_not_nothing_is_destroyed(store: Store, march: Namespace) -> None:
    last = last_revision(store)
    assert store.write_blocking(lambda tx: tx.records.destroy(march, "may", [1], now=NOW)) is None
    assert last_revision(store) == last


# Expiry.


@pytest.fixture
def passing(store: Store, namespace: Namespace) -> Namespace:
    """The namespace, with a record in it that expires in a second."""
    new = NewRecord("march", b"value", METADATA, expires_at=NOW + 1000)
    row, _ = store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))
    assert row.expires_at == NOW + 1000
    return namespace


def test_a_record_is_there_until_the_tick_before_it_expires(
    store: Store, passing: Namespace
) -> None:
    for version in (LATEST, 1):
        assert value_at(store, passing, version, now=NOW + 999) == b"value"
        for late in (NOW + 1000, NOW + 1001, 2**62):
            assert value_at(store, passing, version, now=late) is None
    assert [current(store, passing, now=NOW + late) for late in (999, 1000)] == [1, 0]


def test_what_has_expired_is_neither_deleted_nor_brought_back(
    store: Store, passing: Namespace
) -> None:
    assert delete(store, passing, now=NOW + 1000) is None
    assert undelete(store, passing, now=NOW + 1000) is None
    assert delete(store, passing, now=NOW + 999) is not None
    assert undelete(store, passing, now=NOW + 1000) is None
    assert undelete(store, passing, now=NOW + 999) is not None


def test_what_is_put_behind_its_end_is_a_new_record_that_counts_on(
    store: Store, passing: Namespace
) -> None:
    new = NewRecord("march", b"newer", if_version=0)
    row, _ = store.write_blocking(lambda tx: tx.records.put(passing, new, now=NOW + 1000))
    assert row == RecordRow("march", 2, 5, NOW + 1000, NOW + 1000)
    assert value_at(store, passing, now=2**62) == b"newer"


# Demands.


def ended(how: str, store: Store, march: Namespace) -> None:
    """Bring the record to its end."""
    if how == "deleted":
        delete(store, march)
    elif how == "destroyed":
        destroy(store, march, 3)
    elif how == "expired":
        over = NewRecord("march", b"four", expires_at=NOW)
        store.write_blocking(lambda tx: tx.records.put(march, over, now=NOW - 1))


def demanding(
    store: Store, namespace: Namespace, version: int, name: str = "march"
) -> tuple[RecordRow, int]:
    new = NewRecord(name, b"demanded", if_version=version)
    return store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW))


def test_a_demand_that_is_met_is_followed(store: Store, march: Namespace) -> None:
    assert demanding(store, march, 0, "april")[0].version == 1
    assert demanding(store, march, 3)[0].version == 4
    assert demanding(store, march, 4)[0].version == 5


@pytest.mark.parametrize("how", ["deleted", "destroyed", "expired"])
def test_a_record_that_has_ended_is_at_version_0(store: Store, march: Namespace, how: str) -> None:
    ended(how, store, march)
    assert current(store, march) == 0
    before = versions(store, march)
    for wrong in (1, 2, 3, 4):
        with pytest.raises(VersionMismatchError, match="there is none") as refused:
            demanding(store, march, wrong)
        assert refused.value.metadata == {"current_version": "0"}
    assert versions(store, march) == before
    assert demanding(store, march, 0)[0].version == before[0].version + 1


@pytest.mark.parametrize("wrong", [0, 1, 2, 4, EVERYTHING])
def test_a_demand_that_is_not_met_changes_nothing_and_tells_the_version(
    store: Store, march: Namespace, wrong: int
) -> None:
    last = last_revision(store)
    for attempt in (
        lambda tx: tx.records.put(march, NewRecord("march", b"4", if_version=wrong), now=NOW),
        lambda tx: tx.records.delete(march, "march", if_version=wrong, now=NOW),
    ):
        with pytest.raises(VersionMismatchError) as refused:
            store.write_blocking(attempt)
        assert refused.value.metadata == {"current_version": "3"}
    assert (kept(store, march), last_revision(store)) == ([3, 2, 1], last)
    assert get(store, march, "march") == b"three"


def test_a_deletion_may_demand_the_version_that_it_deletes(store: Store, march: Namespace) -> None:
    def attempt(version: int) -> int | None:
        return store.write_blocking(
            lambda tx: tx.records.delete(march, "march", if_version=version, now=NOW)
        )

    assert attempt(3) is not None
    assert attempt(0) is None
    with pytest.raises(VersionMismatchError):
        attempt(3)


def test_of_several_records_all_are_put_or_none_and_the_one_in_the_way_is_told(
    store: Store, march: Namespace
) -> None:
    last = last_revision(store)
    items = [(march, NewRecord(name, b"new", if_version=0)) for name in ("a", "b", "march", "c")]
    with pytest.raises(VersionMismatchError, match="number 2, counted from 0") as refused:
        store.write_blocking(lambda tx: tx.records.put_all(items, now=NOW))
    assert refused.value.metadata == {"current_version": "3", "condition": "2"}
    assert last_revision(store) == last
    del items[2]
    rows, revision = store.write_blocking(lambda tx: tx.records.put_all(items, now=NOW))
    assert [(row.name, row.version) for row in rows] == [("a", 1), ("b", 1), ("c", 1)]
    assert revision == last + 3


def test_records_of_several_namespaces_and_owners_are_put_at_once(
    store: Store, march: Namespace
) -> None:
    other = namespace_of(store, BOB, "team/holidays")
    items = [(march, NewRecord("march", b"four")), (other, NewRecord("march", b"bob's"))]
    rows, _ = store.write_blocking(lambda tx: tx.records.put_all(items, now=NOW))
    assert [row.version for row in rows] == [4, 1]
    assert (get(store, march, "march"), get(store, other, "march")) == (b"four", b"bob's")


def test_all_of_it_is_there_after_reopening(engine: Engine, store: Store, march: Namespace) -> None:
    delete(store, march)
    destroy(store, march, 1)
    before = versions(store, march)
    store.close()
    with engine.opened(seed="again") as again:

        def unit(tx: Transaction) -> Namespace | None:
            return tx.namespaces.find(march.name)

        assert again.read_blocking(unit) == march
        assert versions(again, march) == before
        assert value_at(again, march, 2) == b"two"
