from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError, SealError
from sealwire.core.sealing import read_header
from sealwire.storage import Namespace, RootKeys, add_root_version, create_database
from tests.storage.builders import (
    ALICE,
    ROOT_KEYS,
    create,
    files,
    get,
    namespace_of,
    opened,
    plain,
    put,
    root_keys,
)

OTHER = root_keys(0x21)
KEY_1, KEY_2, KEY_3 = (root_keys(number).by_version[1] for number in (0x20, 0x22, 0x23))
BOTH = RootKeys({1: KEY_1, 2: KEY_2})


def sealed_under(path: Path) -> dict[str, int]:
    """Return the root version that each record's header names."""
    with plain(path) as connection:
        found = connection.execute("SELECT name, blob FROM record_versions").fetchall()
    return {name: read_header(blob).root_version for name, blob in found}


def filled(path: Path, *, roots: RootKeys = ROOT_KEYS, value: bytes = b"value") -> Path:
    create(path, roots=roots)
    with opened(path, roots=roots) as store:
        put(store, namespace_of(store, ALICE, "n"), "march", value)
    return path


def read_march(path: Path, roots: RootKeys = ROOT_KEYS) -> bytes | None:
    with opened(path, roots=roots) as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        return get(store, found, "march")


WRONG = {
    "another key": (OTHER, "other root keys than these: version 1"),
    "another version": (root_keys(version=2), "needs root key version 1"),
    "both, swapped": (RootKeys({1: KEY_2, 2: KEY_1}), "other root keys than these: version 1"),
}


@pytest.mark.parametrize(("roots", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_with_other_root_keys_the_store_does_not_start_and_nothing_is_changed(  # case 64
    tmp_path: Path, roots: RootKeys, sentence: str
) -> None:
    path = filled(tmp_path / "sealwire.db")
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match=sentence), opened(path, roots=roots):
        pass
    assert files(tmp_path) == before
    assert read_march(path) == b"value"


WRONG_OF_TWO = {
    "the older one missing": (RootKeys({2: KEY_2}), "needs root key version 1"),
    "the newer one missing": (ROOT_KEYS, "needs root key version 2"),
    "the older one another": (RootKeys({1: KEY_3, 2: KEY_2}), "version 1"),
    "the newer one another": (RootKeys({1: KEY_1, 2: KEY_3}), "version 2"),
    "swapped": (RootKeys({1: KEY_2, 2: KEY_1}), "version 1"),
}


@pytest.mark.parametrize(("roots", "sentence"), WRONG_OF_TWO.values(), ids=WRONG_OF_TWO.keys())
def test_every_version_that_the_database_names_must_be_there_as_it_is(  # case 64
    tmp_path: Path, roots: RootKeys, sentence: str
) -> None:
    path = filled(tmp_path / "sealwire.db")
    add_root_version(path, 2, public_key=BOTH.public_halves()[2])
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match=sentence), opened(path, roots=roots):
        pass
    assert files(tmp_path) == before
    assert read_march(path, BOTH) == b"value"


def test_a_version_that_the_database_does_not_name_is_not_used(tmp_path: Path) -> None:
    path = filled(tmp_path / "sealwire.db", roots=ROOT_KEYS)
    with opened(path, roots=BOTH) as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        put(store, found, "april", b"newer")
    assert sealed_under(path) == {"march": 1, "april": 1}


def test_a_database_that_names_no_root_key_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "sealwire.db")
    with plain(path) as connection:
        connection.execute("DELETE FROM root_keys")
    with pytest.raises(ConfigurationError, match="no root key"), opened(path):
        pass


def test_what_a_crash_left_is_not_recovered_under_the_wrong_root_key(  # case 64
    tmp_path: Path,
) -> None:
    path = create(tmp_path / "sealwire.db")
    left = tmp_path / "left"
    left.mkdir()
    with opened(path) as store:
        put(store, namespace_of(store, ALICE, "n"), "march", b"value")
        for name in ("sealwire.db", "sealwire.db-wal"):
            shutil.copyfile(tmp_path / name, left / name)
        shutil.copytree(tmp_path / "salts", left / "salts")
    before = files(left)
    assert before["sealwire.db-wal"]
    with pytest.raises(ConfigurationError), opened(left / "sealwire.db", roots=OTHER):
        pass
    assert files(left) == before
    with opened(left / "sealwire.db") as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        assert get(store, found, "march") == b"value"


def test_a_copied_database_does_not_start_at_another_server(tmp_path: Path) -> None:  # case 65
    copied = filled(tmp_path / "copied.db")
    with pytest.raises(ConfigurationError), opened(copied, roots=OTHER):
        pass


def test_a_copied_database_is_unreadable_even_when_its_check_is_forged(  # case 65
    tmp_path: Path,
) -> None:
    copied = filled(tmp_path / "copied.db")
    with plain(copied) as connection:
        connection.execute("UPDATE root_keys SET public_key = ?", (OTHER.public_halves()[1],))
        found = connection.execute(
            "SELECT id, name, owner_id, created_at FROM namespaces"
        ).fetchone()
    with opened(copied, roots=OTHER) as thief:
        with pytest.raises(SealError):
            thief.read_blocking(lambda tx: tx.namespaces.find("n"))
        with pytest.raises(SealError):
            get(thief, Namespace(*found), "march")


def test_the_file_holds_public_halves_of_root_keys_only(tmp_path: Path) -> None:
    data = filled(tmp_path / "sealwire.db").read_bytes()
    assert ROOT_KEYS.public_halves()[1] in data
    assert ROOT_KEYS.by_version[1].private_bytes_raw() not in data


def test_the_current_root_key_seals_and_an_older_one_still_opens(tmp_path: Path) -> None:
    path = filled(tmp_path / "sealwire.db")
    add_root_version(path, 2, public_key=BOTH.public_halves()[2])
    with opened(path, roots=BOTH) as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        put(store, found, "april", b"newer")
        assert get(store, found, "march") == b"value"
        assert get(store, found, "april") == b"newer"
    assert sealed_under(path) == {"march": 1, "april": 2}


@pytest.mark.parametrize("version", [0, -1, 2**32])
def test_a_version_that_a_blob_can_not_name_is_refused(version: int) -> None:
    with pytest.raises(ConfigurationError, match="version"):
        RootKeys({version: X25519PrivateKey.generate()})


def test_the_highest_root_key_is_the_current_one_and_there_must_be_one() -> None:
    assert (ROOT_KEYS.current, BOTH.current) == (1, 2)
    with pytest.raises(ConfigurationError, match="no root key"):
        RootKeys({})


def test_root_keys_are_not_shown_and_do_not_change() -> None:
    given = dict(ROOT_KEYS.by_version)
    roots = RootKeys(given)
    given.clear()
    assert roots.public_halves() == ROOT_KEYS.public_halves()
    assert repr(roots) == "RootKeys()"


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = filled(tmp_path / "sealwire.db")
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match="exists already"):
        create_database(path, deployment_id="another", root_keys=OTHER)
    assert files(tmp_path) == before


def test_the_files_are_the_owners_alone_under_any_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        path = create(tmp_path / "sealwire.db")
        with opened(path) as store:
            put(store, namespace_of(store, ALICE, "n"), "march", b"value")
            found = [file for file in tmp_path.iterdir() if file.is_file()]
            modes = {file.name: file.stat().st_mode & 0o777 for file in found}
    finally:
        os.umask(previous)
    journal = "sealwire.journal"
    assert set(modes) == {"sealwire.db", "sealwire.db-wal", "sealwire.db-shm", journal}
    assert set(modes.values()) == {0o600}
