"""Every write and every sync of a workload fails once; and the power goes at each of them.

The faults are SQLite's own results at the level of its VFS, and Python's at the system's calls; so
the sweep needs no tools and no rights. `make crash` cuts the power of a real file system.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import shutil
from collections.abc import Callable, Iterator
from ctypes import CDLL
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError, UnavailableError, UnknownOutcomeError
from sealwire.storage import Namespace, Store
from tests.histories.model import Put, State
from tests.storage.builders import ALICE, create, get, namespace_of, opened, put
from tests.storage.disks import (
    NO_FAULT,
    SYNC,
    WRITE,
    Disk,
    Fault,
    at_random,
    broken_from,
    in_use,
    lasting,
    nth,
)
from tests.storage.scripted import FIRST, SECOND, Witness, found_in, look
from tests.storage.sqlite_vfs import library

START = (State(0), frozenset[str]())
DATABASE = "sealwire.db"


@dataclass(frozen=True, slots=True)
class Bench:
    """A store to begin with, and room for copies of it."""

    base: Path
    namespace: Namespace
    sqlite: CDLL

    def witness(self) -> Witness:
        return Witness(self.namespace, {START})

    def copied(self, name: str) -> Path:
        return Path(shutil.copytree(self.base, self.base.with_name(name)))

    def run(self, disk: Disk, *, keep: Callable[[], bool] = lambda: False) -> int:
        """Take all steps on a disk, and require the right thing of what is left.

        That is: what the store shows, what a power cut leaves, and what the files hold. Return how
        many steps were refused.
        """
        witness = self.witness()
        with in_use(disk, self.sqlite), contextlib.ExitStack() as stack:
            for steps in (FIRST, SECOND):
                stack.close()
                for store in _opened(stack, disk, witness, seed=repr(steps)):
                    witness.take_all(store, steps)
                    if disk.fault.is_passing:
                        witness.settle(store)
                    else:
                        witness.look(store)
            left = disk.cut(self.base.with_name("left"), keep=keep)
        for directory in (left, disk.root):
            assert found_in(directory / DATABASE, self.namespace) in witness.possible
            shutil.rmtree(directory)
        return witness.refused


def _opened(
    stack: contextlib.ExitStack, disk: Disk, witness: Witness, *, seed: str
) -> Iterator[Store]:
    """Open the store, or if that is refused, open it again; yield none if it can't be."""
    for _ in range(2):
        try:
            yield stack.enter_context(opened(disk.root / DATABASE, seed=seed))
            return
        except ConfigurationError:
            witness.refused += 1


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    sqlite = library()
    if sqlite is None:
        pytest.skip(
            "NOT TESTED: this Python hides its SQLite's functions, so no call can be failed"
        )
    base = tmp_path_factory.mktemp("faults") / "base"
    base.mkdir()
    with opened(create(base / DATABASE)) as store:
        namespace = namespace_of(store, ALICE, "team/payroll")
    return Bench(base, namespace, sqlite)


def sweep(bench: Bench, fault: Callable[[int], Fault]) -> Iterator[int]:
    """Run with the fault at 1, 2 and so on, up to the last call; yield the refusals of each."""
    for number in itertools.count(1):
        disk = Disk(bench.copied("store"), fault(number))
        refused = bench.run(disk, keep=at_random(number))
        if sum(disk.counts[kind] for kind in disk.fault.kinds) < number:
            return
        yield refused


# case 73, case 77
def test_when_any_one_sync_fails_one_step_at_most_is_refused_and_nothing_is_lost(
    bench: Bench,
) -> None:
    refused = list(sweep(bench, lambda number: nth(SYNC, number)))
    assert set(refused) == {0, 1}
    assert refused.count(1) > len(FIRST + SECOND)


# case 72, case 73
@pytest.mark.timeout(240)
def test_when_any_one_write_fails_one_step_at_most_is_refused_and_nothing_is_lost(
    bench: Bench,
) -> None:
    """A page and its header in the log are a write each, so that both meet both errors."""
    errors = (errno.EIO, errno.EIO, errno.ENOSPC, errno.ENOSPC)
    refused = list(sweep(bench, lambda number: nth(WRITE, number, error=errors[number % 4])))
    assert set(refused) == {0, 1}
    assert refused.count(1) > 2 * len(FIRST + SECOND)


# case 71
@pytest.mark.timeout(240)
def test_wherever_the_power_goes_all_that_was_acknowledged_is_there_and_the_rest_whole_or_not(
    bench: Bench,
) -> None:
    refused = list(sweep(bench, broken_from))
    assert refused[-1] == 0
    assert max(refused) >= len(SECOND)


class Liar(Disk):
    """A disk that says that it has synced the log, and has not."""

    def sync(self, path: str, do: Callable[[], int]) -> int:
        if path.endswith("-wal"):
            return 0
        return super().sync(path, do)


def test_a_disk_that_lies_is_found_out(bench: Bench) -> None:
    """That is: this test would notice if a commit were acknowledged before its sync."""
    with pytest.raises((AssertionError, ConfigurationError)):
        bench.run(Liar(bench.copied("lied to")))
    assert bench.run(Disk(bench.copied("honest"))) == 0


# case 71, case 73
def test_what_a_reader_has_seen_after_a_kill_survives_a_power_cut(bench: Bench) -> None:
    """The killed process had written a commit, and its sync had failed: only the cache has it."""
    witness, disk = bench.witness(), Disk(bench.copied("killed"))
    with in_use(disk, bench.sqlite), opened(disk.root / DATABASE) as store:
        witness.take(store, Put("a", b"1"))
        disk.fault = lasting(SYNC)
        witness.take(store, Put("a", b"2"))
        assert witness.refused == 1
        after_kill = Path(shutil.copytree(disk.root, bench.base.with_name("restarted")))
        on_disk = disk.cut(bench.base.with_name("on disk"))
    again = Disk(after_kill, kept=on_disk)
    with in_use(again, bench.sqlite), opened(again.root / DATABASE, seed="again") as store:
        seen = look(store, bench.namespace)
        left = again.cut(bench.base.with_name("after the cut"))
    assert seen[0].current("a") == 2
    assert found_in(left / DATABASE, bench.namespace) == seen


# case 73, case 77
def test_what_a_reader_has_seen_after_a_failed_commit_is_what_a_kill_leaves(bench: Bench) -> None:
    """The log holds the commit, whole, until somebody decides that it does not count."""
    witness, disk = bench.witness(), Disk(bench.copied("failed"))
    with in_use(disk, bench.sqlite), opened(disk.root / DATABASE) as store:
        witness.take(store, Put("a", b"1"))
        witness.look(store)  # so that readers have the log open, and none reads it anew
        disk.fault = nth(SYNC, disk.counts[SYNC] + 1)
        witness.take(store, Put("a", b"2"))
        assert witness.refused == 1
        witness.settle(store)
        left = Path(shutil.copytree(disk.root, bench.base.with_name("killed after it")))
    assert found_in(left / DATABASE, bench.namespace) in witness.possible


# case 72
def test_on_a_full_disk_reads_go_on_writes_do_nothing_and_room_heals_it(
    bench: Bench,
) -> None:
    disk = Disk(bench.copied("full"))
    with in_use(disk, bench.sqlite), opened(disk.root / DATABASE) as store:
        put(store, bench.namespace, "march", b"value")
        disk.fault = lasting(WRITE, error=errno.ENOSPC)
        for _ in range(3):
            with pytest.raises(UnavailableError, match="the disk is full") as refused:
                put(store, bench.namespace, "march", b"newer")
            assert not isinstance(refused.value, UnknownOutcomeError)
            assert get(store, bench.namespace, "march") == b"value"
        disk.fault = NO_FAULT
        assert put(store, bench.namespace, "march", b"newer") == 2
        assert get(store, bench.namespace, "march") == b"newer"


# case 72
def test_a_store_on_a_full_disk_opens_and_is_read(bench: Bench) -> None:
    """Also if a killed process has left it a log, which there is no room to copy."""
    disk = Disk(bench.copied("left full"))
    with in_use(disk, bench.sqlite), opened(disk.root / DATABASE) as store:
        put(store, bench.namespace, "march", b"value")
        left = Path(shutil.copytree(disk.root, bench.base.with_name("opened full")))
    full = Disk(left, lasting(WRITE, error=errno.ENOSPC))
    with in_use(full, bench.sqlite), opened(full.root / DATABASE, seed="again") as store:
        assert get(store, bench.namespace, "march") == b"value"
        with pytest.raises(UnavailableError, match="the disk is full"):
            put(store, bench.namespace, "march", b"newer")
        full.fault = NO_FAULT
        assert put(store, bench.namespace, "march", b"newer") == 2


# case 73, case 77
def test_after_a_failed_sync_nothing_is_acknowledged_until_one_has_worked(bench: Bench) -> None:
    disk = Disk(bench.copied("failing"))
    with in_use(disk, bench.sqlite), opened(disk.root / DATABASE) as store:
        put(store, bench.namespace, "march", b"value")
        disk.fault = lasting(SYNC)
        with pytest.raises(UnknownOutcomeError, match="may have been done"):
            put(store, bench.namespace, "march", b"newer")
        for _ in range(3):
            with pytest.raises(UnavailableError):
                put(store, bench.namespace, "march", b"newer")
            assert get(store, bench.namespace, "march") == b"value"
        disk.fault = NO_FAULT
        assert put(store, bench.namespace, "march", b"newest") == 2
        assert get(store, bench.namespace, "march") == b"newest"
