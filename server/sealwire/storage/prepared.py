"""Hot statements: written with SQLAlchemy, compiled once, run on the driver.

Running a statement through SQLAlchemy costs several times what SQLite needs for it (see
docs/decisions/0007-hot-statements-run-on-the-driver.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

_DIALECT: Final = sqlite.dialect(paramstyle="named")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as SQL with named parameters; its rows are plain tuples."""

    sql: str
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, statement: ClauseElement) -> Prepared:
        """Compile a statement whose variable parts are all `bindparam`s."""
        compiled = statement.compile(dialect=_DIALECT)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
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

    def _run(self, driver: sqlite3.Connection, parameters: dict[str, object]) -> sqlite3.Cursor:
        return driver.execute(self.sql, {**self.constants, **parameters})
