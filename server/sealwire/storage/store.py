"""The store: one writer that commits in groups, and readers that never wait for it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import DatabaseError

from sealwire.core.errors import ConfigurationError, SealwireError
from sealwire.core.keys import Random
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.database import check_database, require_not_older
from sealwire.storage.engine import reader_engine, writer_engine
from sealwire.storage.executors import GroupCommit, Snapshot
from sealwire.storage.journal import AuthorityJournal
from sealwire.storage.key_cache import KeyCache, Monotonic
from sealwire.storage.lane import Lane
from sealwire.storage.root_keyring import RootKeyring
from sealwire.storage.root_keys import RootKeySource
from sealwire.storage.salts import SaltStore
from sealwire.storage.sweeper import Sweeper
from sealwire.storage.tagging import AuthorityTags
from sealwire.storage.transaction import Transaction

T = TypeVar("T")
Unit = Callable[[Transaction], T]
"""Work on one transaction. It runs on a thread of the store's and must not touch an event loop.

It may be run again, after all that it did to the store was undone.
"""

WRITE_BATCH: Final = 256
READ_BATCH: Final = 32


class Store:
    """Sealed records in one SQLite file. Thread-safe; `open` makes one, `close` ends it."""

    def __init__(
        self, path: Path, barrier: SealingBarrier, journal: AuthorityJournal, *, readers: int
    ) -> None:
        """Start the threads; `open` checks the file first."""
        roots = barrier.root_keys
        tags = AuthorityTags(roots, barrier.deployment_id)
        view = functools.partial(Transaction.over, barrier=barrier, tags=tags, journal=journal)
        self._listeners: list[Callable[[], None]] = []
        # The writer's connection comes first: it is the one that may have to recover the file.
        commits = GroupCommit(
            writer_engine(path),
            view,
            begun=roots.follow,
            settle=lambda tx: tx.authority.publish(),
            committed=self._tell,
        )
        reading = reader_engine(path)
        snapshots = [Snapshot(reading, view, begun=roots.follow) for _ in range(readers)]
        self._cache = barrier.cache
        self._writer: Lane[Transaction] = Lane("sealwire-writer", [commits], batch=WRITE_BATCH)
        self._readers: Lane[Transaction] = Lane("sealwire-reader", snapshots, batch=READ_BATCH)
        long_readers = [Snapshot(reading, view, begun=roots.follow)]
        self._long_readers: Lane[Transaction] = Lane("sealwire-long-reader", long_readers, batch=1)
        self._sweeper = Sweeper(self._cache)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        root_keys: RootKeySource,
        journal: AuthorityJournal,
        salts: SaltStore,
        random: Random,
        monotonic: Monotonic,
        readers: int = 2,
    ) -> Store:
        """Open the database at `path`, which `create_database` made.

        Raises:
            ConfigurationError: if it is missing, not ours, of another version's schema, made with
                other root keys, or can't be opened; or knows less than the journal, or that is
                damaged; or salts can't be kept. The database is then unchanged.
        """
        journal.read()  # before the database: nothing stands there that is not committed here
        found = check_database(path, root_keys=root_keys)
        require_not_older(path, found, journalled=journal.last)
        salts.check()
        cache = KeyCache(monotonic=monotonic)
        roots = RootKeyring(root_keys, found.root_keys, monotonic=monotonic)
        barrier = SealingBarrier(roots, found.deployment_id, cache, random, salts)
        store = cls._started(path, barrier, journal, readers=readers)
        if journal.last < found.sequence:
            store._require_journal()
        return store

    @classmethod
    def open_restored(
        cls,
        path: Path,
        *,
        root_keys: RootKeySource,
        journal: AuthorityJournal,
        salts: SaltStore,
        random: Random,
        monotonic: Monotonic,
    ) -> Store:
        """Open a database that may know less than the journal, for `restoration.restore`.

        Raises:
            ConfigurationError: as `open`.
        """
        found = check_database(path, root_keys=root_keys)
        salts.check()
        cache = KeyCache(monotonic=monotonic)
        roots = RootKeyring(root_keys, found.root_keys, monotonic=monotonic)
        barrier = SealingBarrier(roots, found.deployment_id, cache, random, salts)
        return cls._started(path, barrier, journal, readers=1)

    @classmethod
    def _started(
        cls, path: Path, barrier: SealingBarrier, journal: AuthorityJournal, *, readers: int
    ) -> Store:
        try:
            return cls(path, barrier, journal, readers=readers)
        except (DatabaseError, sqlite3.Error, OSError) as error:
            barrier.cache.close()
            raise ConfigurationError(f"{path} can't be opened for writing.") from error

    async def read(self, unit: Unit[T]) -> T:
        """Return what `unit` returns; all that it reads is one committed state of the store.

        Raises:
            OverloadedError: if too many units wait already.
            UnavailableError: if the file can't be read now.
            SealError: if what it reads was altered, moved or damaged.
        """
        return await self._readers.run(unit)

    async def read_long(self, unit: Unit[T]) -> T:
        """Do as `read` does, one after the other, on a thread that nothing else waits for."""
        return await self._long_readers.run(unit)

    async def write(self, unit: Unit[T]) -> T:
        """Return what `unit` returns, after its effects are committed and on stable storage.

        If `unit` raises, it has no effects. A caller that is cancelled stops waiting, and does not
        learn whether there were any.

        Raises:
            OverloadedError: if too many units wait already; this one was not run.
            UnavailableError: if the file can't be written now; the unit had no effects.
            UnknownOutcomeError: if that became apparent after COMMIT; it may have had its effects.
        """
        return await self._writer.run(unit)

    def read_blocking(self, unit: Unit[T]) -> T:
        """Do as `read` does, where there is no event loop."""
        return self._readers.run_blocking(unit)

    def write_blocking(self, unit: Unit[T]) -> T:
        """Do as `write` does, where there is no event loop."""
        return self._writer.run_blocking(unit)

    def on_commit(self, tell: Callable[[], None]) -> None:
        """Have `tell` called on the writer's thread behind each commit, before it is acknowledged.

        It must neither raise nor wait. What another process commits is told to nobody here.
        """
        self._listeners.append(tell)

    def _tell(self) -> None:
        for tell in self._listeners:
            tell()

    def _require_journal(self) -> None:
        """Write down what an earlier process committed and did not, or close the store."""
        try:
            self.write_blocking(lambda tx: None)
        except SealwireError as error:
            self.close()
            raise ConfigurationError(str(error)) from error

    def close(self) -> None:
        """Finish every unit that waits, then close the file and wipe every key; do it once."""
        self._readers.close()
        self._long_readers.close()
        self._writer.close()
        self._sweeper.close()
        self._cache.close()
