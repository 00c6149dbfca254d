"""How a batch of units becomes a transaction: one for writing, one for reading.

Each thread's connection is opened again after a transaction failed, so that nothing is ever
acknowledged on a connection whose state is in doubt. Those of the other threads go on: they see a
commit only after SQLite has synced it (docs/decisions/0020-a-failed-commit.md).
"""

from __future__ import annotations

import abc
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sealwire.core.errors import UnknownOutcomeError
from sealwire.storage.engine import driver_connection, settle_log
from sealwire.storage.failures import (
    described,
    in_doubt,
    is_damage,
    is_full,
    translated_transaction,
)
from sealwire.storage.lane import Job

C = TypeVar("C")

_log: Final = logging.getLogger(__name__)

_DATABASE_ERRORS = (sqlite3.Error, SQLAlchemyError)


class _Session(Generic[C]):
    """A connection, what units see of it, and the driver under it; all it shows is durable."""

    def __init__(self, engine: Engine, view: Callable[[Connection], C]) -> None:
        with contextlib.ExitStack() as undo:
            self._connection = engine.connect()
            undo.callback(self._connection.close)
            self.driver = driver_connection(self._connection)
            settle_log(self.driver)
            self.context = view(self._connection)
            undo.pop_all()

    def close(self) -> None:
        self._connection.close()


def _nothing(*_context: object) -> None:
    """Settle nothing, tell nobody."""


class _Executor(abc.ABC, Generic[C]):
    def __init__(
        self,
        engine: Engine,
        view: Callable[[Connection], C],
        *,
        begun: Callable[[sqlite3.Connection], None] = _nothing,
    ) -> None:
        """Open the first connection to `engine`; `view` makes of one what units are given.

        `begun` is called at the begin of each transaction, and sees the state that units will see.
        """
        self._engine = engine
        self._view = view
        self._begun = begun
        self._session: _Session[C] | None = _Session(engine, view)

    def execute(self, jobs: Sequence[Job[C]]) -> None:
        """Run the jobs in one transaction; if that fails, no job has succeeded."""
        try:
            if self._session is None:
                self._session = _Session(self._engine, self._view)
            self._transact(self._session, jobs)
        except BaseException as error:  # whatever it is, no job may be left without an outcome
            self.close()
            _log.error("A transaction failed: %s", described(error))
            for job in jobs:
                job.error = translated_transaction(error)
            if isinstance(error, UnknownOutcomeError):
                self._decide()

    def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        if self._session is not None:
            with contextlib.suppress(*_DATABASE_ERRORS):  # it is given up anyway
                self._session.close()
            self._session = None

    def _decide(self) -> None:
        """Let a new connection decide what became of a commit, before readers rely on either."""
        with contextlib.suppress(*_DATABASE_ERRORS, OSError):  # else the next batch tries it
            self._session = _Session(self._engine, self._view)

    @abc.abstractmethod
    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        """Run the jobs between BEGIN and COMMIT."""


class GroupCommit(_Executor[C]):
    """Writes: one commit, and so one fsync, for a whole batch; a unit that fails undoes itself."""

    def __init__(
        self,
        engine: Engine,
        view: Callable[[Connection], C],
        *,
        begun: Callable[[sqlite3.Connection], None] = _nothing,
        settle: Callable[[C], None] = _nothing,
        committed: Callable[[], None] = _nothing,
    ) -> None:
        """Let `settle` do what belongs to a commit and can't be part of it.

        It is called behind each commit, before anything is acknowledged; and before each batch, in
        case it failed behind the last one. It may raise. `committed` is told of each commit; it
        must neither raise nor wait.
        """
        super().__init__(engine, view, begun=begun)
        self._settle = settle
        self._committed = committed

    def execute(self, jobs: Sequence[Job[C]]) -> None:
        """Run the jobs in one transaction, or if one of them has met damage, each in its own."""
        super().execute(jobs)
        if len(jobs) > 1 and all(is_damage(job.error) for job in jobs):
            for job in jobs:
                job.error = None
                super().execute([job])

    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        self._settle(session.context)
        execute = session.driver.execute
        execute("BEGIN IMMEDIATE")
        self._begun(session.driver)
        for job in jobs:
            execute("SAVEPOINT unit")
            job.run(session.context)
            if job.error is not None:
                # SQLite undid it all, as on a full disk; or will not commit what has met damage.
                if not session.driver.in_transaction or is_damage(job.error):
                    raise job.error
                execute("ROLLBACK TO unit")
            execute("RELEASE unit")
        self._commit(session)

    def _commit(self, session: _Session[C]) -> None:
        try:
            session.driver.execute("COMMIT")
            self._committed()
            self._settle(session.context)
        except BaseException as error:  # whatever it is, it came after COMMIT was sent
            if session.driver.in_transaction or is_full(error):  # nothing of it was done
                raise
            raise in_doubt(error) from error


class Snapshot(_Executor[C]):
    """Reads: a batch sees one state of the database, no older than its units' submission."""

    def _transact(self, session: _Session[C], jobs: Sequence[Job[C]]) -> None:
        session.driver.execute("BEGIN")
        self._begun(session.driver)
        for job in jobs:
            job.run(session.context)
        if session.driver.in_transaction:  # SQLite may end it by itself when it finds damage
            session.driver.execute("ROLLBACK")  # COMMIT would find the damage again, for all
