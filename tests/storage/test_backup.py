"""Hot backups: one committed state, whole or not at all.

Under load: tests/server/test_backup_command.py.
"""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError
from sealwire.storage import Namespace, Store, back_up, current_revision
from tests.storage.builders import (
    ALICE,
    ROOT_KEYS,
    create,
    files,
    get,
    journal_of,
    migrate,
    namespace_of,
    opened,
    plain,
    put,
    root_keys,
)
from tests.storage.changes import found, grant, populate, sequence
from tests.storage.first_schema import FirstDatabase

RECORDS = 600


@pytest.fixture
def filled(store: Store) -> Namespace:
    populate(store)
    namespace = namespace_of(store, ALICE, "team/payroll")
    for number in range(RECORDS):
        put(store, namespace, f"{number:03}", bytes([number % 256]) * 10_000)
    return namespace


def copied(database: Path, target: Path) -> Path:
    back_up(database, target, root_keys=ROOT_KEYS, progress=lambda _done, _total: None)
    return target


# case 97
def test_a_restored_backup_opens_every_record_and_knows_every_key_and_grant(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    copy = copied(database, tmp_path / "copy.db")
    shutil.copyfile(journal_of(database), journal_of(copy))
    with opened(copy) as restored:
        for number in range(RECORDS):
            assert get(restored, filled, f"{number:03}") == bytes([number % 256]) * 10_000
        for look in (
            lambda tx: tx.identities.page(after=None, limit=10),
            lambda tx: tx.keys.of_identity(found(tx, "alice").id),
            lambda tx: tx.grants.of_subject(found(tx, "bob").id) == [grant(tx, "bob")],
            lambda tx: tx.groups.of_identity(found(tx, "bob").id),
        ):
            assert restored.read_blocking(look) == store.read_blocking(look)


def test_a_backup_is_one_file_that_is_its_owners_alone_under_any_umask(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    before = os.umask(0)
    try:
        copy = copied(database, directory / "copy.db")
    finally:
        os.umask(before)
    assert list(directory.iterdir()) == [copy]
    assert copy.stat().st_mode & 0o777 == 0o600
    with plain(copy) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_what_is_written_during_a_backup_is_in_the_database_and_not_in_the_backup(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        put(store, filled, "000", b"newer %d" % len(calls))
        put(store, filled, f"new-{len(calls)}", bytes(100_000))

    back_up(database, tmp_path / "copy.db", root_keys=ROOT_KEYS, progress=progress)
    assert calls[0][0] < calls[0][1]
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1][0] == calls[-1][1]
    assert get(store, filled, "000") == b"newer %d" % len(calls)
    with plain(tmp_path / "copy.db") as connection:
        assert connection.execute("SELECT count(*) FROM record_versions").fetchone() == (RECORDS,)
        assert connection.execute("SELECT max(version) FROM record_versions").fetchone() == (1,)


def test_a_backup_knows_as_much_as_the_database_did(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    copy = copied(database, tmp_path / "copy.db")
    with plain(copy) as connection:
        assert connection.execute("SELECT sequence FROM authority").fetchone() == (sequence(store),)


def test_an_existing_file_is_not_overwritten(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy.db").write_bytes(b"mine")
    for target in (tmp_path / "copy.db", database):
        with pytest.raises(ConfigurationError, match="exists already"):
            copied(database, target)
    assert (tmp_path / "copy.db").read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["nowhere/copy.db", "file/copy.db"])
def test_a_place_that_can_not_be_written_is_named(
    store: Store, filled: Namespace, database: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError) as refused:
        copied(database, tmp_path / place)
    assert str(refused.value).startswith(f"{tmp_path / place} can't be written: ")


def test_without_room_nothing_is_left(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="The backup was not made: "):
            copied(database, directory / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(directory.iterdir()) == []


def test_a_damaged_database_gives_no_backup(tmp_path: Path) -> None:
    path = create(tmp_path / "sealwire.db")
    with opened(path) as store:
        namespace = namespace_of(store, ALICE, "n")
        for number in range(RECORDS):
            put(store, namespace, f"{number:03}", bytes(3000))
    data = bytearray(path.read_bytes())
    data[-8192:-4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match="The backup was not made"):
        copied(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_with_other_root_keys_no_backup_is_made(
    store: Store, filled: Namespace, database: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="other root keys"):
        back_up(
            database,
            tmp_path / "copy.db",
            root_keys=root_keys(0x21),
            progress=lambda _done, _total: None,
        )
    assert not (tmp_path / "copy.db").exists()


def test_a_database_that_waits_for_its_upgrade_can_be_backed_up(tmp_path: Path) -> None:
    first = FirstDatabase(tmp_path / "first.db").create()
    copy = copied(first, tmp_path / "copy.db")
    migrate(first)
    assert current_revision(copy) == "0001"
    migrate(copy)
    with opened(copy) as store:
        assert store.read_blocking(lambda tx: found(tx, "alice")).role == "admin"


def test_a_backup_changes_nothing_in_the_database(tmp_path: Path) -> None:
    path = create(tmp_path / "sealwire.db")
    with opened(path) as store:
        populate(store)
    before = files(tmp_path)
    copied(path, tmp_path / "copy.db")
    (tmp_path / "copy.db").unlink()
    assert files(tmp_path) == before
