from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from sealwire.core.errors import ConfigurationError
from sealwire.storage.engine import (
    driver_connection,
    inspection_engine,
    memory_engine,
    reader_engine,
    writer_engine,
)

COMMON = {"foreign_keys": 1, "trusted_schema": 0, "secure_delete": 1, "temp_store": 2}


def settings(engine: Engine, names: dict[str, object]) -> dict[str, object]:
    with engine.connect() as connection:
        driver = driver_connection(connection)
        return {name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


def test_the_writer_is_durable(database: Path) -> None:
    expected: dict[str, object] = {
        **COMMON,
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 5000,
    }
    assert settings(writer_engine(database), expected) == expected


@pytest.mark.parametrize("engine", [reader_engine, inspection_engine])
def test_readers_refuse_to_write(database: Path, engine: object) -> None:
    assert callable(engine)
    expected: dict[str, object] = {**COMMON, "query_only": 1}
    assert settings(engine(database), expected) == expected
    with engine(database).connect() as connection, pytest.raises(sqlite3.OperationalError):
        driver_connection(connection).execute("DELETE FROM deployment")


def test_no_engine_creates_a_file(tmp_path: Path) -> None:
    for engine in (writer_engine, reader_engine, inspection_engine):
        with pytest.raises(OperationalError):
            engine(tmp_path / "none.db").connect()
    assert not list(tmp_path.iterdir())


def test_a_python_with_too_old_a_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(ConfigurationError, match="newer is needed"):
        memory_engine()
