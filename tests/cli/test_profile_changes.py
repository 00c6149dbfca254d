"""Changes to a profile: whole or not at all, whenever the process is killed."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import threading
from pathlib import Path

import pytest

from sealwire.client.profile_changes import (
    ACTIVATED,
    NEXT,
    activate_next,
    changing,
    claiming_next,
    discard_next,
    holding_next,
    preparing_next,
    replace_files,
    roll_forward,
    settled,
)
from sealwire.client.renewal import Means
from sealwire.core.errors import ConfigurationError
from sealwire.core.secret_files import replace_secret, write_new_secret
from tests.cli.killing import is_killed

OLD = {"a": b"old a", "b": b"old b", "gone": b"old c"}
NEW = {"a": b"new a", "b": b"new b"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "profile"
    folder.mkdir(mode=0o700)
    for name, content in OLD.items():
        write_new_secret(folder / name, content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a profile; there must be nothing else in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def visible(folder: Path) -> dict[str, bytes]:
    """Return the files of a profile, as far as they are its own."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def replace(folder: Path, _: object = None) -> bool:
    return replace_files(folder, NEW, expected={"a": b"old a"})


def prepare(folder: Path) -> None:
    with preparing_next(folder) as new:
        for name, content in NEW.items():
            write_new_secret(new / name, content)


def rotate(folder: Path, _: Means) -> None:
    prepare(folder)
    activate_next(folder, without=["gone"])


def test_files_are_replaced_and_the_others_stay(folder: Path) -> None:
    assert replace(folder)
    assert contents(folder) == {**OLD, **NEW}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_change_to_a_profile_that_is_not_as_expected_is_not_made(folder: Path) -> None:
    replace_secret(folder / "a", b"changed by somebody else")
    assert not replace(folder)
    assert contents(folder) == {**OLD, "a": b"changed by somebody else"}


def test_the_next_profile_is_held_by_one_at_a_time(folder: Path) -> None:
    prepare(folder)
    with claiming_next(folder) as there:
        assert there
        with pytest.raises(ConfigurationError, match="Another process"), claiming_next(folder):
            pass
    with claiming_next(folder) as there:
        assert there


def test_whoever_waited_for_a_profile_that_came_meanwhile_finds_none_to_go_on_with(
    folder: Path,
) -> None:
    prepare(folder)
    found: list[bool] = []
    with claiming_next(folder):
        waiting = threading.Thread(target=lambda: found.append(held(folder)))
        waiting.start()
        activate_next(folder, without=[])
    waiting.join()
    assert found == [False]


def held(folder: Path) -> bool:
    with holding_next(folder) as there:
        return there


def test_killed_at_any_step_all_files_are_replaced_or_none(folder: Path, tmp_path: Path) -> None:
    seen = set()
    for step in itertools.count(1):
        copy = shutil.copytree(folder, tmp_path / str(step))
        killed = is_killed(replace, copy, at=step)
        after = settled(copy, visible)
        seen.add(after == OLD)
        assert after in (OLD, {**OLD, **NEW})
        assert replace(copy) == (after == OLD)
        assert contents(copy) == {**OLD, **NEW}
        if not killed:
            break
    assert seen == {True, False}


def test_killed_at_any_step_the_next_profile_counts_or_not(folder: Path, tmp_path: Path) -> None:
    seen = set()
    for step in itertools.count(1):
        copy = shutil.copytree(folder, tmp_path / str(step))
        killed = is_killed(rotate, copy, at=step)
        after = settled(copy, visible)
        seen.add(after == OLD)
        assert after in (OLD, NEW)
        if after == OLD:
            if not (copy / NEXT).exists():
                prepare(copy)
            activate_next(copy, without=["gone"])
            assert contents(copy) == NEW
        if not killed:
            break
    assert seen == {True, False}


def test_what_is_prepared_does_not_count(folder: Path) -> None:
    prepare(folder)
    roll_forward(folder)
    assert visible(folder) == OLD
    discard_next(folder)
    assert contents(folder) == OLD


def test_what_is_prepared_first_is_not_replaced(folder: Path) -> None:
    prepare(folder)
    with (
        pytest.raises(ConfigurationError, match="Another process is changing"),
        preparing_next(folder) as new,
    ):
        write_new_secret(new / "a", b"of somebody else")
    assert (folder / NEXT / "a").read_bytes() == b"new a"
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [NEXT]


def test_what_fails_while_it_is_prepared_leaves_nothing(folder: Path) -> None:
    with pytest.raises(ConfigurationError), preparing_next(folder) as new:
        write_new_secret(new / "no" / "such" / "place", b"")
    assert contents(folder) == OLD


def test_the_half_written_file_of_a_killed_process_is_left_out(folder: Path) -> None:
    prepare(folder)
    (folder / NEXT / ".a.0123456789abcdef.tmp").write_bytes(b"half")
    activate_next(folder, without=["gone"])
    assert contents(folder) == NEW


# case 90
def test_a_prepared_file_that_others_can_open_is_not_taken_over(folder: Path) -> None:
    prepare(folder)
    (folder / NEXT / "b").chmod(0o644)
    with pytest.raises(ConfigurationError, match="open to other users"):
        activate_next(folder, without=[])
    assert visible(folder)["b"] == b"old b"


def test_a_reader_never_sees_half_a_change(folder: Path) -> None:
    """Another process holds the change open; the reader waits, and reads the whole of it."""
    prepare(folder)
    replace_secret(folder / NEXT / ACTIVATED, b"gone")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    replace_secret(folder / "a", b"new a")
    seen: list[dict[str, bytes]] = []
    reader = threading.Thread(target=lambda: seen.append(settled(folder, visible)))
    reader.start()
    assert seen == []
    os.close(descriptor)
    reader.join()
    assert seen == [NEW]


def test_two_changes_at_once_are_one_after_the_other(folder: Path) -> None:
    def count(_: int) -> None:
        with changing(folder):
            number = int((folder / "a").read_text())
            replace_secret(folder / "a", str(number + 1).encode())

    replace_secret(folder / "a", b"0")
    threads = [threading.Thread(target=count, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (folder / "a").read_text() == "8"
