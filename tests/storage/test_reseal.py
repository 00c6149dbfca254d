"""After a rotation, everything comes to be sealed to the newest key; nothing else about it changes.

How it is killed, and how it runs beside a server: tests/server/test_reseal_command.py.
"""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

from sealwire.core.errors import SealError, UnavailableError
from sealwire.core.keys import PrivateKey
from sealwire.core.sealing import read_header
from sealwire.storage import (
    KeyState,
    Namespace,
    NewRecord,
    RootKeys,
    Store,
    Transaction,
    add_root_version,
    reseal_records,
)
from sealwire.storage.reseal import PAGE_RECORDS, UNIT_BYTES, UNIT_RECORDS, Step
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    ROOT_KEYS,
    create,
    get,
    namespace_of,
    opened,
    plain,
    private_key,
    put,
    replace_blob,
    root_keys,
    sealed_namespace_of,
)

NEXT = private_key(0xA2)
SIZES = {"empty": 0, "short": 10, "a chunk": 65_536, "long": 200_000}


def value_of(name: str, size: int) -> bytes:
    return (name.encode() * (size // len(name) + 1))[:size]


@pytest.fixture
def filled(store: Store, namespace: Namespace) -> Namespace:
    for name, size in SIZES.items():
        put(store, namespace, name, value_of(name, size))
    put(store, namespace, "short", value_of("short", SIZES["short"]))
    return namespace


VERSIONS = len(SIZES) + 1
NEWEST = {name: 2 if name == "short" else 1 for name in SIZES}


def rotate(store: Store, old: PrivateKey = ALICE, new: PrivateKey = NEXT) -> None:
    def unit(tx: Transaction) -> None:
        found = tx.identities.find_by_key(old.public_key.key_id)
        assert found is not None
        tx.keys.add(found[0].id, new.public_key, now=NOW)
        tx.keys.end(found[1], KeyState.ROTATED, now=NOW)

    store.write_blocking(unit)


def reseal(store: Store) -> tuple[int, int, list[str]]:
    """Reseal everything; return how many were looked at, how many resealed, and the damaged."""
    steps: list[Step] = list(reseal_records(store, pause=lambda _: None))
    damaged = [blob.position.name for step in steps for blob in step.damaged]
    return sum(s.looked_at for s in steps), sum(s.resealed for s in steps), damaged


def owners(path: Path) -> dict[tuple[str, int], bytes]:
    """Return the key that each blob's header names."""
    return {place: read_header(blob).owner.raw for place, blob in blobs(path).items()}


def blobs(path: Path) -> dict[tuple[str, int], bytes]:
    """Return the sealed value of each version that was not destroyed."""
    with plain(path) as connection:
        found = connection.execute(
            "SELECT name, version, blob FROM record_versions WHERE blob IS NOT NULL"
        )
        return {(name, version): blob for name, version, blob in found}


def listed(path: Path) -> list[tuple[object, ...]]:
    """Return everything about the records but what is sealed."""
    with plain(path) as connection:
        return connection.execute(
            "SELECT namespace_id, name, version, size, created_at, updated_at FROM record_versions"
        ).fetchall()


def test_after_a_rotation_records_open_before_and_after_they_are_resealed(
    store: Store, filled: Namespace, database: Path
) -> None:
    rotate(store)
    for _ in range(2):
        for name, size in SIZES.items():
            assert get(store, filled, name) == value_of(name, size)
        reseal(store)
    assert set(owners(database).values()) == {NEXT.public_key.raw}


def test_versions_times_and_sizes_stay_and_salts_are_new(
    store: Store, filled: Namespace, database: Path
) -> None:
    before, sealed = listed(database), blobs(database)
    rotate(store)
    assert reseal(store) == (VERSIONS, VERSIONS, [])
    assert listed(database) == before
    for place, blob in blobs(database).items():
        assert len(blob) == len(sealed[place])
        assert read_header(blob).record_salt != read_header(sealed[place]).record_salt


def test_metadata_and_names_are_resealed_with_the_value_also_where_that_is_gone(
    store: Store, database: Path
) -> None:
    sealed = sealed_namespace_of(store, ALICE, "team/secret")

    def unit(tx: Transaction) -> None:
        for name in ("march", "april"):
            tx.records.put(sealed, NewRecord(name, b"value", b"metadata"), now=NOW)
        tx.records.destroy(sealed, "april", [1], now=NOW)

    store.write_blocking(unit)
    rotate(store)
    assert reseal(store) == (2, 2, [])
    with plain(database) as connection:
        rows = connection.execute("SELECT blob, metadata, sealed_name FROM record_versions")
        seals = [seal for row in rows for seal in row if seal is not None]
    assert len(seals) == 4
    assert {read_header(seal).owner.raw for seal in seals} == {NEXT.public_key.raw}
    found = store.read_blocking(lambda tx: tx.records.get(sealed, "march", now=NOW))
    assert found is not None
    assert (found[0].metadata, found[1]) == (b"metadata", b"value")
    assert reseal(store) == (2, 0, [])


def test_what_is_sealed_as_it_should_be_is_not_touched(
    store: Store, filled: Namespace, database: Path
) -> None:
    sealed = blobs(database)
    assert reseal(store) == (VERSIONS, 0, [])
    assert blobs(database) == sealed


def test_a_second_run_does_nothing(store: Store, filled: Namespace, database: Path) -> None:
    rotate(store)
    reseal(store)
    sealed = blobs(database)
    assert reseal(store) == (VERSIONS, 0, [])
    assert blobs(database) == sealed


def test_others_records_are_left_alone(store: Store, filled: Namespace, database: Path) -> None:
    bobs = namespace_of(store, BOB, "team/holidays")
    put(store, bobs, "august", b"value")
    sealed = blobs(database)["august", 1]
    rotate(store)
    assert reseal(store) == (VERSIONS + 1, VERSIONS, [])
    assert blobs(database)["august", 1] == sealed


def test_records_under_an_older_root_key_come_under_the_current_one(tmp_path: Path) -> None:
    both = RootKeys({**ROOT_KEYS.by_version, **root_keys(0x21, version=2).by_version})
    path = create(tmp_path / "sealwire.db")
    with opened(path) as store:
        put(store, namespace_of(store, ALICE, "n"), "march", b"value")
    add_root_version(path, 2, public_key=both.public_halves()[2])
    with opened(path, roots=both) as store:
        assert reseal(store) == (1, 1, [])
        namespace = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert namespace is not None
        assert get(store, namespace, "march") == b"value"
    assert [read_header(blob).root_version for blob in blobs(path).values()] == [2]


def test_a_record_that_does_not_open_is_named_and_left_as_it_is(
    store: Store, filled: Namespace, database: Path
) -> None:
    sealed = blobs(database)["long", 1]
    broken = {"long": sealed[:-1] + bytes([sealed[-1] ^ 1]), "short": b"", "empty": sealed[:50]}
    for name, blob in broken.items():
        replace_blob(database, name, blob)
    rotate(store)
    assert reseal(store) == (VERSIONS, 2, ["empty", "long", "short"])
    after = blobs(database)
    assert {name: after[name, NEWEST[name]] for name in broken} == broken


def test_nothing_is_sealed_to_a_key_that_the_server_did_not_give(
    store: Store, filled: Namespace, database: Path
) -> None:
    """Else whoever writes to the database could have everything sealed to a key of their own."""
    sealed = blobs(database)
    with plain(database) as connection:
        connection.execute(
            "INSERT INTO keys (public_key_id, public_key, identity_id, created_at, generation)"
            " SELECT ?, ?, identity_id, 0, 2 FROM keys",
            (NEXT.public_key.key_id, NEXT.public_key.raw),
        )
    looked_at, resealed, damaged = reseal(store)
    assert (looked_at, resealed, sorted(damaged)) == (VERSIONS, 0, sorted([*SIZES, "short"]))
    assert blobs(database) == sealed


def test_a_put_in_the_middle_wins(store: Store, filled: Namespace, database: Path) -> None:
    rotate(store)
    steps = reseal_records(store, pause=lambda _: None)
    next(steps)  # headers were looked at, and nothing was resealed yet
    put(store, filled, "short", b"newer")
    for end in (
        lambda tx: tx.records.delete(filled, "a chunk", now=NOW),
        lambda tx: tx.records.destroy(filled, "long", [1], now=NOW),
    ):
        store.write_blocking(end)
    assert sum(step.resealed for step in steps) == VERSIONS - 1
    assert get(store, filled, "short") == b"newer"
    assert get(store, filled, "a chunk") is get(store, filled, "long") is None
    assert set(owners(database).values()) == {NEXT.public_key.raw}
    undeleted = store.write_blocking(lambda tx: tx.records.undelete(filled, "a chunk", now=NOW))
    assert undeleted is not None
    assert get(store, filled, "a chunk") == value_of("a chunk", SIZES["a chunk"])


@pytest.fixture
def many(store: Store, namespace: Namespace) -> int:
    """More records than one look at headers sees, which are not a multiple of anything."""
    count = PAGE_RECORDS + UNIT_RECORDS + 7

    def unit(tx: Transaction) -> None:
        for number in range(count):
            tx.records.put(namespace, NewRecord(f"{number:05}", b"%d" % number), now=NOW)

    store.write_blocking(unit)
    rotate(store)
    return count


def test_each_unit_is_a_transaction_of_bounded_size(
    store: Store, namespace: Namespace, many: int, database: Path
) -> None:
    done = 0
    for step in reseal_records(store, pause=lambda _: None):
        done += step.resealed
        assert step.resealed <= UNIT_RECORDS
        assert list(owners(database).values()).count(NEXT.public_key.raw) == done
    assert done == many


def test_a_unit_of_large_records_is_bounded_by_their_bytes(
    store: Store, namespace: Namespace
) -> None:
    size = UNIT_BYTES * 2 // 5
    for number in range(5):
        put(store, namespace, f"large-{number}", bytes(size))
    put(store, namespace, "x", bytes(UNIT_BYTES + 1))
    rotate(store)
    steps = [step.resealed for step in reseal_records(store, pause=lambda _: None)]
    assert steps == [0, 2, 2, 1, 1]


def test_one_that_was_stopped_goes_on_where_it_was(
    store: Store, namespace: Namespace, many: int
) -> None:
    steps = reseal_records(store, pause=lambda _: None)
    done = sum(next(steps).resealed for _ in range(4))
    del steps
    assert 0 < done < many
    assert reseal(store) == (many, many - done, [])


def test_two_at_once_do_no_harm(
    store: Store, namespace: Namespace, many: int, database: Path
) -> None:
    with opened(database, seed="another") as other, concurrent.futures.ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(reseal, [store, other]))
    assert sum(resealed for _, resealed, _ in outcomes) == many
    assert [damaged for _, _, damaged in outcomes] == [[], []]
    assert set(owners(database).values()) == {NEXT.public_key.raw}
    for number in range(0, many, 100):
        assert get(store, namespace, f"{number:05}") == b"%d" % number


def test_it_pauses_for_others_between_units(store: Store, namespace: Namespace, many: int) -> None:
    pauses: list[float] = []
    steps = list(reseal_records(store, pause=pauses.append))
    assert len(pauses) == len([step for step in steps if step.resealed])
    assert min(pauses) > 0


def test_a_store_that_is_closed_meanwhile_ends_it_with_an_outage(
    store: Store, filled: Namespace, database: Path
) -> None:
    rotate(store)
    steps = reseal_records(store, pause=lambda _: None)
    next(steps)
    store.close()
    with pytest.raises(UnavailableError):
        next(steps)


def test_a_damaged_file_ends_it_with_a_sentence(tmp_path: Path) -> None:
    path = create(tmp_path / "sealwire.db")
    with opened(path) as store:
        namespace = namespace_of(store, ALICE, "n")
        for number in range(300):
            put(store, namespace, f"{number:03}", bytes(3000))
        rotate(store)
    data = bytearray(path.read_bytes())
    for offset in range(100 * 4096, len(data), 4096):
        data[offset : offset + 64] = bytes(64)
    path.write_bytes(data)
    with opened(path) as store, pytest.raises(SealError, match="backup"):
        reseal(store)
