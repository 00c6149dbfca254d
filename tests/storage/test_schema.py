from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import OperationalError

from sealwire.core.errors import ConfigurationError
from sealwire.storage import current_revision
from sealwire.storage.engine import driver_connection, memory_engine
from sealwire.storage.revisions import known_revisions, require_current, upgrade_connection
from sealwire.storage.schema import metadata
from tests.storage.builders import create, files, journal_of, migrate, opened, plain, salts_of

PATH = Path("sealwire.db")
SEALED = {
    "namespaces.name_key",
    "record_versions.sealed_name",
    "record_versions.metadata",
    "record_versions.blob",
    "answers.response",
}


def shape(connection: Connection) -> dict[str, object]:
    """Return what SQLite knows of every table: columns, keys, constraints, indexes, strictness."""
    driver, found = driver_connection(connection), inspect(connection)
    return {
        table: (
            driver.execute(f"PRAGMA table_xinfo({table})").fetchall(),
            sorted(driver.execute(f"PRAGMA foreign_key_list({table})").fetchall()),
            sorted(check["sqltext"] for check in found.get_check_constraints(table)),
            sorted(tuple(key["column_names"]) for key in found.get_unique_constraints(table)),
            sorted((key["name"], *key["column_names"]) for key in found.get_indexes(table)),
            strict,
        )
        for _, table, _, _, _, strict in driver.execute("PRAGMA table_list").fetchall()
        if not re.match("sqlite_|alembic_", table)
    }


def test_the_migrations_build_the_schema_that_the_code_uses() -> None:
    with memory_engine().connect() as migrated, memory_engine().connect() as declared:
        upgrade_connection(migrated)
        metadata.create_all(declared)
        assert shape(migrated) == shape(declared)
        assert set(shape(migrated)) == set(metadata.tables)
        assert compare_metadata(MigrationContext.configure(migrated), metadata) == []


def test_no_table_has_a_column_for_values_but_the_sealed_ones() -> None:
    blobs = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if str(column.type) == "BLOB"
    }
    assert blobs == {
        "root_keys.public_key",
        "keys.public_key",
        "identities.tag",
        "keys.tag",
        "invitations.token_digest",
        "invitations.tag",
        "groups.tag",
        "members.tag",
        "grants.tag",
        "namespaces.tag",
        "authority.stamp",
        "answers.digest",
        *SEALED,
    }


def test_a_new_database_is_at_the_last_revision(database: Path) -> None:
    assert current_revision(database) == known_revisions()[-1]


def test_upgrading_a_database_that_is_up_to_date_changes_nothing(database: Path) -> None:
    with opened(database):
        pass
    before = files(database.parent)
    migrate(database)
    assert files(database.parent) == before


def test_a_newer_versions_database_is_refused_and_left_as_it_is(database: Path) -> None:
    with plain(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = files(database.parent)
    with pytest.raises(ConfigurationError, match="newer version"), opened(database):
        pass
    with pytest.raises(ConfigurationError, match="newer version"):
        migrate(database)
    assert files(database.parent) == before


def test_an_older_versions_database_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_current("0001", path=PATH, known=["0001", "0002"])
    assert str(refused.value) == (
        "sealwire.db has the schema of an older version of Sealwire (revision 0001, and 0002 is "
        "needed). Make a backup, then run: sealwire-server migrate"
    )


def test_the_last_revision_is_accepted() -> None:
    require_current("0002", path=PATH, known=["0001", "0002"])


def test_a_migration_that_fails_leaves_the_schema_as_it_was() -> None:
    with memory_engine().connect() as connection:
        driver = driver_connection(connection)
        driver.execute("CREATE TABLE records (in_the_way TEXT)")
        with pytest.raises(OperationalError):
            upgrade_connection(connection)
        tables = driver.execute("SELECT name FROM sqlite_master").fetchall()
        assert tables == [("records",)]


def test_a_missing_database_is_refused_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    for attempt in (lambda: opened(path).__enter__(), lambda: migrate(path)):
        with pytest.raises(ConfigurationError, match="sealwire-server init"):
            attempt()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no database\n" * 1000, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_of_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    for attempt in (lambda: opened(path).__enter__(), lambda: migrate(path)):
        with pytest.raises(ConfigurationError, match="not a Sealwire database"):
            attempt()
    assert files(tmp_path) == {"other.db": content}


def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with plain(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match="not a Sealwire database"), opened(path):
        pass
    with pytest.raises(ConfigurationError, match="not a Sealwire database"):
        migrate(path)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "edit",
    ["DELETE FROM deployment", "INSERT INTO deployment VALUES ('second')"],
)
def test_a_database_without_exactly_one_deployment_is_refused(database: Path, edit: str) -> None:
    with plain(database) as connection:
        connection.execute(edit)
    with pytest.raises(ConfigurationError), opened(database):
        pass


def test_a_path_with_characters_that_urls_reserve_is_that_path(tmp_path: Path) -> None:
    path = create(tmp_path / "50%25 ?mode=memory&x#y.db")
    with opened(path):
        pass
    assert {file.name for file in tmp_path.iterdir()} == {
        path.name,
        journal_of(path).name,
        salts_of(path).path.name,
    }
