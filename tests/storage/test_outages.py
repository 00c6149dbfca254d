"""Units here are given the sqlite3 connection itself, to bring about what a disk or a process may.

The lane, the executors and the errors are the ones of the store.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.core.errors import OverloadedError, SealError, UnavailableError
from sealwire.storage.engine import driver_connection, reader_engine, writer_engine
from sealwire.storage.executors import GroupCommit, Snapshot
from sealwire.storage.lane import Lane
from tests.storage.batches import Gate, one_batch
from tests.storage.builders import plain

Driver = sqlite3.Connection
INSERT = (
    "INSERT INTO invitations (id, token_digest, name, role, created_at, expires_at)"
    " VALUES (?, x'00', 'n', 'r', 0, 0)"
)


@pytest.fixture
def writer(database: Path) -> Iterator[Lane[Driver]]:
    lane = Lane("writer", [GroupCommit(writer_engine(database), driver_connection)], batch=256)
    yield lane
    lane.close()


@pytest.fixture
def reader(database: Path) -> Iterator[Lane[Driver]]:
    lane = Lane("reader", [Snapshot(reader_engine(database), driver_connection)], batch=32)
    yield lane
    lane.close()


def add(name: str) -> Callable[[Driver], str]:
    def unit(driver: Driver) -> str:
        driver.execute(INSERT, (name,))
        return name

    return unit


def names(path: Path) -> set[str]:
    with plain(path) as connection:
        return {name for (name,) in connection.execute("SELECT id FROM invitations")}


def refuse_to_commit(driver: Driver) -> None:
    """Leave the transaction in a state that COMMIT rejects."""
    driver.execute("PRAGMA defer_foreign_keys = ON")
    driver.execute("INSERT INTO namespaces (name, owner_id, created_at) VALUES ('n', 'nobody', 0)")


async def test_when_the_commit_fails_no_unit_of_the_batch_has_succeeded(
    writer: Lane[Driver], database: Path
) -> None:
    outcomes = await one_batch(writer.run, add("one"), refuse_to_commit, add("two"))
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 3
    assert names(database) == set()


async def test_the_store_works_again_after_a_failed_commit(
    writer: Lane[Driver], database: Path
) -> None:
    with pytest.raises(UnavailableError):
        await writer.run(refuse_to_commit)
    assert await writer.run(add("one")) == "one"
    assert names(database) == {"one"}


async def test_a_full_disk_is_reported_and_nothing_is_acknowledged_falsely(
    writer: Lane[Driver], reader: Lane[Driver], database: Path
) -> None:
    def fill(driver: Driver) -> None:
        driver.execute("PRAGMA max_page_count = 1")  # it becomes the number in use
        driver.execute(INSERT, ("x" * 1_000_000,))

    outcomes = await one_batch(writer.run, add("one"), fill, add("two"))
    assert isinstance(outcomes[1], UnavailableError)
    assert "disk is full" in str(outcomes[1])
    acknowledged = {outcome for outcome in outcomes if isinstance(outcome, str)}
    assert names(database) == acknowledged
    count = "SELECT count(*) FROM invitations"
    assert await reader.run(lambda driver: driver.execute(count).fetchone()) == (len(acknowledged),)


async def test_a_database_that_stays_locked_is_unavailable_and_then_heals(  # case 74
    writer: Lane[Driver], database: Path
) -> None:
    await writer.run(lambda driver: driver.execute("PRAGMA busy_timeout = 0").fetchone())
    with plain(database) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked"):
            await writer.run(add("one"))
        other.execute("ROLLBACK")
    assert await writer.run(add("one")) == "one"


async def test_more_than_the_lane_holds_is_refused_at_once_and_the_rest_is_served(
    database: Path,
) -> None:
    executors = [GroupCommit(writer_engine(database), driver_connection)]
    lane = Lane("small", executors, batch=256, capacity=3)
    outcomes = await one_batch(lane.run, *(add(str(number)) for number in range(5)))
    lane.close()
    served = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert served == ["0", "1", "2"]
    assert [type(outcome) for outcome in outcomes[3:]] == [OverloadedError] * 2
    assert names(database) == set(served)


async def test_a_damaged_page_is_told_from_an_outage(
    reader: Lane[Driver],
) -> None:
    def damaged(driver: Driver) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(SealError, match="backup"):
        await reader.run(damaged)


async def test_errors_that_are_no_outage_are_told_as_they_are(writer: Lane[Driver]) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        await writer.run(lambda driver: driver.execute("SELEKT"))


async def test_outages_are_told_without_sql_or_path(writer: Lane[Driver], database: Path) -> None:
    with pytest.raises(UnavailableError) as refused:
        await writer.run(refuse_to_commit)
    assert str(refused.value).startswith("The store can't be used now: ")
    for secret in ("INSERT", "namespaces", "nobody", str(database)):
        assert secret not in str(refused.value)


async def test_a_loop_that_has_gone_keeps_nobody_else_waiting(
    writer: Lane[Driver], database: Path
) -> None:
    gate = Gate()

    def short_life() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(writer.run(gate))
        while not gate.entered.is_set():
            loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()

    await asyncio.to_thread(short_life)
    gate.opened.set()
    assert await writer.run(add("one")) == "one"
    assert names(database) == {"one"}
