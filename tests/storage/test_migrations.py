"""Upgrades from the first schema that landed, with data in it, to the present one.

How `sealwire-server migrate` is killed midway: tests/server/test_migrate_command.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.core.errors import AuthenticationError, ConfigurationError, SealError
from sealwire.storage import (
    ADMIN_ROLE,
    Effect,
    GrantRow,
    IdentityRow,
    IdentityState,
    InvitationRow,
    KeyRow,
    RecordRow,
    Scope,
    Store,
    SubjectKind,
    Transaction,
    Verb,
    current_revision,
    upgrade,
)
from sealwire.storage.engine import inspection_engine, memory_engine
from sealwire.storage.revisions import known_revisions
from sealwire.storage.schema import metadata
from sealwire.storage.tagging import TAGGED, TaggedTable
from tests.storage.builders import NOW, ROOT_KEYS, files, journal_of, opened, plain, put, root_keys
from tests.storage.first_schema import MEMBERS, NAMESPACES, TOKEN_DIGEST, VALUES, FirstDatabase
from tests.storage.test_schema import shape


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return FirstDatabase(tmp_path / "first.db").create()


@pytest.fixture
def upgraded(first: Path) -> Path:
    upgrade(first, root_keys=ROOT_KEYS)
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
        return tx.records.get(place, name)

    value = VALUES[namespace, name]
    row = RecordRow(name, version=3, size=len(value), created_at=NOW, updated_at=NOW + 5)
    assert store.read_blocking(read) == (row, value)


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
    upgrade(upgraded, root_keys=ROOT_KEYS)
    assert files(upgraded.parent) == before


def test_under_other_root_keys_nothing_is_upgraded(first: Path) -> None:
    before = first.read_bytes()
    with pytest.raises(ConfigurationError, match="other root keys"):
        upgrade(first, root_keys=root_keys(0x21))
    assert first.read_bytes() == before
    assert current_revision(first) == "0001"


def test_an_upgrade_that_fails_leaves_everything_as_it_was(first: Path) -> None:
    with plain(first) as connection:
        connection.execute("CREATE TABLE grants (in_the_way TEXT)")
        before = list(connection.iterdump())
    with pytest.raises(ConfigurationError, match="can't be upgraded, and was left as it is"):
        upgrade(first, root_keys=ROOT_KEYS)
    with plain(first) as connection:
        assert list(connection.iterdump()) == before
