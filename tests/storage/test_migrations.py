"""Upgrades from the first schema that landed, with data in it, to the present one.

How `sealwire-server migrate` is killed midway: tests/server/test_migrate_command.py.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from sealwire.core.derivation import derive_authority_key
from sealwire.core.errors import AuthenticationError, ConfigurationError, SealError
from sealwire.storage import (
    ADMIN_ROLE,
    DEFAULT_KEEP_VERSIONS,
    Effect,
    GrantRow,
    IdentityRow,
    IdentityState,
    InvitationRow,
    KeyRow,
    NewRecord,
    RecordRow,
    Scope,
    Store,
    SubjectKind,
    Transaction,
    Verb,
    current_revision,
)
from sealwire.storage.engine import (
    driver_connection,
    inspection_engine,
    memory_engine,
    writer_engine,
)
from sealwire.storage.revisions import known_revisions, upgrade_connection
from sealwire.storage.schema import metadata
from sealwire.storage.tagging import TAGGED, TaggedTable, tagged_message
from tests.storage.builders import (
    DEPLOYMENT,
    NOW,
    ROOT_KEYS,
    files,
    journal_of,
    migrate,
    opened,
    plain,
    put,
    root_keys,
    salts_of,
)
from tests.storage.first_schema import MEMBERS, NAMESPACES, TOKEN_DIGEST, VALUES, FirstDatabase
from tests.storage.test_schema import shape


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return FirstDatabase(tmp_path / "first.db").create()


@pytest.fixture
def upgraded(first: Path) -> Path:
    migrate(first)
    return first


@pytest.fixture
def store(upgraded: Path) -> Iterator[Store]:
    with opened(upgraded) as store:
        yield store


def test_the_first_schema_is_refused_with_the_way_out_and_left_as_it_is(first: Path) -> None:
    before = files(first.parent)
    with pytest.raises(ConfigurationError, match=r"revision 0001.* run: sealwire-server migrate"):
        opened(first).__enter__()
    assert files(first.parent) == before


def test_an_upgraded_database_has_the_schema_that_a_new_one_has(upgraded: Path) -> None:
    assert current_revision(upgraded) == known_revisions()[-1]
    with (
        inspection_engine(upgraded).connect() as migrated,
        memory_engine().connect() as declared,
    ):
        metadata.create_all(declared)
        assert shape(migrated) == shape(declared)


@pytest.mark.parametrize("name", MEMBERS)
def test_everybody_keeps_name_role_and_key(store: Store, name: str) -> None:
    key_id = MEMBERS[name].public_key.key_id
    found = store.read_blocking(lambda tx: tx.identities.find_by_key(key_id))
    assert found is not None
    identity, key = found
    role = ADMIN_ROLE if name == "alice" else "member"
    assert identity == IdentityRow(f"{name}-id", name, role, NOW, IdentityState.ACTIVE, "{}")
    assert key == KeyRow(MEMBERS[name].public_key, identity.id, NOW, generation=1)
    assert store.read_blocking(lambda tx: tx.keys.of_identity(identity.id)) == [key]


@pytest.mark.parametrize(("namespace", "name"), VALUES)
def test_every_record_opens_as_it_was(store: Store, namespace: str, name: str) -> None:
    def read(tx: Transaction) -> object:
        place = tx.namespaces.find(namespace)
        assert place is not None
        return tx.records.get(place, name, now=NOW)

    value = VALUES[namespace, name]
    row = RecordRow(name, version=3, size=len(value), created_at=NOW, updated_at=NOW + 5)
    assert store.read_blocking(read) == (row, value)


def stop_at(path: Path, revision: str) -> None:
    """Bring a database no further than a revision, as an older version's migrate did."""
    config = Config()
    config.set_main_option("script_location", "sealwire.storage:migrations")
    with writer_engine(path).connect() as connection:
        config.attributes["connection"] = connection
        with connection.begin():
            driver_connection(connection).execute("BEGIN IMMEDIATE")
            command.upgrade(config, revision)
            if revision != "0001":
                tag_as_then(connection)


def tag_as_then(connection: Connection) -> None:
    """Tag every row, in the columns that its table has, as a server of that version did."""
    key = derive_authority_key(ROOT_KEYS.by_version[1], root_version=1, deployment_id=DEPLOYMENT)
    for table in ("identities", "keys", "invitations", "groups", "members", "grants", "namespaces"):
        rows = connection.execute(text(f"SELECT rowid AS place, * FROM {table}"))  # noqa: S608
        columns = sorted(set(rows.keys()) - {"place", "salt", "tag"})
        for row in rows.mappings().all():
            message = tagged_message(table, columns, [row[name] for name in columns])
            tag = (1).to_bytes(4, "big") + hmac.digest(key, message, hashlib.sha256)
            connection.execute(
                text(f"UPDATE {table} SET tag = :tag WHERE rowid = :place"),  # noqa: S608
                {"tag": tag, "place": row["place"]},
            )


@pytest.mark.parametrize("revision", ["0002", "0003"])
def test_a_row_that_was_altered_under_an_older_schema_is_not_taken_for_the_servers_own(
    first: Path, revision: str
) -> None:
    stop_at(first, revision)
    with plain(first) as connection:
        connection.execute("UPDATE identities SET role = 'admin'")
    with pytest.raises(ConfigurationError, match="row of identities was altered"):
        migrate(first)
    assert current_revision(first) == revision


# case 100
@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_from_every_revision_that_held_salts_each_record_comes_along_as_its_only_version(
    first: Path, revision: str
) -> None:
    stop_at(first, revision)
    assert current_revision(first) == revision
    migrate(first)

    def unit(tx: Transaction) -> None:
        for (namespace, name), value in VALUES.items():
            place = tx.namespaces.find(namespace)
            assert place is not None
            row = RecordRow(name, version=3, size=len(value), created_at=NOW, updated_at=NOW + 5)
            assert tx.records.versions(place, name, before=99, limit=99, now=NOW) == [row]
            assert tx.records.get(place, name, version=3, now=NOW) == (row, value)
            for absent in (1, 2, 4):
                assert tx.records.get(place, name, version=absent, now=NOW) is None
            assert place.keep_versions == DEFAULT_KEEP_VERSIONS
            assert (place.keep_ms, place.name_key) == (0, None)
        assert (tx.changes.last(), tx.changes.page(start=1, limit=9)) == (0, [])

    with opened(first) as store:
        store.read_blocking(unit)
        place = store.read_blocking(lambda tx: tx.namespaces.find("notes"))
        assert place is not None
        new = NewRecord("Straße/夏", b"newer", if_version=3)
        row, change = store.write_blocking(lambda tx: tx.records.put(place, new, now=NOW))
        assert (row.version, row.created_at, change) == (4, NOW, 1)


def test_owners_hold_every_verb_by_grants_and_nobody_else_holds_any(store: Store) -> None:
    for name in MEMBERS:
        grants = store.read_blocking(lambda tx: tx.grants.of_subject(f"{name}-id"))  # noqa: B023
        expected = {
            GrantRow(
                subject_kind=SubjectKind.IDENTITY,
                subject_id=f"{name}-id",
                verb=verb,
                namespace=namespace,
                scope=Scope.SUBTREE,
                effect=Effect.ALLOW,
                expires_at=None,
                granted_by=None,
                created_at=NOW,
            )
            for namespace, owner in NAMESPACES.items()
            if owner == name
            for verb in Verb
        }
        assert set(grants) == expected


def test_an_invitation_that_was_open_is_good_and_one_that_was_used_is_not(store: Store) -> None:
    def take(invitation_id: str) -> InvitationRow:
        return store.write_blocking(
            lambda tx: tx.invitations.take(invitation_id, token_digest=TOKEN_DIGEST, now=NOW)
        )

    assert (taken := take("open")).name == "carol"
    assert taken.recovers is None
    with pytest.raises(AuthenticationError):
        take("used")


@pytest.mark.parametrize("table", TAGGED, ids=lambda table: str(table.table.name))
def test_every_row_has_a_tag_that_fits_and_only_as_it_is(
    store: Store, upgraded: Path, table: TaggedTable
) -> None:
    name = table.table.name
    key = next(iter(table.table.primary_key))
    with plain(upgraded) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608
        found = store.read_blocking(lambda tx: tx.authority.all(table, order_by=key))
        assert len(found) == count
        if count:
            connection.execute(f"UPDATE {name} SET created_at = created_at + 1")  # noqa: S608
            with pytest.raises(SealError):
                store.read_blocking(lambda tx: tx.authority.all(table, order_by=key))


def test_an_upgraded_database_goes_on(store: Store, upgraded: Path) -> None:
    place = store.read_blocking(lambda tx: tx.namespaces.find("team/payroll"))
    assert place is not None
    assert put(store, place, "march", b"newer") == 4
    store.write_blocking(lambda tx: tx.groups.create("ops", now=NOW))
    assert journal_of(upgraded).exists()


def test_an_upgrade_is_done_once(upgraded: Path) -> None:
    with opened(upgraded):
        pass
    before = files(upgraded.parent)
    migrate(upgraded)
    assert files(upgraded.parent) == before


def test_under_other_root_keys_nothing_is_upgraded(first: Path) -> None:
    before = first.read_bytes()
    with pytest.raises(ConfigurationError, match="other root keys"):
        migrate(first, roots=root_keys(0x21))
    assert first.read_bytes() == before
    assert current_revision(first) == "0001"


def salts_in(first: Path) -> dict[str, bytes]:
    """Return the salts that the first schema keeps in the database, by identity."""
    with plain(first) as connection:
        return dict(connection.execute("SELECT id, salt FROM identities").fetchall())


def holders(directory: Path, secret: bytes) -> set[str]:
    return {name for name, data in files(directory).items() if secret in data}


def test_salts_go_to_files_of_their_own_and_leave_no_trace_in_the_database(first: Path) -> None:
    salts = salts_in(first)
    assert len(salts) == 2
    with plain(first) as connection:  # which leaves what it deletes in pages that are free
        gone = [bytes([number]) * 32 for number in range(1, 100)]
        for number, salt in enumerate(gone):
            row = (f"gone-{number}", f"gone-{number}", salt)
            connection.execute("INSERT INTO identities VALUES (?, ?, 'member', ?, 0)", row)
        connection.execute("DELETE FROM identities WHERE id LIKE 'gone-%'")
        before = {salt for salt in (*salts.values(), *gone) if holders(first.parent, salt)}
    assert before >= {*salts.values(), gone[0], gone[-1]}
    migrate(first)
    for identity_id, salt in salts.items():
        assert holders(first.parent, salt) == {f"salts/{identity_id}"}
    assert not [salt for salt in gone if holders(first.parent, salt)]


def test_a_migration_that_was_interrupted_behind_its_commit_is_finished_before_anything_else(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealwire.storage.engine.BUSY_TIMEOUT_SECONDS", 0.1)
    salts_of(first).make()
    with writer_engine(first).connect() as connection:
        upgrade_connection(connection, ROOT_KEYS, salts_of(first))
    assert current_revision(first) == known_revisions()[-1]
    with pytest.raises(ConfigurationError, match="Run again: sealwire-server migrate"):
        opened(first).__enter__()
    with plain(first) as reader:  # while somebody reads, the log can't be emptied
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM identities").fetchall()
        with pytest.raises(ConfigurationError, match=r"another process is using it\. Run it again"):
            migrate(first)
        with pytest.raises(ConfigurationError, match="Run again: sealwire-server migrate"):
            opened(first).__enter__()
    migrate(first)
    with opened(first) as store:
        assert store.read_blocking(lambda tx: tx.identities.find_by_name("alice")) is not None


def test_salts_that_were_moved_already_are_no_hindrance_and_other_ones_stop_the_migration(
    first: Path,
) -> None:
    salts = salts_in(first)
    kept = salts_of(first)
    kept.make()
    for identity_id, salt in salts.items():
        kept.create(identity_id, salt)
    other = kept.path / "bob-id"
    other.write_bytes(bytes(range(32)))
    with plain(first) as connection:
        before = list(connection.iterdump())
    with pytest.raises(ConfigurationError, match=r"left as it is: .*another salt already"):
        migrate(first)
    with plain(first) as connection:
        assert list(connection.iterdump()) == before
    assert other.read_bytes() == bytes(range(32))
    other.write_bytes(salts["bob-id"])
    migrate(first)
    assert {name: kept.read(name) for name in kept.names()} == salts


def test_an_upgrade_that_fails_leaves_everything_as_it_was(first: Path) -> None:
    with plain(first) as connection:
        connection.execute("CREATE TABLE grants (in_the_way TEXT)")
        before = list(connection.iterdump())
    with pytest.raises(ConfigurationError, match="can't be upgraded, and was left as it is"):
        migrate(first)
    with plain(first) as connection:
        assert list(connection.iterdump()) == before
