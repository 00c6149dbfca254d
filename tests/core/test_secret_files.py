from __future__ import annotations

import contextlib
import os
import resource
import secrets
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import (
    MAX_SECRET_FILE_BYTES,
    read_secret,
    replace_secret,
    write_new_secret,
)

SECRET = b"secret\0bytes\n"
Write = Callable[[Path, bytes], None]
WRITERS = pytest.mark.parametrize("write", [write_new_secret, replace_secret])


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let this process write no file beyond four bytes: write(2) then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@WRITERS
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_a_secret_is_written_0600_whatever_the_umask(
    tmp_path: Path, write: Write, mask: int
) -> None:  # case 95
    with umask(mask):
        write(tmp_path / "key", SECRET)
    assert mode(tmp_path / "key") == 0o600
    assert read_secret(tmp_path / "key") == SECRET
    assert names(tmp_path) == ["key"]


def test_a_new_secret_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_new_secret(path, SECRET)
    with pytest.raises(ConfigurationError, match="exists already"):
        write_new_secret(path, b"other")
    assert path.read_bytes() == SECRET
    assert names(tmp_path) == ["key"]


@pytest.mark.parametrize("target", ["elsewhere", "missing"])
def test_a_new_secret_follows_no_symbolic_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / "key").symlink_to(tmp_path / target)
    with pytest.raises(ConfigurationError, match="exists already"):
        write_new_secret(tmp_path / "key", SECRET)
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"
    assert names(tmp_path) == ["elsewhere", "key"]


def test_a_replaced_secret_is_wholly_new(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"a longer text than the secret that replaces it")
    path.chmod(0o644)
    replace_secret(path, SECRET)
    assert read_secret(path) == SECRET
    assert mode(path) == 0o600
    assert names(tmp_path) == ["key"]


def test_replacing_a_symbolic_link_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    replace_secret(tmp_path / "key", SECRET)
    assert read_secret(tmp_path / "key") == SECRET
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"


@WRITERS
def test_a_link_planted_at_the_temporary_name_is_not_followed(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    (tmp_path / "elsewhere").write_bytes(b"untouched")
    (tmp_path / ".key.guessed.tmp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        write(tmp_path / "key", SECRET)
    assert (tmp_path / "elsewhere").read_bytes() == b"untouched"
    assert not (tmp_path / "key").exists()


def test_of_racing_writers_of_one_new_file_one_succeeds_with_its_own_bytes(tmp_path: Path) -> None:
    def attempt(number: int) -> int | None:
        with contextlib.suppress(ConfigurationError):
            write_new_secret(tmp_path / "key", bytes([number]) * 1_000)
            return number
        return None

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(8)) if number is not None]
    assert len(winners) == 1
    assert read_secret(tmp_path / "key") == bytes(winners) * 1_000
    assert names(tmp_path) == ["key"]


@WRITERS
def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, write: Write) -> None:  # case 95
    with full_disk(), pytest.raises(ConfigurationError, match="can't be written"):
        write(tmp_path / "key", SECRET)
    assert names(tmp_path) == []


def test_a_failed_replacement_leaves_what_was_there(tmp_path: Path) -> None:  # case 95
    write_new_secret(tmp_path / "key", SECRET)
    with full_disk(), pytest.raises(ConfigurationError, match="can't be written"):
        replace_secret(tmp_path / "key", b"other secret")
    assert read_secret(tmp_path / "key") == SECRET
    assert names(tmp_path) == ["key"]


@WRITERS
@pytest.mark.parametrize("place", ["missing/key", "file/key", "x" * 300], ids=lambda p: p[:8])
def test_a_place_that_can_not_be_written_gives_a_sentence(
    tmp_path: Path, write: Write, place: str
) -> None:
    (tmp_path / "file").write_bytes(b"untouched")
    with pytest.raises(ConfigurationError, match="can't be written"):
        write(tmp_path / place, SECRET)
    assert names(tmp_path) == ["file"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(ConfigurationError, match="can't be written"):
        replace_secret(tmp_path / "key", SECRET)
    assert names(tmp_path) == ["key"]


@pytest.mark.parametrize("bits", [0o400, 0o600, 0o700])
def test_a_file_that_only_its_owner_can_open_is_read(tmp_path: Path, bits: int) -> None:
    write_new_secret(tmp_path / "key", SECRET)
    (tmp_path / "key").chmod(bits)
    assert read_secret(tmp_path / "key") == SECRET


@pytest.mark.parametrize("bits", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, bits: int) -> None:  # case 90
    write_new_secret(tmp_path / "key", SECRET)
    (tmp_path / "key").chmod(bits)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_secret(tmp_path / "key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:  # case 90
    write_new_secret(tmp_path / "key", SECRET)
    os.chown(tmp_path / "key", 65534, 65534)
    with pytest.raises(ConfigurationError, match="another user"):
        read_secret(tmp_path / "key")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:  # case 90
    write_new_secret(tmp_path / "real", SECRET)
    (tmp_path / "key").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigurationError, match="symbolic link"):
        read_secret(tmp_path / "key")


def test_a_folder_is_refused(tmp_path: Path) -> None:  # case 90
    (tmp_path / "key").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="regular file"):
        read_secret(tmp_path / "key")


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:  # case 90
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(ConfigurationError, match="regular file"):
        read_secret(tmp_path / "key")


def test_a_device_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="regular file"):
        read_secret(Path("/dev/zero"))


@pytest.mark.parametrize("place", ["missing", "missing/key"])
def test_a_missing_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_secret(tmp_path / place)


def test_a_secret_file_has_1_mib_at_most(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_new_secret(path, bytes(MAX_SECRET_FILE_BYTES))
    assert len(read_secret(path)) == MAX_SECRET_FILE_BYTES
    replace_secret(path, bytes(MAX_SECRET_FILE_BYTES + 1))
    with pytest.raises(ConfigurationError, match="1 MiB"):
        read_secret(path)


def test_refused_files_stay_closed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    before = open_files()
    for name in ("folder", "pipe", "missing"):
        with pytest.raises(ConfigurationError):
            read_secret(tmp_path / name)
    assert open_files() == before
