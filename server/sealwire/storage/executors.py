"""How a batch of units becomes a transaction: one for writing, one for reading.

Each thread's connection is opened again after a transaction failed, so that nothing is ever
acknowledged on a connection whose state is in doubt.
"""

from __future__ import annotations

import abc
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sealwire.storage.engine import driver_connection
from sealwire.storage.failures import translated_transaction
from sealwire.storage.lane import Job

C = TypeVar("C")

_DATABASE_ERRORS = (sqlite3.Error, SQLAlchemyError)


class _Session(Generic[C]):
    """A connection, what units see of it, and the driver under it."""

    def __init__(self, engine: Engine, view: Callable[[Connection], C]) -> None:
        self._connection = engine.connect()
        self.driver = driver_connection(self._connection)
        self.context = view(self._connection)

    def close(self) -> None:
        self._connection.close()


class _Executor(abc.ABC, Generic[C]):
    def __init__(self, engine: Engine, view: Callable[[Connection], C]) -> None:
        """Open the first connection to `engine`; `view` makes of one what units are given."""
        self._engine = engine
        self._view = view
        self._session: _Session[C] | None = _Session(engine, view)

    def execute(self, jobs: Sequence[Job[C]]) -> None:
        """Run the jobs in one transaction; if that fails, no job has succeeded."""
        try:
            if self._session is None:
                self._session = _Session(self._engine, self._view)
            self._transact(self._session, jobs)
        except BaseException as error:  # whatever it is, no job may be left without an outcome
            self.close()
            for job in jobs:
                job.error = translated_transaction(error)

    def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        if self._session is not None:
            with contextlib.suppress(*_DATABASE_ERRORS):  # it is given up anyway
                self._session.close()
            self._session = None

    @abc.abstractmethod
    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        """Run the jobs between BEGIN and COMMIT."""


def _nothing(_context: object) -> None:
    """Settle nothing."""


class GroupCommit(_Executor[C]):
    """Writes: one commit, and so one fsync, for a whole batch; a unit that fails undoes itself."""

    def __init__(
        self,
        engine: Engine,
        view: Callable[[Connection], C],
        *,
        settle: Callable[[C], None] = _nothing,
    ) -> None:
        """Let `settle` do what belongs to a commit and can't be part of it.

        It is called behind each commit, before anything is acknowledged; and before each batch, in
        case it failed behind the last one. It may raise.
        """
        super().__init__(engine, view)
        self._settle = settle

    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        self._settle(session.context)
        execute = session.driver.execute
        execute("BEGIN IMMEDIATE")
        for job in jobs:
            execute("SAVEPOINT unit")
            job.run(session.context)
            if job.error is not None:
                if not session.driver.in_transaction:  # SQLite undid it all, as on a full disk
                    raise job.error
                execute("ROLLBACK TO unit")
            execute("RELEASE unit")
        execute("COMMIT")
        self._settle(session.context)


class Snapshot(_Executor[C]):
    """Reads: a batch sees one state of the database, no older than its units' submission."""

    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        session.driver.execute("BEGIN")
        for job in jobs:
            job.run(session.context)
        if session.driver.in_transaction:  # SQLite ends it by itself when it finds damage
            session.driver.execute("COMMIT")
