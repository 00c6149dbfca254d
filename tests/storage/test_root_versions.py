"""Root keys are rotated and retired under stores that have the file open, as servers have it.

The operator's commands, and how they are killed: tests/server/test_root_rotation.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import LargeBinary

from sealwire.core.errors import ConfigurationError, ErasedError, SealError, UnavailableError
from sealwire.core.sealing import read_header
from sealwire.storage import (
    AuthorityJournal,
    IdentityState,
    Namespace,
    NewRecord,
    RootVersion,
    Store,
    Transaction,
    add_root_version,
    public_half,
    remove_root_version,
    reseal_others,
    reseal_records,
    retag_rows,
    root_versions,
)
from sealwire.storage.dependants import SEALED
from sealwire.storage.moving import UNIT_ROWS, Moved
from sealwire.storage.root_keyring import RETRY_SECONDS
from sealwire.storage.schema import metadata
from sealwire.storage.tagging import TAGGED
from tests.core.builders import RepeatableRandom
from tests.storage.builders import (
    ALICE,
    NOW,
    Seconds,
    blob,
    create,
    get,
    journal_of,
    namespace_of,
    plain,
    private_key,
    put,
    root_keys,
    salts_of,
)
from tests.storage.changes import found as identity_of
from tests.storage.changes import populate

OWNER = private_key(0xC0)
DIGEST = bytes(32)
KEYS = {version: root_keys(0x20 + version).by_version[1] for version in (1, 2, 3)}


@dataclass
class Shelf:
    """A `RootKeySource` on which keys can be put, and from which they can be taken."""

    keys: dict[int, X25519PrivateKey] = field(default_factory=lambda: {1: KEYS[1]})
    asked: list[int] = field(default_factory=list)
    name: str = "the shelf"

    def load(self, version: int) -> X25519PrivateKey:
        self.asked.append(version)
        if version not in self.keys:
            raise ConfigurationError(f"Version {version} is not on the shelf.")
        return self.keys[version]


@dataclass
class House:
    """A store that is open, and the file under it, as another process sees it."""

    path: Path
    shelf: Shelf
    clock: Seconds
    store: Store

    def rotate(self, version: int) -> None:
        self.shelf.keys[version] = KEYS[version]
        add_root_version(self.path, version, public_key=public_half(KEYS[version]))

    def namespace(self) -> Namespace:
        found = self.store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        return found

    def put(self, name: str, value: bytes = b"value") -> None:
        put(self.store, self.namespace(), name, value)

    def get(self, name: str) -> bytes | None:
        return get(self.store, self.namespace(), name)

    def sealed_under(self, name: str) -> int:
        return read_header(blob(self.path, name)).root_version

    def reseal(self) -> None:
        for _ in reseal_records(self.store, pause=lambda _: None):
            pass

    def retag(self) -> list[Moved]:
        return list(retag_rows(self.store, pause=lambda _: None))

    def versions(self) -> list[RootVersion]:
        return root_versions(self.path, root_keys=self.shelf)

    def needed(self, version: int) -> dict[str, int]:
        return {found.version: found.dependants for found in self.versions()}[version]


def opened(path: Path, shelf: Shelf, clock: Seconds, *, seed: str = "store") -> Store:
    return Store.open(
        path,
        root_keys=shelf,
        journal=AuthorityJournal(journal_of(path), lambda: NOW),
        salts=salts_of(path),
        random=RepeatableRandom(seed),
        monotonic=clock,
    )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    path = create(tmp_path / "sealwire.db", roots=root_keys(0x21))
    shelf, clock = Shelf(), Seconds()
    store = opened(path, shelf, clock)
    namespace_of(store, OWNER, "n")
    put(store, _found(store), "march", b"value")
    yield House(path, shelf, clock, store)
    store.close()


def _found(store: Store) -> Namespace:
    namespace = store.read_blocking(lambda tx: tx.namespaces.find("n"))
    assert namespace is not None
    return namespace


# Rotated beside an open store.


def test_an_open_store_seals_under_a_new_version_at_once_and_reads_the_old_one(
    house: House,
) -> None:
    house.rotate(2)
    house.put("april")
    house.rotate(3)
    house.put("may")
    assert [house.sealed_under(name) for name in ("march", "april", "may")] == [1, 2, 3]
    assert [house.get(name) for name in ("march", "april", "may")] == [b"value"] * 3


def test_what_another_process_sealed_under_a_new_version_is_read_at_once(house: House) -> None:
    """By a reader that has done nothing since, and whom nobody has told that anything is new."""
    other = opened(house.path, house.shelf, house.clock, seed="other")
    try:
        assert house.get("march") == b"value"
        house.rotate(2)
        put(other, _found(other), "april", b"newer")
        populate(other)
        assert house.get("april") == b"newer"
        assert house.store.read_blocking(lambda tx: identity_of(tx, "bob")).role == "admin"
    finally:
        other.close()


def test_a_key_that_is_not_at_hand_yet_is_an_outage_of_writing_and_no_damage(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    add_root_version(house.path, 2, public_key=public_half(KEYS[2]))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(UnavailableError, match="version 2"):
                house.put("april")
            assert house.get("march") == b"value"
    assert [record.message for record in caplog.records] == [
        "What is sealed under a root key can't be opened now. The database needs root key version "
        "2, and nothing was changed. Version 2 is not on the shelf."
    ]
    house.shelf.keys[2] = KEYS[2]
    house.clock.now += RETRY_SECONDS
    house.put("april")
    assert house.sealed_under("april") == 2


def test_what_is_sealed_under_a_key_that_is_not_at_hand_is_unavailable_and_not_broken(
    house: House,
) -> None:
    other = opened(house.path, Shelf({1: KEYS[1], 2: KEYS[2]}), house.clock, seed="other")
    add_root_version(house.path, 2, public_key=public_half(KEYS[2]))
    put(other, _found(other), "april", b"newer")
    populate(other)
    other.close()
    with pytest.raises(UnavailableError, match="version 2"):
        house.get("april")
    with pytest.raises(UnavailableError, match="version 2"):
        house.store.read_blocking(lambda tx: identity_of(tx, "bob"))


def test_a_key_is_asked_for_once_and_a_missing_one_now_and_then(house: House) -> None:
    del house.shelf.asked[:]
    house.rotate(2)
    for _ in range(5):
        house.put("april")
    assert house.shelf.asked == [2]
    del house.shelf.keys[2]
    add_root_version(house.path, 3, public_key=public_half(KEYS[3]))
    for _ in range(5):
        assert house.get("march") == b"value"
    assert house.shelf.asked == [2, 3]


# Somebody with write access to the file.


def test_a_row_with_somebody_elses_public_half_is_never_sealed_under(house: House) -> None:
    house.shelf.keys[2] = KEYS[2]
    with plain(house.path) as connection:
        connection.execute("INSERT INTO root_keys VALUES (2, ?)", (public_half(KEYS[3]),))
    with pytest.raises(UnavailableError):
        house.put("april")
    assert house.get("march") == b"value"


@pytest.mark.parametrize("statement", ["WHERE version = 2", ""])
def test_taking_the_newest_version_away_brings_no_older_one_back(  # case 64
    house: House, statement: str
) -> None:
    house.rotate(2)
    house.put("april")
    with plain(house.path) as connection:
        connection.execute(f"DELETE FROM root_keys {statement}")  # noqa: S608 - see above
    house.put("may")
    assert house.sealed_under("may") == 2


def test_a_tag_under_a_version_that_was_retired_is_refused_though_it_was_seen_to_fit(
    house: House,
) -> None:
    populate(house.store)
    look = "SELECT state, tag FROM identities WHERE name = 'bob'"
    with plain(house.path) as connection:
        before = connection.execute(look).fetchone()
    assert house.store.read_blocking(lambda tx: identity_of(tx, "bob")).name == "bob"
    house.rotate(2)
    house.reseal()
    house.retag()
    remove_root_version(house.path, 1)
    assert house.store.read_blocking(lambda tx: identity_of(tx, "bob")).name == "bob"
    with plain(house.path) as connection:
        connection.execute("UPDATE identities SET state = ?, tag = ? WHERE name = 'bob'", before)
    with pytest.raises(SealError):
        house.store.read_blocking(lambda tx: identity_of(tx, "bob"))


# Retagging.


def test_every_tag_comes_under_the_current_version_and_rows_say_what_they_said(
    house: House,
) -> None:
    populate(house.store)

    def rows() -> dict[str, list[tuple[object, ...]]]:
        with plain(house.path) as connection:
            return {
                table.table.name: connection.execute(
                    f"SELECT {', '.join(table.names)} FROM {table.table.name}"  # noqa: S608
                ).fetchall()
                for table in TAGGED
            }

    before = rows()
    sequence = house.store.read_blocking(lambda tx: tx.authority.version())
    house.rotate(2)
    total = sum(len(found) for found in before.values())
    steps = house.retag()
    assert (sum(step.moved for step in steps), [s.damaged for s in steps if s.damaged]) == (
        total,
        [],
    )
    assert rows() == before
    assert house.store.read_blocking(lambda tx: tx.authority.version()) == sequence
    assert not any("tags" in kind for kind in house.needed(1))
    assert house.retag() == []


def test_a_row_that_was_altered_is_named_and_keeps_its_tag(house: House) -> None:
    populate(house.store)
    with plain(house.path) as connection:
        connection.execute("UPDATE identities SET role = 'admin', tag = x'' WHERE name = 'bob'")
        (altered,) = connection.execute(
            "SELECT rowid FROM identities WHERE name = 'bob'"
        ).fetchone()
    house.rotate(2)
    damaged = [place for step in house.retag() for place in step.damaged]
    assert damaged == [("identities", altered)]
    with pytest.raises(SealError):
        house.store.read_blocking(lambda tx: identity_of(tx, "bob"))


def test_retagging_goes_on_where_it_was_stopped_in_units_of_bounded_size(house: House) -> None:
    count = 2 * UNIT_ROWS + 7

    def unit(tx: Transaction) -> None:
        for number in range(count):
            tx.groups.create(f"group-{number}", now=NOW)

    house.store.write_blocking(unit)
    house.rotate(2)
    steps = retag_rows(house.store, pause=lambda _: None)
    done = 0
    for step in steps:
        assert step.moved <= UNIT_ROWS
        done += step.moved
        if done >= UNIT_ROWS:
            break
    del steps
    house.retag()
    assert house.needed(1) == {"record values": 1}
    assert house.needed(2)["tags of groups"] == count


# What depends on a version, and retiring it.


def test_every_column_of_blobs_is_counted_or_known_not_to_be_sealed() -> None:
    """So that whoever adds a sealed column can't forget it, and lose what is in it."""
    plain_columns = {
        "root_keys.public_key",
        "keys.public_key",
        "answers.digest",
        "invitations.token_digest",
        "authority.stamp",
    }
    sealed = {f"{column.table.name}.{column.name}" for _, column in SEALED}
    tags = {f"{table.table.name}.tag" for table in TAGGED}
    columns = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert columns == plain_columns | sealed | tags


def test_versions_are_listed_with_what_depends_on_them(house: House) -> None:
    populate(house.store)
    house.rotate(2)
    house.put("april", bytes(300_000))
    house.put("may")
    first, second = house.versions()
    assert (first.version, first.is_current, first.public_key) == (1, False, public_half(KEYS[1]))
    assert (second.version, second.is_current) == (2, True)
    assert first.dependants == {
        "record values": 1,
        "tags of identities": 3,
        "tags of keys": 3,
        "tags of groups": 1,
        "tags of members": 1,
        "tags of grants": 1,
        "tags of invitations": 1,
        "tags of namespaces": 1,
    }
    assert second.dependants == {"record values": 2}


def test_once_everything_moved_a_version_is_removed_and_all_of_it_still_opens(
    house: House,
) -> None:
    populate(house.store)
    house.rotate(2)
    house.reseal()
    house.retag()
    assert house.needed(1) == {}
    remove_root_version(house.path, 1)
    del house.shelf.keys[1]
    assert house.get("march") == b"value"
    house.put("april")
    house.store.close()
    again = opened(house.path, house.shelf, house.clock)
    try:
        assert get(again, _found(again), "march") == b"value"
    finally:
        again.close()


def test_the_version_that_seals_is_not_removed_and_none_is_skipped_or_added_twice(
    house: House,
) -> None:
    with pytest.raises(ConfigurationError, match="seals"):
        remove_root_version(house.path, 1)
    house.rotate(2)
    with pytest.raises(ConfigurationError, match="seals"):
        remove_root_version(house.path, 2)
    for version in (1, 2, 4):
        with pytest.raises(ConfigurationError, match="meanwhile"):
            add_root_version(house.path, version, public_key=public_half(KEYS[3]))
    assert [found.version for found in house.versions()] == [1, 2]


def test_name_keys_and_answers_move_too_and_say_what_they_said(house: House) -> None:
    def unit(tx: Transaction) -> None:
        owner = tx.identities.find_by_key(OWNER.public_key.key_id)
        assert owner is not None
        secret = tx.namespaces.create_with_sealed_names(
            "secret", owner_id=owner[0].id, now=NOW, keep_versions=0, keep_ms=0
        )
        tx.records.put(secret, NewRecord("name", b"value", metadata=b"labels"), now=NOW)
        tx.answers.add(owner[0].id, "id", digest=DIGEST, response=b"answer", now=NOW)

    def look(tx: Transaction) -> tuple[bytes | None, bytes | None]:
        owner, secret = (
            tx.identities.find_by_key(OWNER.public_key.key_id),
            tx.namespaces.find("secret"),
        )
        assert owner is not None
        assert secret is not None
        found = tx.records.get(secret, "name", now=NOW)
        return found and found[1], tx.answers.find(owner[0].id, "id", digest=DIGEST)

    house.store.write_blocking(unit)
    house.rotate(2)
    sealed = {kind for kind in house.needed(1) if not kind.startswith("tags")}
    assert sealed == {kind for kind, _ in SEALED}
    house.reseal()
    steps = list(reseal_others(house.store, pause=lambda _: None))
    assert (sum(step.moved for step in steps), [s.damaged for s in steps if s.damaged]) == (
        2,
        [],
    )
    house.retag()
    assert house.needed(1) == {}
    remove_root_version(house.path, 1)
    assert house.store.read_blocking(look) == (b"value", b"answer")
    again = list(reseal_others(house.store, pause=lambda _: None))
    assert sum(step.moved for step in again) == 0


def test_an_answer_that_was_altered_is_named_and_left(house: House) -> None:
    def unit(tx: Transaction) -> None:
        owner = tx.identities.find_by_key(OWNER.public_key.key_id)
        assert owner is not None
        for name in ("first", "second"):
            tx.answers.add(owner[0].id, name, digest=DIGEST, response=b"answer", now=NOW)

    house.store.write_blocking(unit)
    with plain(house.path) as connection:
        connection.execute(
            "UPDATE answers SET response = CAST(response || x'00' AS BLOB) WHERE rowid = 1"
        )
    house.rotate(2)
    (step,) = (s for s in reseal_others(house.store, pause=lambda _: None) if s.damaged)
    assert (step.moved, step.damaged) == (1, (("answers", 1),))
    assert house.needed(1)["answers"] == 1


def test_what_is_sealed_to_an_erased_identity_holds_no_root_key(house: House) -> None:
    populate(house.store)
    alices = namespace_of(house.store, ALICE, "alices")
    put(house.store, alices, "march", b"value")
    house.store.write_blocking(
        lambda tx: tx.identities.set_state(identity_of(tx, "alice"), IdentityState.ERASED)
    )
    assert house.needed(1)["record values"] == 1  # the other owner's
    with plain(house.path) as connection:
        connection.execute("UPDATE identities SET state = 'erased' WHERE name <> 'alice'")
    assert house.needed(1)["record values"] == 1  # the server did not say so
    with plain(house.path) as connection:
        connection.execute("UPDATE identities SET state = 'active' WHERE name <> 'alice'")
    house.rotate(2)
    house.retag()
    remove_root_version(house.path, 1)
    with pytest.raises(ErasedError):
        get(house.store, alices, "march")
