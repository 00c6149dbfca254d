"""A row that was altered in any column, or has another's tag, is refused wherever it is read.

What somebody might want with it: test_forged_rows.py.
"""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary

from sealwire.storage import IdentityState, RootKeys, Store
from sealwire.storage.tagging import TAGGED, TaggedTable
from tests.storage.builders import (
    ALICE,
    BOB,
    DEPLOYMENT,
    ROOT_KEYS,
    create,
    namespace_of,
    opened,
    plain,
    root_keys,
)
from tests.storage.changes import found, populate
from tests.storage.tampering import BOBS_KEY, Look, execute, refused


@pytest.fixture
def members(store: Store) -> Store:
    populate(store)
    namespace_of(store, ALICE, "team/x")
    return store


def everything(table: TaggedTable) -> Look:
    key = next(iter(table.table.primary_key))
    return lambda tx: tx.authority.all(table, order_by=key)


def edits() -> list[Any]:
    return [
        pytest.param(table, column, id=f"{table.table.name}.{column.name}")
        for table in TAGGED
        for column in (*table.columns, table.table.c.tag)
    ]


def other_value(column: Column[Any], value: object) -> object:
    """Return a value that the column may have, and had not."""
    if isinstance(column.type, Integer):
        return 0 if value is None else int(str(value)) + 1
    if isinstance(column.type, LargeBinary):
        return value[:-1] + bytes([value[-1] ^ 1]) if isinstance(value, bytes) else b""
    return "" if value is None else f"{value}x"


# case 60
@pytest.mark.parametrize(("table", "column"), edits())
def test_a_row_altered_in_any_column_is_refused_and_accepted_as_it_was(
    members: Store, database: Path, table: TaggedTable, column: Column[Any]
) -> None:
    name, edit = table.table.name, f"UPDATE {table.table.name} SET {column.name} = ?"
    with plain(database) as connection:
        (rowid, value), *_ = connection.execute(f"SELECT rowid, {column.name} FROM {name}")
        other = other_value(column, value)
        connection.execute(f"{edit} WHERE rowid = ?", (other, rowid))
        refused(members, everything(table))
        connection.execute(f"{edit} WHERE {column.name} IS ?", (value, other))
    assert members.read_blocking(everything(table))


def test_every_table_that_decides_anything_has_a_row_in_these_tests(
    members: Store, database: Path
) -> None:
    with plain(database) as connection:
        for table in TAGGED:
            assert connection.execute(f"SELECT 1 FROM {table.table.name}").fetchone() == (1,)


TAGS = {
    "none": "x''",
    "zeros": "zeroblob(36)",
    "cut": "substr(tag, 1, 35)",
    "longer": "CAST(tag || x'00' AS BLOB)",
    "another root version": "CAST(x'00000002' || substr(tag, 5) AS BLOB)",
    "its version alone": "substr(tag, 1, 4)",
}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_a_tag_that_is_not_whole_is_refused(members: Store, database: Path, tag: str) -> None:
    execute(database, *(f"UPDATE {table.table.name} SET tag = {tag}" for table in TAGGED))
    refused(members, *map(everything, TAGGED))


def test_the_tag_of_another_row_or_table_is_refused(members: Store, database: Path) -> None:
    with plain(database) as connection:
        tags = [
            connection.execute(f"SELECT tag FROM {table.table.name}").fetchone() for table in TAGGED
        ]
        for table, tag in zip(TAGGED, [*tags[1:], tags[0]], strict=True):
            connection.execute(f"UPDATE {table.table.name} SET tag = ?", tag)
    refused(members, *map(everything, TAGGED))


@pytest.mark.parametrize(
    ("roots", "deployment_id"),
    [(root_keys(0x21), DEPLOYMENT), (ROOT_KEYS, "22222222-2222-4222-8222-222222222222")],
    ids=["root key", "deployment"],
)
def test_rows_of_a_deployment_with_another_root_key_or_id_are_refused(
    members: Store, database: Path, tmp_path: Path, roots: RootKeys, deployment_id: str
) -> None:
    other = create(tmp_path / "other.db", roots=roots, deployment_id=deployment_id)
    with opened(other, roots=roots) as elsewhere:
        populate(elsewhere)
    with plain(database) as connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        for table in ("grants", "members", "invitations", "keys", "groups", "identities"):
            connection.execute(f"DELETE FROM main.{table}")
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
    refused(
        members,
        lambda tx: tx.identities.find_by_name("alice"),
        lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id),
        lambda tx: tx.groups.find("ops"),
        lambda tx: tx.grants.covering_all("team/x"),
    )


# What tags do not tell, and docs/sealing.md says so.


def test_a_row_that_was_deleted_is_gone_and_an_older_one_that_was_put_back_is_believed(
    members: Store, database: Path
) -> None:
    with plain(database) as connection:
        older = connection.execute(
            "SELECT state, tag FROM identities WHERE name = 'bob'"
        ).fetchone()
        members.write_blocking(
            lambda tx: tx.identities.set_state(found(tx, "bob"), IdentityState.SUSPENDED)
        )
        connection.execute("UPDATE identities SET state = ?, tag = ? WHERE name = 'bob'", older)
        connection.execute("DELETE FROM grants")
    assert members.read_blocking(lambda tx: found(tx, "bob")).state == IdentityState.ACTIVE
    assert members.read_blocking(lambda tx: tx.grants.covering_all("team/x")) == []


def test_revoked_certificates_and_events_have_no_tag(members: Store, database: Path) -> None:
    """An edit can take such a row away, as it can any; or add one, which only ends something."""
    with plain(database) as connection:
        connection.execute(
            f"INSERT INTO revoked_certificates VALUES ({BOBS_KEY}, 'a1', 0)",
        )
    serials = members.read_blocking(lambda tx: tx.keys.revoked_certificates(BOB.public_key.key_id))
    assert serials == {"a1"}
    with pytest.raises(sqlite3.OperationalError), plain(database) as connection:
        connection.execute("SELECT tag FROM events")
