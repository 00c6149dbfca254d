"""Root keys are rotated beside a running server, and retired when nothing depends on them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import root_key_text
from sealwire.core.secret_files import write_new_secret
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import Deployment, load_deployment
from sealwire.server.invitations import open_store
from sealwire.server.root_rotation import Rotated, retire_root_key, rotate_root_key
from sealwire.storage import NewIdentity, NewRecord, Transaction, reseal_records, retag_rows
from tests.server.dying import is_killed
from tests.server.members import Member
from tests.server.processes import operate
from tests.server.served import Served
from tests.storage.builders import ALICE, NOW

VALUE = b"what is sealed"


def rotate(directory: Path) -> Rotated:
    return rotate_root_key(directory, random=os.urandom)


def retire(directory: Path, version: int) -> None:
    retire_root_key(directory, version, confirm=without_asking)


def put(deployment: Deployment, name: str) -> None:
    """Put a record of alice's, whose namespace comes into being with the first."""

    def unit(tx: Transaction) -> None:
        namespace = tx.namespaces.find("team")
        if namespace is None:
            identity = tx.identities.create(NewIdentity("alice", "member", ALICE.public_key), NOW)
            namespace = tx.namespaces.create("team", owner_id=identity.id, now=NOW)
        tx.records.put(namespace, NewRecord(name, VALUE), now=NOW)

    with open_store(deployment, random=os.urandom) as store:
        store.write_blocking(unit)


def opens(directory: Path, *names: str) -> bool:
    """Tell whether a server that starts now can read all of these records."""

    def unit(tx: Transaction) -> bool:
        namespace = tx.namespaces.find("team")
        assert namespace is not None
        found = [tx.records.get(namespace, name, now=NOW) for name in names]
        return all(record is not None and record[1] == VALUE for record in found)

    with open_store(load_deployment(directory), random=os.urandom) as store:
        return store.read_blocking(unit)


def move_everything(directory: Path) -> None:
    with open_store(load_deployment(directory), random=os.urandom) as store:
        assert not any(step.damaged for step in reseal_records(store, pause=lambda _: None))
        assert not any(step.damaged for step in retag_rows(store, pause=lambda _: None))


def named(directory: Path) -> list[int]:
    """Return the versions that the database names."""
    with contextlib.closing(sqlite3.connect(directory / "sealwire.db")) as database:
        found = database.execute("SELECT version FROM root_keys ORDER BY version").fetchall()
    return [version for (version,) in found]


def sealed_under(directory: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(directory / "sealwire.db")) as database:
        found = database.execute("SELECT name, substr(blob, 7, 4) FROM record_versions").fetchall()
    return {name: int.from_bytes(version, "big") for name, version in found}


def killed_everywhere(original: Path, copies: Path, *command: str) -> Iterator[tuple[Path, bool]]:
    """Give copies, in each of which a command was killed a step later; in the last, it was not."""
    killed, step = True, 0
    while killed:
        directory = Path(shutil.copytree(original, copies / str(step)))
        verb, *rest = command
        killed, step = is_killed(directory, "root", verb, directory, *rest, at=step), step + 1
        yield directory, killed


def files(directory: Path) -> set[str]:
    return {path.name for path in (directory / "roots").iterdir()}


@pytest.fixture
def filled(directory: Path) -> Path:
    """A deployment with a record under version 1."""
    put(load_deployment(directory), "march")
    return directory


@pytest.fixture
def moved(filled: Path) -> Path:
    """One in which nothing depends on version 1 any more."""
    rotate(filled)
    move_everything(filled)
    return filled


# Killed.


def test_a_rotation_killed_at_every_step_leaves_all_readable_and_is_finished(  # case 70, case 99
    filled: Path, tmp_path: Path
) -> None:
    outcomes = []
    for directory, killed in killed_everywhere(filled, tmp_path / "copies", "rotate"):
        outcomes.append(named(directory))
        assert named(directory) in ([1], [1, 2])
        assert opens(directory, "march")
        put(load_deployment(directory), "april")
        assert sealed_under(directory)["april"] == named(directory)[-1]
        if killed:
            made = (directory / "roots" / "2.key").exists()
            assert rotate(directory) == (len(outcomes[-1]) + 1, made and outcomes[-1] == [1])
        assert files(directory) == {f"{version}.key" for version in named(directory)}
        assert opens(directory, "march", "april")
    assert outcomes == sorted(outcomes)
    assert len(outcomes) > 4
    assert outcomes[-1] == [1, 2]


def test_a_retirement_killed_at_every_step_leaves_all_readable_and_is_finished(  # case 70, case 99
    moved: Path, tmp_path: Path
) -> None:
    outcomes = []
    for directory, killed in killed_everywhere(moved, tmp_path / "copies", "retire", "1", "--yes"):
        outcomes.append((named(directory), sorted(files(directory))))
        assert opens(directory, "march")
        if killed:
            retire(directory, 1)
        assert (named(directory), files(directory)) == ([2], {"2.key"})
        assert opens(directory, "march")
    steps = [outcome for index, outcome in enumerate(outcomes) if outcome not in outcomes[:index]]
    assert steps == [([1, 2], ["1.key", "2.key"]), ([2], ["1.key", "2.key"]), ([2], ["2.key"])]


def test_a_rotation_that_was_killed_and_one_after_it_are_two(filled: Path) -> None:
    write_new_secret(filled / "roots" / "2.key", root_key_text(X25519PrivateKey.generate()))
    assert rotate(filled) == (2, True)
    assert rotate(filled) == (3, False)


@pytest.mark.parametrize("content", [b"", bytes(119), b"no key"])
def test_a_file_that_the_database_does_not_name_is_neither_used_nor_in_the_way(  # case 64
    moved: Path, content: bytes
) -> None:
    retire(moved, 1)
    (moved / "roots" / "1.key").write_bytes(content)
    (moved / "roots" / "4.key").write_bytes(content)
    put(load_deployment(moved), "april")
    assert sealed_under(moved) == {"march": 2, "april": 2}
    assert opens(moved, "march", "april")


# Beside a running server, which is another process than the operator's.


@dataclass(frozen=True)
class House:
    """A server with a record of alice's, and a connection that stays open."""

    served: Served
    alice: Member

    @property
    def directory(self) -> Path:
        return self.served.deployment.directory


@pytest.fixture
def house(own_server: Served) -> House:
    alice = own_server.enrol("alice")
    with alice.client() as client:
        client.put("team", "march", VALUE)
    return House(own_server, alice)


def test_a_server_uses_a_rotated_key_at_once_and_everything_moves_under_it(house: House) -> None:
    # case 99
    with house.alice.client() as client:
        assert operate("root", "rotate", house.directory).code == 0
        client.put("team", "april", VALUE)
        assert sealed_under(house.directory) == {"march": 1, "april": 2}
        bob = house.served.enrol("bob")  # whose invitation was tagged in the operator's way
        assert operate("reseal", house.directory).code == 0
        done = operate("root", "retire", house.directory, "1", "--yes")
        assert done.code == 0, done
        assert files(house.directory) == {"2.key"}
        for name in ("march", "april"):
            assert client.get("team", name).value == VALUE
        client.put("team", "may", VALUE)
    with bob.client() as other:
        assert other.whoami().name == "bob"


def test_what_a_command_seals_and_tags_under_a_new_key_is_read_by_a_server_that_was_idle(
    house: House,
) -> None:
    operate("root", "rotate", house.directory)
    operate("root", "rotate", house.directory)
    assert operate("reseal", house.directory).code == 0
    assert sealed_under(house.directory) == {"march": 3}
    with house.alice.client() as client:
        assert client.get("team", "march").value == VALUE


# Retiring.


def test_a_version_that_anything_depends_on_is_not_retired_and_the_refusal_says_what(
    filled: Path,
) -> None:
    rotate(filled)
    before = files(filled)
    done = operate("root", "retire", filled, "1", "--yes")
    done.assert_refused("1 record values, 1 tags of identities, 1 tags of keys")
    assert "sealwire-server reseal" in done.err
    assert (files(filled), named(filled)) == (before, [1, 2])


def test_the_version_that_seals_is_not_retired(filled: Path) -> None:
    operate("root", "retire", filled, "1", "--yes").assert_refused("sealwire-server root rotate")
    assert named(filled) == [1]


@pytest.mark.parametrize("version", ["2", "7"])
def test_a_version_that_there_is_none_of_is_not_retired(filled: Path, version: str) -> None:
    write_new_secret(filled / "roots" / "2.key", root_key_text(X25519PrivateKey.generate()))
    done = operate("root", "retire", filled, version, "--yes")
    done.assert_refused(f"no root key version {version}")
    assert files(filled) == {"1.key", "2.key"}


def test_it_asks_before_it_destroys_a_key(moved: Path) -> None:
    operate("root", "retire", moved, "1").assert_refused("Nobody is there to be asked")
    assert (named(moved), files(moved)) == ([1, 2], {"1.key", "2.key"})


def test_a_retired_key_is_overwritten_where_it_lay(moved: Path, tmp_path: Path) -> None:
    kept = tmp_path / "the same bytes on the disk"
    os.link(moved / "roots" / "1.key", kept)
    size = kept.stat().st_size
    assert "overwritten and removed" in operate("root", "retire", moved, "1", "--yes").out
    assert kept.read_bytes() == bytes(size)
    operate("root", "retire", moved, "1", "--yes").assert_refused("no root key version 1")


def test_a_row_that_was_altered_keeps_the_key_that_its_tag_names(moved: Path) -> None:
    """Else whoever alters a row, and puts it back later, could have its tag become worthless."""
    rotate(moved)
    with contextlib.closing(sqlite3.connect(moved / "sealwire.db")) as database:
        database.execute("UPDATE identities SET role = 'admin'")
        database.commit()
    done = operate("reseal", moved)
    assert done.code == 1
    assert "Row 1 of identities was altered" in done.err
    operate("root", "retire", moved, "2", "--yes").assert_refused("1 tags of identities")


# Listing.


def test_the_list_shows_versions_and_what_depends_on_each(filled: Path) -> None:
    rotate(filled)
    put(load_deployment(filled), "april")
    document = json.loads(operate("root", "list", filled, "--output", "json").out)
    first, second = document["versions"]
    assert (first["version"], first["current"]) == (1, False)
    assert (second["version"], second["current"]) == (2, True)
    assert first["dependants"]["record values"] == 1
    assert second["dependants"] == {"record values": 1}
    text = operate("root", "list", filled).out
    assert f"version 2, which seals\n  public key  {second['public_key']}\n" in text
    assert "         1  record values\n" in text


def test_a_version_on_which_nothing_depends_is_listed_as_that(moved: Path) -> None:
    assert "nothing depends on it" in operate("root", "list", moved).out


# Rotating.


def test_a_new_key_is_0600_under_any_umask_and_the_old_one_stays(filled: Path) -> None:
    # case 95
    before = (filled / "roots" / "1.key").read_bytes()
    done = operate("root", "rotate", filled, umask=0)
    assert done.code == 0
    assert "Root key version 2 seals from now on." in done.out
    assert stat.S_IMODE((filled / "roots" / "2.key").stat().st_mode) == 0o600
    assert (filled / "roots" / "1.key").read_bytes() == before


def test_two_changes_at_once_are_one(filled: Path) -> None:
    with (filled / "sealwire.toml").open("rb") as settings:
        fcntl.flock(settings, fcntl.LOCK_EX)
        for change in (rotate, lambda directory: retire(directory, 1)):
            with pytest.raises(ConfigurationError, match="Another command"):
                change(filled)
    assert (named(filled), files(filled)) == ([1], {"1.key"})


def test_without_the_keys_in_use_nothing_is_rotated(filled: Path) -> None:
    # case 64
    (filled / "roots" / "1.key").write_bytes(root_key_text(X25519PrivateKey.generate()))
    operate("root", "rotate", filled).assert_refused("was made with other root keys than these")
    assert (named(filled), files(filled)) == ([1], {"1.key"})


def test_a_backup_opens_with_the_keys_of_its_day_and_no_others(moved: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copytree(moved / "roots", tmp_path / "roots"))
    assert operate("backup", moved, tmp_path / "copy.db").code == 0
    retire(moved, 1)
    shutil.copy(tmp_path / "copy.db", moved / "sealwire.db")
    operate("serve", moved).assert_refused("The database needs root key version 1")
    shutil.copy(kept / "1.key", moved / "roots" / "1.key")
    assert opens(moved, "march")
