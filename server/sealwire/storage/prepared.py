"""Hot statements: written with SQLAlchemy, compiled once, run on the driver.

Running a statement through SQLAlchemy costs several times what SQLite needs for it (see
docs/decisions/0007-hot-statements-run-on-the-driver.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Column, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECT: Final = sqlite.dialect(paramstyle="named")
_BY_PLACE: Final = sqlite.dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as SQL with named parameters; its rows are plain tuples."""

    sql: str
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, statement: ClauseElement) -> Prepared:
        """Compile a statement whose variable parts are all `bindparam`s."""
        compiled = cast("SQLCompiler", statement.compile(dialect=_DIALECT))
        given = {name for name, bind in compiled.binds.items() if bind.required}
        constants = {name: v for name, v in compiled.params.items() if name not in given}
        return cls(str(compiled), constants)

    def first(self, driver: sqlite3.Connection, **parameters: object) -> tuple[Any, ...] | None:
        """Run the statement, and return its first row."""
        row: tuple[Any, ...] | None = self._run(driver, parameters).fetchone()
        return row

    def rows(self, driver: sqlite3.Connection, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Run the statement, and yield its rows."""
        return iter(self._run(driver, parameters))

    def count(self, driver: sqlite3.Connection, **parameters: object) -> int:
        """Run the statement, and return how many rows it changed."""
        return self._run(driver, parameters).rowcount

    def for_each(
        self, driver: sqlite3.Connection, parameters: Iterable[Mapping[str, object]]
    ) -> None:
        """Run the statement once for each set of parameters."""
        driver.executemany(self.sql, parameters)

    def _run(self, driver: sqlite3.Connection, parameters: dict[str, object]) -> sqlite3.Cursor:
        return driver.execute(self.sql, {**self.constants, **parameters})


@dataclass(frozen=True, slots=True)
class PreparedInsert:
    """An INSERT of whole rows, which are given as tuples: the quickest way to add many."""

    sql: str

    @classmethod
    def of(cls, columns: Sequence[Column[Any]]) -> PreparedInsert:
        """Compile an INSERT that gives these columns of one table, in this order."""
        values: dict[str, object] = {column.name: bindparam(column.name) for column in columns}
        compiled = insert(columns[0].table).values(values).compile(dialect=_BY_PLACE)
        if compiled.positiontup != [column.name for column in columns]:
            raise ValueError("These columns are not in the order of their table.")
        return cls(str(compiled))

    def add(self, driver: sqlite3.Connection, rows: Iterable[Sequence[object]]) -> None:
        """Add the rows."""
        driver.executemany(self.sql, rows)
