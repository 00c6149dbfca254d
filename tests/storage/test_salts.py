"""Salts in files of their own: what is written, what is refused, what is left of an erased one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError, SealError, UnavailableError
from sealwire.storage import NewIdentity, SaltDirectory, Store, Transaction
from tests.storage.builders import ALICE, BOB, NOW, files, journal_of, opened, put, salts_of
from tests.storage.changes import found, populate

ID = "0c2f8e51-6d3a-4b7c-9e18-f5a4d2b36c70"
SALT = bytes(range(32))
OTHER = bytes(range(1, 33))


@pytest.fixture
def salts(tmp_path: Path) -> SaltDirectory:
    salts = SaltDirectory(tmp_path / "salts")
    salts.make()
    return salts


@pytest.fixture
def kept(salts: SaltDirectory) -> Path:
    """The file of a salt that is kept."""
    salts.create(ID, SALT)
    return salts.path / ID


@pytest.fixture(params=[0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_salts_are_their_owners_alone_under_any_umask(tmp_path: Path) -> None:
    salts = SaltDirectory(tmp_path / "salts")
    salts.make()
    salts.create(ID, SALT)
    assert stat.S_IMODE(salts.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((salts.path / ID).stat().st_mode) == 0o600
    assert salts.read(ID) == SALT


def test_a_salt_is_32_bytes_in_a_file_and_nothing_else_is_left(kept: Path) -> None:
    assert files(kept.parent) == {ID: SALT}


def test_the_same_salt_may_be_created_again_and_another_never_replaces_it(
    salts: SaltDirectory, kept: Path
) -> None:
    salts.create(ID, SALT)
    with pytest.raises(SealError, match="another salt already"):
        salts.create(ID, OTHER)
    assert files(kept.parent) == {ID: SALT}


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def turn_into_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "is missing": Path.unlink,
    "is empty": lambda path: path.write_bytes(b""),
    "was cut": lambda path: path.write_bytes(SALT[:31]),
    "is too long": lambda path: path.write_bytes(SALT + b"1"),
    "is half erased": lambda path: path.write_bytes(bytes(32)),
    "is a symbolic link": link,
    "is a directory": turn_into_a_directory,
    "may be read by others": lambda path: path.chmod(0o640),
    "belongs to somebody else": lambda path: os.chown(path, 65534, 65534),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_not_as_it_was_left_is_not_a_salt(
    salts: SaltDirectory, kept: Path, damage: Callable[[Path], object]
) -> None:
    if damage is DAMAGES["belongs to somebody else"] and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    damage(kept)
    with pytest.raises(SealError):
        salts.read(ID)


@pytest.mark.parametrize("identity_id", ["", ".", "..", "../roots/1.key", "/etc/passwd", "a\0"])
def test_no_id_leads_out_of_the_directory(salts: SaltDirectory, identity_id: str) -> None:
    for attempt in (salts.read, salts.erase, lambda name: salts.create(name, SALT)):
        with pytest.raises(SealError, match="not of the form"):
            attempt(identity_id)


def test_an_erased_salt_is_gone_and_may_be_erased_again(salts: SaltDirectory, kept: Path) -> None:
    salts.create("another", OTHER)
    for _ in range(2):
        salts.erase(ID)
        assert files(kept.parent) == {"another": OTHER}
        with pytest.raises(SealError, match="missing"):
            salts.read(ID)


def test_an_erased_salt_is_overwritten_where_it_stood(salts: SaltDirectory, kept: Path) -> None:
    """Whatever leads to the same place on the disk leads to zeros."""
    other = kept.with_name(".left-behind.tmp")
    os.link(kept, other)
    salts.erase(ID)
    assert files(kept.parent) == {other.name: bytes(32)}


@pytest.mark.parametrize("state", [bytes(32), b"", SALT + SALT, bytes(16) + SALT[16:]])
def test_an_erasure_that_was_interrupted_is_finished_by_another(
    salts: SaltDirectory, kept: Path, state: bytes
) -> None:
    kept.write_bytes(state)
    salts.erase(ID)
    assert files(kept.parent) == {}


@pytest.mark.parametrize("damage", [link, turn_into_a_directory], ids=lambda way: way.__name__)
def test_what_can_not_be_erased_is_not_said_to_be(
    salts: SaltDirectory, kept: Path, damage: Callable[[Path], None]
) -> None:
    damage(kept)
    before = files(kept.parent)
    with pytest.raises(UnavailableError, match="can't be destroyed now"):
        salts.erase(ID)
    assert files(kept.parent) == before


def test_whoever_may_read_it_a_salt_is_erased(salts: SaltDirectory, kept: Path) -> None:
    kept.chmod(0o666)
    salts.erase(ID)
    assert files(kept.parent) == {}


def test_what_is_being_written_is_no_salt(salts: SaltDirectory, kept: Path) -> None:
    kept.with_name(f".{ID}.0123.tmp").write_bytes(OTHER)
    assert salts.names() == {ID}


def left_by_a_killed_writer(salts: SaltDirectory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a salt, and end where its file would have got its name; return what is left."""
    with monkeypatch.context() as patch:
        for step in ("link", "unlink"):  # a process that is killed does neither
            patch.setattr(os, step, lambda *_args, **_kinds: None)
        salts.create(ID, SALT)
    (left,) = salts.path.iterdir()
    assert (left.suffix, left.read_bytes()) == (".tmp", SALT)
    return left


# case 70
def test_what_a_killed_writer_left_of_a_salt_is_erased_with_it(
    salts: SaltDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = left_by_a_killed_writer(salts, monkeypatch)
    salts.create("another", OTHER)
    anothers = salts.path / ".another.0123.tmp"
    anothers.write_bytes(OTHER)
    second = salts.path / "second name"
    os.link(left, second)
    salts.create(ID, SALT)
    salts.erase(ID)
    assert files(salts.path) == {"another": OTHER, anothers.name: OTHER, second.name: bytes(32)}


def test_what_was_left_of_a_salt_that_never_came_to_be_is_erased(
    salts: SaltDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_killed_writer(salts, monkeypatch)
    salts.erase(ID)
    assert files(salts.path) == {}


def test_what_is_left_and_can_not_be_erased_keeps_the_salt_for_the_next_attempt(
    salts: SaltDirectory, kept: Path
) -> None:
    (salts.path / f".{ID}.0123.tmp").mkdir()
    with pytest.raises(UnavailableError, match="can't be destroyed now"):
        salts.erase(ID)
    assert files(kept.parent) == {ID: SALT}


def test_what_killed_writers_left_is_overwritten_and_removed(
    salts: SaltDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = left_by_a_killed_writer(salts, monkeypatch)
    with left.open("rb") as open_still:
        salts.make()
        assert files(salts.path) == {}
        assert open_still.read() == bytes(32)


def test_a_second_name_of_a_salt_is_removed_and_the_salt_stays(
    salts: SaltDirectory, kept: Path
) -> None:
    """A writer was killed when the file had its name, and its first one still."""
    os.link(kept, salts.path / f".{ID}.0123.tmp")
    salts.remove_leftovers()
    assert files(kept.parent) == {ID: SALT}


def test_what_was_left_and_can_not_be_removed_is_said(salts: SaltDirectory) -> None:
    (salts.path / f".{ID}.0123.tmp").symlink_to("elsewhere")
    with pytest.raises(ConfigurationError, match="can't be destroyed"):
        salts.remove_leftovers()


def test_without_room_no_salt_is_kept_and_nothing_is_left(salts: SaltDirectory) -> None:
    salts.path.rmdir()
    with pytest.raises(UnavailableError, match="can't be written"):
        salts.create(ID, SALT)


def open_to_all(path: Path) -> None:
    path.chmod(0o755)


def replace_with_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def replace_with_a_file(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.rename(path.with_name("elsewhere")), "put the newest copy of it back"),
        (open_to_all, "run: chmod 700"),
        (replace_with_a_link, "symbolic link"),
        (replace_with_a_file, "no directory"),
    ],
)
def test_a_store_does_not_open_without_a_place_for_salts_that_is_its_own(
    database: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    with opened(database) as store:
        populate(store)
    damage(salts_of(database).path)
    before = files(database.parent)
    with pytest.raises(ConfigurationError, match=sentence):
        opened(database).__enter__()
    assert files(database.parent) == before


def test_no_salt_is_in_any_file_but_its_own(store: Store, database: Path) -> None:
    populate(store)
    salts = salts_of(database)
    everything = files(database.parent)
    assert {"sealwire.db", "sealwire.db-wal", journal_of(database).name} <= set(everything)
    assert len(salts.names()) == 2
    for identity_id in salts.names():
        holders = [name for name, data in everything.items() if salts.read(identity_id) in data]
        assert holders == [f"salts/{identity_id}"]


def test_a_salt_stands_on_the_disk_before_its_identity_is_committed(
    store: Store, database: Path
) -> None:
    """A crash in between leaves a salt of nobody's, which is in nobody's way."""
    salts, seen = salts_of(database), list[str]()

    def unit(tx: Transaction) -> None:
        identity = tx.identities.create(NewIdentity("alice", "member", ALICE.public_key), NOW)
        seen.append(identity.id)
        assert salts.names() == {identity.id}
        raise LookupError("Refused.")

    with pytest.raises(LookupError):
        store.write_blocking(unit)
    assert salts.names() == set(seen)
    store.close()
    with opened(database, seed="again") as again:
        populate(again)
        assert again.read_blocking(lambda tx: found(tx, "alice").id) not in seen
    assert len(salts.names()) == 3


def test_an_identity_whose_salt_can_not_be_kept_does_not_come_to_be(
    store: Store, database: Path
) -> None:
    salts_of(database).path.rmdir()
    with pytest.raises(UnavailableError, match="salt can't be written"):
        store.write_blocking(
            lambda tx: tx.identities.create(NewIdentity("bob", "member", BOB.public_key), NOW)
        )
    assert store.read_blocking(lambda tx: tx.identities.find_by_name("bob")) is None


def test_a_salt_that_was_lost_is_not_made_anew(store: Store, database: Path) -> None:
    populate(store)
    alice = store.read_blocking(lambda tx: found(tx, "alice"))
    namespace = store.write_blocking(
        lambda tx: tx.namespaces.create("team", owner_id=alice.id, now=NOW)
    )
    (salts_of(database).path / alice.id).unlink()
    with pytest.raises(SealError, match="missing"):
        put(store, namespace, "march", b"value")
    assert alice.id not in salts_of(database).names()
