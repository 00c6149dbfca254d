from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError, SealError
from sealwire.storage import Namespace, RootKeys, create_database
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


def filled(path: Path, *, roots: RootKeys = ROOT_KEYS, value: bytes = b"value") -> Path:
    create(path, roots=roots)
    with opened(path, roots=roots) as store:
        put(store, namespace_of(store, ALICE, "n"), "march", value)
    return path


@pytest.mark.parametrize(
    "roots",
    [
        OTHER,
        root_keys(version=2),
        RootKeys({**ROOT_KEYS.by_version, 2: OTHER.by_version[1]}, current=1),
    ],
    ids=["another key", "another version", "one too many"],
)
def test_with_other_root_keys_the_store_does_not_start_and_nothing_is_changed(  # case 64
    tmp_path: Path, roots: RootKeys
) -> None:
    path = filled(tmp_path / "sealwire.db")
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match="other root keys"), opened(path, roots=roots):
        pass
    assert files(tmp_path) == before
    with opened(path) as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        assert get(store, found, "march") == b"value"


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
        found = connection.execute("SELECT id, name, owner_id FROM namespaces").fetchone()
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
    both = {**ROOT_KEYS.by_version, 2: OTHER.by_version[1]}
    path = filled(tmp_path / "sealwire.db", roots=RootKeys(both, current=1))
    with opened(path, roots=RootKeys(both, current=2)) as store:
        found = store.read_blocking(lambda tx: tx.namespaces.find("n"))
        assert found is not None
        put(store, found, "april", b"newer")
        assert get(store, found, "march") == b"value"
        assert get(store, found, "april") == b"newer"
    with plain(path) as connection:
        versions = connection.execute("SELECT name, hex(substr(blob, 7, 4)) FROM records")
        assert dict(versions.fetchall()) == {"march": "00000001", "april": "00000002"}


@pytest.mark.parametrize("version", [0, -1, 2**32])
def test_a_version_that_a_blob_can_not_name_is_refused(version: int) -> None:
    with pytest.raises(ConfigurationError, match="version"):
        RootKeys({version: X25519PrivateKey.generate()}, current=version)


def test_the_current_root_key_must_be_among_them() -> None:
    with pytest.raises(ConfigurationError, match="version 2"):
        RootKeys(ROOT_KEYS.by_version, current=2)


def test_root_keys_are_not_shown_and_do_not_change() -> None:
    given = dict(ROOT_KEYS.by_version)
    roots = RootKeys(given, current=1)
    given.clear()
    assert roots.public_halves() == ROOT_KEYS.public_halves()
    assert repr(roots) == "RootKeys(current=1)"


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
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    journal = "sealwire.journal"
    assert set(modes) == {"sealwire.db", "sealwire.db-wal", "sealwire.db-shm", journal}
    assert set(modes.values()) == {0o600}
