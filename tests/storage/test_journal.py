"""The journal of authority: nothing is acknowledged before it stands there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealwire.core.errors import ConfigurationError, UnavailableError
from sealwire.storage import AuthorityJournal, IdentityState, JournalLine, Store, Transaction
from sealwire.storage.journal_lines import encode
from tests.storage.builders import (
    ALICE,
    NOW,
    get,
    journal_of,
    namespace_of,
    opened,
    plain,
    put,
    salts_of,
)
from tests.storage.changes import found, populate, sequence

PATIENCE_SECONDS = 60


def lines(database: Path) -> list[dict[str, Any]]:
    """Return what any program that reads JSON sees."""
    return [json.loads(line) for line in journal_of(database).read_text("ascii").splitlines()]


def suspend(tx: Transaction) -> None:
    tx.identities.set_state(found(tx, "bob"), IdentityState.SUSPENDED)


def resume(tx: Transaction) -> None:
    tx.identities.set_state(found(tx, "bob"), IdentityState.ACTIVE)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the journal as another process does while it writes."""
    with path.open("rb") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def no_room(path: Path, *, left: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes more than this one has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def await_commit(database: Path, wanted: int) -> None:
    """Return when every other connection sees this many changes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with plain(database) as connection:
        while connection.execute("SELECT sequence FROM authority").fetchone() != (wanted,):
            assert time.monotonic() < deadline


@pytest.fixture
def members(store: Store) -> Store:
    populate(store)
    return store


def test_every_change_of_authority_is_a_line_that_anybody_can_read(
    members: Store, database: Path
) -> None:
    members.write_blocking(suspend)
    bob = members.read_blocking(lambda tx: found(tx, "bob"))
    last = lines(database)[-1]
    del last["sum"]
    assert last == {
        "sequence": sequence(members),
        "at": NOW,
        "change": "changed",
        "table": "identities",
        "rows": [{"id": bob.id}],
        "to": {"state": "suspended"},
    }


def test_changes_are_counted_without_a_gap_from_the_first(members: Store, database: Path) -> None:
    members.write_blocking(suspend)
    counted = [line["sequence"] for line in lines(database)]
    assert counted == list(range(1, sequence(members) + 1))
    assert lines(database)[0]["change"] == "begins"


def test_what_changes_nobodys_rights_does_not_touch_the_journal(
    members: Store, database: Path
) -> None:
    namespace = namespace_of(members, ALICE, "team/payroll")
    before = journal_of(database).stat()
    put(members, namespace, "march", b"value")
    after = journal_of(database).stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_unit_that_fails_leaves_no_line(members: Store, database: Path) -> None:
    before = lines(database)

    def unit(tx: Transaction) -> None:
        suspend(tx)
        raise LookupError("Half-way.")

    with pytest.raises(LookupError):
        members.write_blocking(unit)
    assert lines(database) == before
    members.write_blocking(suspend)
    assert [line["sequence"] for line in lines(database)] == list(range(1, len(before) + 2))


def test_no_line_holds_a_key_a_salt_or_a_digest(members: Store, database: Path) -> None:
    text = journal_of(database).read_text("ascii")
    assert "public_key_id" in text
    assert '"public_key":' not in text
    assert "token_digest" not in text
    assert "salt" not in text


def test_the_journal_is_the_owners_alone(members: Store, database: Path) -> None:
    assert journal_of(database).stat().st_mode & 0o777 == 0o600


def test_two_processes_write_one_journal(members: Store, database: Path) -> None:
    with opened(database, seed="another") as other:
        for _ in range(3):
            members.write_blocking(suspend)
            other.write_blocking(resume)
    counted = [line["sequence"] for line in lines(database)]
    assert counted == list(range(1, sequence(members) + 1))


def test_a_change_is_not_acknowledged_before_it_is_in_the_journal(
    members: Store, database: Path
) -> None:
    before = sequence(members)
    acknowledged = threading.Event()

    def change() -> None:
        members.write_blocking(suspend)
        acknowledged.set()

    with locked(journal_of(database)):
        thread = threading.Thread(target=change)
        thread.start()
        await_commit(database, before + 1)
        assert not acknowledged.is_set()
        assert lines(database)[-1]["sequence"] == before
    thread.join(PATIENCE_SECONDS)
    assert acknowledged.is_set()
    assert lines(database)[-1]["sequence"] == before + 1


def test_a_journal_that_stays_locked_is_an_outage_that_heals(
    members: Store, database: Path
) -> None:
    with (
        locked(journal_of(database)),
        pytest.raises(UnavailableError, match="another process holds it locked"),
    ):
        members.write_blocking(suspend)
    members.write_blocking(resume)
    assert lines(database)[-1]["sequence"] == sequence(members)


@pytest.fixture
def long_journal(members: Store, database: Path) -> Iterator[Store]:
    """A store whose journal is far longer than the files of the database will be."""
    present = sequence(members)
    members.close()
    first = JournalLine(present, NOW, {"change": "begins", "table": "x" * 8_000_000})
    journal_of(database).write_bytes(encode(first))
    with opened(database) as store:
        yield store


# case 72
@pytest.mark.parametrize("left", [0, 10])
def test_without_room_for_its_line_a_change_is_not_acknowledged_and_the_rest_heals(
    long_journal: Store, database: Path, left: int
) -> None:
    """It is in force: the database has it, and keeps its line until there is room."""
    size, before = journal_of(database).stat().st_size, sequence(long_journal)
    namespace = namespace_of(long_journal, ALICE, "team/payroll")
    with no_room(journal_of(database), left=left):
        with pytest.raises(UnavailableError, match=r"journal .* can't be written \(File too large"):
            long_journal.write_blocking(suspend)
        assert journal_of(database).stat().st_size == size
        bob = long_journal.read_blocking(lambda tx: found(tx, "bob"))
        assert bob.state == IdentityState.SUSPENDED
        # What was not acknowledged is not confirmed either, and nothing is written on top of it.
        for unit in (lambda tx: found(tx, "bob"), suspend):
            with pytest.raises(UnavailableError):
                long_journal.write_blocking(unit)
        assert get(long_journal, namespace, "march") is None
    put(long_journal, namespace, "march", b"value")
    assert [line["sequence"] for line in lines(database)] == [before, before + 1]


def test_a_crash_between_the_commit_and_the_line_loses_neither(
    members: Store, database: Path, tmp_path: Path
) -> None:
    """What the killed process has left behind is copied while it stands between the two."""
    left = tmp_path / "left"
    left.mkdir()
    before = sequence(members)
    with locked(journal_of(database)):
        thread = threading.Thread(target=lambda: members.write_blocking(suspend))
        thread.start()
        await_commit(database, before + 1)
        for path in (database, database.with_name("sealwire.db-wal"), journal_of(database)):
            shutil.copyfile(path, left / path.name)
        shutil.copytree(salts_of(database).path, salts_of(left / database.name).path)
    thread.join(PATIENCE_SECONDS)
    assert lines(left / database.name)[-1]["sequence"] == before
    with opened(left / database.name) as again:
        bob = again.read_blocking(lambda tx: found(tx, "bob"))
        assert bob.state == IdentityState.SUSPENDED
        last = lines(left / database.name)[-1]
        assert (last["sequence"], last["rows"]) == (before + 1, [{"id": bob.id}])


# case 98
def test_an_older_database_is_refused_with_the_way_out_and_left_as_it_is(
    members: Store, database: Path
) -> None:
    members.close()
    older = database.read_bytes()
    with opened(database) as store:
        store.write_blocking(suspend)
        present = sequence(store)
    database.write_bytes(older)
    journal = journal_of(database).read_bytes()
    with pytest.raises(ConfigurationError) as refused, opened(database):
        pass
    assert f"knows {present - 1} changes" in str(refused.value)
    assert f"the journal {present}." in str(refused.value)
    assert f"sealwire-server restored {database.parent}" in str(refused.value)
    assert database.read_bytes() == older
    assert journal_of(database).read_bytes() == journal


def test_a_database_from_before_there_was_a_journal_begins_one(
    members: Store, database: Path
) -> None:
    members.write_blocking(suspend)
    present = sequence(members)
    members.close()
    journal_of(database).unlink()
    with opened(database) as store:
        store.write_blocking(resume)
    assert [(line["sequence"], line["change"]) for line in lines(database)] == [
        (present - 1, "begins"),
        (present, "changed"),
        (present + 1, "changed"),
    ]


def test_an_older_journal_than_the_database_goes_on_and_says_what_it_lacks(
    members: Store, database: Path
) -> None:
    members.close()
    older = journal_of(database).read_bytes()
    with opened(database) as store:
        for unit in (suspend, resume, suspend):
            store.write_blocking(unit)
        present = sequence(store)
    journal_of(database).write_bytes(older)
    with opened(database) as store:
        store.write_blocking(resume)
    ends = [(line["sequence"], line["change"]) for line in lines(database)[-3:]]
    assert ends == [(present - 1, "begins"), (present, "changed"), (present + 1, "changed")]


def test_changes_that_the_database_has_lost_are_a_gap_that_the_journal_tells(
    members: Store, database: Path
) -> None:
    before = sequence(members)

    def thrice(tx: Transaction) -> None:
        for act in (suspend, resume, suspend):
            act(tx)

    with locked(journal_of(database)):
        thread = threading.Thread(target=lambda: members.write_blocking(thrice))
        thread.start()
        await_commit(database, before + 3)
        with plain(database) as connection:
            connection.execute("DELETE FROM authority_changes WHERE sequence = ?", (before + 2,))
    thread.join(PATIENCE_SECONDS)
    with opened(database, seed="again"):
        told = [(line["sequence"] - before, line["change"]) for line in lines(database)[-3:]]
    assert told == [(1, "changed"), (2, "begins"), (3, "changed")]


@pytest.mark.parametrize("kept", [0.3, 0.999])
def test_a_last_line_that_was_not_finished_is_mended(
    members: Store, database: Path, kept: float
) -> None:
    members.close()
    whole = journal_of(database).read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    journal_of(database).write_bytes(whole + last[: int(len(last) * kept)])
    with opened(database) as store:
        store.write_blocking(suspend)
        counted = [line["sequence"] for line in lines(database)]
        assert counted == list(range(1, sequence(store) + 1))
    assert journal_of(database).read_bytes().startswith(whole)


def test_an_acknowledged_last_line_that_was_lost_is_written_again(
    members: Store, database: Path
) -> None:
    members.close()
    whole = journal_of(database).read_bytes()
    journal_of(database).write_bytes(whole[:-1])
    with opened(database):
        assert journal_of(database).read_bytes() == whole


def altered(line: bytes) -> bytes:
    return line.replace(b'"at":1', b'"at":2')


DAMAGE: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "altered": lambda text: [*text[:2], altered(text[2]), *text[3:]],
    "left out": lambda text: [*text[:2], *text[3:]],
    "twice": lambda text: [*text[:3], *text[2:]],
    "exchanged": lambda text: [*text[:2], text[3], text[2], *text[4:]],
    "no JSON": lambda text: [*text[:2], b"\0" * len(text[2]) + b"\n", *text[3:]],
    "no object": lambda text: [*text[:2], b"[]\n", *text[3:]],
    "the first left out": lambda text: text[1:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_line_before_the_last_is_refused_with_a_sentence(
    members: Store, database: Path, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    members.close()
    text = journal_of(database).read_bytes().splitlines(keepends=True)
    journal_of(database).write_bytes(b"".join(damage(text)))
    before = journal_of(database).read_bytes()
    with pytest.raises(ConfigurationError, match=r"is damaged\. The line behind change \d"):
        opened(database).__enter__()
    assert journal_of(database).read_bytes() == before


def test_a_journal_that_is_moved_away_under_a_server_is_begun_anew(
    members: Store, database: Path
) -> None:
    present = sequence(members)
    journal_of(database).rename(journal_of(database).with_suffix(".old"))
    members.write_blocking(suspend)
    assert [(line["sequence"], line["change"]) for line in lines(database)] == [
        (present, "begins"),
        (present + 1, "changed"),
    ]


def test_a_journal_that_can_not_be_written_keeps_a_store_from_opening(
    members: Store, database: Path
) -> None:
    members.close()
    journal_of(database).unlink()
    journal_of(database).symlink_to(database.with_suffix(".elsewhere"))
    with pytest.raises(ConfigurationError, match="journal of changes can't be written"):
        opened(database).__enter__()
    assert not database.with_suffix(".elsewhere").exists()


def test_the_database_keeps_only_what_may_not_stand_in_the_journal_yet(
    members: Store, database: Path
) -> None:
    for unit in (suspend, resume, suspend):
        members.write_blocking(unit)
    with plain(database) as connection:
        waiting = connection.execute("SELECT sequence FROM authority_changes").fetchall()
    assert waiting == [(sequence(members),)]


def test_reading_a_journal_that_is_not_there_makes_none(tmp_path: Path) -> None:
    journal = AuthorityJournal(tmp_path / "authority.journal", lambda: NOW)
    assert journal.read() == []
    assert journal.last == 0
    assert list(tmp_path.iterdir()) == []
