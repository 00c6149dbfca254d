"""The store: one writer that commits in groups, and readers that never wait for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import Random
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.database import check_database
from sealwire.storage.engine import reader_engine, writer_engine
from sealwire.storage.executors import GroupCommit, Snapshot
from sealwire.storage.key_cache import KeyCache, Monotonic
from sealwire.storage.lane import Lane
from sealwire.storage.root_keys import RootKeys
from sealwire.storage.sweeper import Sweeper
from sealwire.storage.transaction import Transaction

T = TypeVar("T")
Unit = Callable[[Transaction], T]
"""Work on one transaction. It runs on a thread of the store's and must not touch an event loop."""

WRITE_BATCH: Final = 256
READ_BATCH: Final = 32


class Store:
    """Sealed records in one SQLite file. Thread-safe; `open` makes one, `close` ends it."""

    def __init__(self, path: Path, barrier: SealingBarrier, *, readers: int) -> None:
        """Start the threads; `open` checks the file first."""
        view = functools.partial(Transaction.over, barrier=barrier)
        # The writer's connection comes first: it is the one that may have to recover the file.
        commits = GroupCommit(writer_engine(path), view)
        reading = reader_engine(path)
        snapshots = [Snapshot(reading, view) for _ in range(readers)]
        self._cache = barrier.cache
        self._writer: Lane[Transaction] = Lane("sealwire-writer", [commits], batch=WRITE_BATCH)
        self._readers: Lane[Transaction] = Lane("sealwire-reader", snapshots, batch=READ_BATCH)
        self._sweeper = Sweeper(self._cache)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        root_keys: RootKeys,
        random: Random,
        monotonic: Monotonic,
        readers: int = 2,
    ) -> Store:
        """Open the database at `path`, which `create_database` made.

        Raises:
            ConfigurationError: if it is missing, not ours, of another version's schema, made with
                other root keys, or can't be opened; it is then unchanged.
        """
        deployment_id = check_database(path, root_keys=root_keys)
        cache = KeyCache(monotonic=monotonic)
        barrier = SealingBarrier(root_keys, deployment_id, cache, random)
        try:
            return cls(path, barrier, readers=readers)
        except DatabaseError as error:
            cache.close()
            raise ConfigurationError(f"{path} can't be opened for writing.") from error

    async def read(self, unit: Unit[T]) -> T:
        """Return what `unit` returns; all that it reads is one committed state of the store.

        Raises:
            OverloadedError: if too many units wait already.
            UnavailableError: if the file can't be read now.
            SealError: if what it reads was altered, moved or damaged.
        """
        return await self._readers.run(unit)

    async def write(self, unit: Unit[T]) -> T:
        """Return what `unit` returns, after its effects are committed and on stable storage.

        If `unit` raises, it has no effects. A caller that is cancelled stops waiting, and does not
        learn whether there were any.

        Raises:
            OverloadedError: if too many units wait already; this one was not run.
            UnavailableError: if the file can't be written now; nothing was acknowledged.
        """
        return await self._writer.run(unit)

    def read_blocking(self, unit: Unit[T]) -> T:
        """Do as `read` does, where there is no event loop."""
        return self._readers.run_blocking(unit)

    def write_blocking(self, unit: Unit[T]) -> T:
        """Do as `write` does, where there is no event loop."""
        return self._writer.run_blocking(unit)

    def close(self) -> None:
        """Finish every unit that waits, then close the file and wipe every key; do it once."""
        self._readers.close()
        self._writer.close()
        self._sweeper.close()
        self._cache.close()
