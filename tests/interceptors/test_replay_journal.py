"""The journal of nonces as files: torn, moved from another boot, missing, or on a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sealwire.core.errors import AuthenticationError, ConfigurationError, OverloadedError
from sealwire.core.requests import TimeWindow
from sealwire.interceptors import NonceStore, create_journal, open_nonce_store
from sealwire.v1.envelope_pb2 import RequestStatement
from tests.interceptors.shop import Shop, open_shop
from tests.support.clocks import AdjustableClock
from tests.support.servers import House

WINDOW = TimeWindow()
RETENTION_MS = WINDOW.window_ms + WINDOW.skew_ms
HEADER_BYTES = 5 + 36 + 8
RECORD_BYTES = 40


@dataclass(slots=True)
class Journal:
    """A journal, the store that has it open, and the clocks that both go by."""

    folder: Path
    clock: AdjustableClock = field(default_factory=AdjustableClock)
    monotonic: AdjustableClock = field(default_factory=AdjustableClock)
    store: NonceStore = field(init=False)

    def __post_init__(self) -> None:
        """Open the journal for the first time."""
        self.restart()

    def restart(self) -> None:
        """Open the journal as the next process would."""
        self.store = open_nonce_store(
            self.folder, clock=self.clock, monotonic_ms=self.monotonic, window=WINDOW
        )

    def statement(self) -> RequestStatement:
        """Return a new statement, issued now."""
        return RequestStatement(issued_at=self.clock(), nonce=os.urandom(24), public_key_id="k")

    def claim(self, statement: RequestStatement | None = None) -> RequestStatement:
        """Claim a nonce that must be new."""
        claimed = statement or self.statement()
        asyncio.run(self.store.claim(claimed))
        return claimed

    def assert_refused(self, statement: RequestStatement) -> None:
        """Assert that a nonce can't be claimed."""
        with pytest.raises(AuthenticationError):
            asyncio.run(self.store.claim(statement))

    def assert_refuses_what_a_predecessor_could_have_accepted(self) -> None:
        """Assert that requests of the last moments are refused, and those after them are not."""
        ahead = self.statement()
        ahead.issued_at += WINDOW.skew_ms
        self.assert_refused(self.statement())
        self.assert_refused(ahead)
        self.clock.advance(WINDOW.skew_ms + 1)
        self.claim()

    def pass_retention(self) -> None:
        """Let both clocks go on until a generation may retire."""
        self.clock.advance(RETENTION_MS + 1)
        self.monotonic.advance(RETENTION_MS + 1)

    @property
    def current(self) -> Path:
        """The file of the generation that grows."""
        return self.folder / "current"

    @property
    def older(self) -> Path:
        """The file of the generation before."""
        return self.folder / "older"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    create_journal(tmp_path / "replay")
    return Journal(tmp_path / "replay")


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Make writes past `size` bytes fail, as a full disk does (setrlimit(2), RLIMIT_FSIZE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_journal_accepts_requests_at_once(journal: Journal) -> None:
    journal.claim()
    assert journal.current.stat().st_size == HEADER_BYTES + RECORD_BYTES


def test_a_journal_is_for_its_owner_only(journal: Journal) -> None:
    assert journal.folder.stat().st_mode & 0o077 == 0
    for file in journal.folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_journal_is_not_laid_out_twice(journal: Journal) -> None:
    with pytest.raises(FileExistsError):
        create_journal(journal.folder)


def test_a_restart_forgets_nothing(journal: Journal) -> None:
    # case 20
    claimed = [journal.claim() for _ in range(50)]
    journal.restart()
    for statement in claimed:
        journal.assert_refused(statement)
    journal.claim()


def test_a_restart_forgets_neither_generation(journal: Journal) -> None:
    # case 20
    journal.pass_retention()
    first = journal.claim()
    journal.clock.advance(WINDOW.skew_ms)
    journal.monotonic.advance(RETENTION_MS + 1)
    second = journal.claim()
    assert journal.older.stat().st_size == HEADER_BYTES + RECORD_BYTES
    journal.restart()
    journal.assert_refused(first)
    journal.assert_refused(second)


def test_generations_retire_on_disk_too(journal: Journal) -> None:
    for _ in range(4):
        for _ in range(10):
            journal.claim()
        journal.pass_retention()
    journal.claim()
    sizes = [journal.current.stat().st_size, journal.older.stat().st_size]
    assert sizes == [HEADER_BYTES + RECORD_BYTES, HEADER_BYTES + 10 * RECORD_BYTES]
    assert sorted(path.name for path in journal.folder.iterdir()) == ["current", "older"]


@pytest.mark.parametrize("cut", [1, 20, 39])
def test_a_torn_tail_is_taken_for_lost_nonces(journal: Journal, cut: int) -> None:
    claimed = journal.claim()
    journal.claim()
    data = journal.current.read_bytes()
    journal.current.write_bytes(data[:-cut])
    journal.restart()
    journal.assert_refused(claimed)
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


@pytest.mark.parametrize("size", [0, 4, 40, HEADER_BYTES - 1])
def test_a_file_without_its_whole_header_is_taken_for_lost_nonces(
    journal: Journal, size: int
) -> None:
    journal.claim()
    journal.current.write_bytes(journal.current.read_bytes()[:size])
    journal.restart()
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


@pytest.mark.parametrize("name", ["current", "older"])
def test_a_missing_file_is_taken_for_lost_nonces(journal: Journal, name: str) -> None:
    claimed = journal.claim()
    (journal.folder / name).unlink()
    journal.restart()
    journal.assert_refused(claimed)
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


@pytest.mark.parametrize("name", ["current", "older"])
def test_a_file_of_another_boot_may_have_lost_nonces(journal: Journal, name: str) -> None:
    claimed = journal.claim()
    file = journal.folder / name
    data = bytearray(file.read_bytes())
    data[5:41] = b"0" * 36
    file.write_bytes(data)
    journal.restart()
    journal.assert_refused(claimed)
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


def test_a_file_of_zeros_is_taken_for_lost_nonces(journal: Journal) -> None:
    journal.claim()
    journal.current.write_bytes(bytes(journal.current.stat().st_size))
    journal.restart()
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


def test_a_second_restart_refuses_what_the_first_one_did(journal: Journal) -> None:
    # case 20
    lost = journal.claim()
    journal.current.unlink()
    journal.restart()
    journal.assert_refused(lost)
    journal.restart()
    journal.assert_refused(lost)
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


def test_a_clock_that_went_back_does_not_bring_lost_nonces_to_life(journal: Journal) -> None:
    # case 101
    journal.claim()
    lost = journal.claim()
    journal.current.write_bytes(journal.current.read_bytes()[:-1])
    journal.clock.advance(-RETENTION_MS)
    journal.restart()
    journal.assert_refused(lost)


def test_a_directory_that_is_not_there_is_an_error_at_start(tmp_path: Path) -> None:
    clock = AdjustableClock()
    with pytest.raises(ConfigurationError, match="can't be used"):
        open_nonce_store(tmp_path / "none", clock=clock, monotonic_ms=clock, window=WINDOW)


def test_a_symbolic_link_is_not_written_through(journal: Journal, tmp_path: Path) -> None:
    target = tmp_path / "target"
    journal.current.rename(target)
    journal.current.symlink_to(target)
    with pytest.raises(ConfigurationError, match="can't be used"):
        journal.restart()


def test_a_full_disk_at_start_is_an_error(journal: Journal) -> None:
    journal.current.unlink()
    with no_file_beyond(10), pytest.raises(ConfigurationError, match="can't be used"):
        journal.restart()
    journal.restart()
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


@pytest.mark.parametrize("room", [0, 1, RECORD_BYTES - 1])
def test_a_nonce_that_cannot_be_written_is_not_accepted(journal: Journal, room: int) -> None:
    before = [journal.claim() for _ in range(2)]
    refused = journal.statement()
    with no_file_beyond(journal.current.stat().st_size + room):
        for _ in range(3):
            with pytest.raises(OverloadedError):
                journal.claim()
        with pytest.raises(OverloadedError):
            journal.claim(refused)
    journal.assert_refused(refused)
    after = [journal.claim() for _ in range(2)]  # once there is room again
    assert journal.current.stat().st_size == HEADER_BYTES + 4 * RECORD_BYTES
    journal.restart()
    for statement in (*before, *after):
        journal.assert_refused(statement)
    journal.claim()


def test_what_is_torn_when_the_process_dies_counts_as_lost(journal: Journal) -> None:
    journal.claim()
    with no_file_beyond(journal.current.stat().st_size + 7), pytest.raises(OverloadedError):
        journal.claim()
    journal.restart()
    journal.assert_refuses_what_a_predecessor_could_have_accepted()


def test_a_generation_that_cannot_begin_leaves_the_old_ones_as_they_are(journal: Journal) -> None:
    claimed = journal.claim()
    journal.pass_retention()
    with no_file_beyond(10):
        for _ in range(3):
            with pytest.raises(OverloadedError):
                journal.claim()
    journal.clock.advance(-RETENTION_MS - 1)
    journal.assert_refused(claimed)
    journal.clock.advance(RETENTION_MS + 1)
    later = journal.claim()
    journal.restart()
    journal.assert_refused(later)


def test_a_server_with_a_full_disk_refuses_and_recovers(house: House, journal: Journal) -> None:
    house.clock, house.monotonic = journal.clock, journal.monotonic
    house.replay = journal.store

    def overloaded(shop: Shop) -> str:
        return shop.line.refusal(shop.order()).reason

    with open_shop(house) as shop:
        shop.line.place(shop.order())
        with no_file_beyond(journal.current.stat().st_size):
            assert overloaded(shop) == "OVERLOADED"
        shop.line.place(shop.order())
        assert len(shop.service.orders) == 2
