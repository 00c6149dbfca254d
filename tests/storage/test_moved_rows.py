"""Whoever can write to the file moves rows about; what does not open is what they moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealwire.core.errors import SealError
from sealwire.core.keys import PrivateKey
from sealwire.storage import Namespace, Store
from tests.storage.builders import (
    ALICE,
    BOB,
    blob,
    create,
    get,
    namespace_of,
    opened,
    plain,
    put,
    replace_blob,
    salts_of,
)

OTHER_DEPLOYMENT = "22222222-2222-4222-8222-222222222222"


@pytest.mark.parametrize(
    ("home", "owner"),
    [("team/payroll", ALICE), ("team/holidays", ALICE), ("team/holidays", BOB)],
    ids=["names", "namespaces", "owners"],
)
def test_blobs_that_traded_places_do_not_open(  # case 60
    store: Store, namespace: Namespace, database: Path, home: str, owner: PrivateKey
) -> None:
    neighbour = namespace if home == namespace.name else namespace_of(store, owner, home)
    put(store, namespace, "march", b"one")
    put(store, neighbour, "april", b"two")
    one, two = blob(database, "march"), blob(database, "april")
    replace_blob(database, "march", two)
    replace_blob(database, "april", one)
    for place, name in ((namespace, "march"), (neighbour, "april")):
        with pytest.raises(SealError):
            get(store, place, name)
    replace_blob(database, "march", one)
    replace_blob(database, "april", two)
    assert (get(store, namespace, "march"), get(store, neighbour, "april")) == (b"one", b"two")


def test_an_older_version_in_the_place_of_the_newer_does_not_open(  # case 60
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"one")
    older = blob(database, "march")
    put(store, namespace, "march", b"two")
    replace_blob(database, "march", older)
    with pytest.raises(SealError):
        get(store, namespace, "march")


def test_a_blob_of_another_database_does_not_open(  # case 60
    store: Store, namespace: Namespace, database: Path, tmp_path: Path
) -> None:
    """The two agree in root key, owner, namespace, name and version."""
    put(store, namespace, "march", b"here")
    elsewhere = create(tmp_path / "elsewhere.db", deployment_id=OTHER_DEPLOYMENT)
    with opened(elsewhere) as other:
        put(other, namespace_of(other, ALICE, namespace.name), "march", b"there")
    replace_blob(database, "march", blob(elsewhere, "march"))
    with pytest.raises(SealError):
        get(store, namespace, "march")


def as_stored(database: Path) -> Namespace:
    """Return the namespace of the only record as the file has it, whether its tag fits or not."""
    with plain(database) as connection:
        found = connection.execute(
            "SELECT id, namespaces.name, owner_id, namespaces.created_at FROM record_versions"
            " JOIN namespaces ON id = namespace_id"
        ).fetchone()
    return Namespace(*found)


EDITS = {
    "another version": "UPDATE record_versions SET version = 2",
    "another namespace": "UPDATE record_versions SET namespace_id = 2",
    "a namespace renamed": "UPDATE namespaces SET name = 'team/bonus' WHERE id = 1",
    "a namespace given away": "UPDATE namespaces SET owner_id = (SELECT owner_id FROM namespaces"
    " WHERE id = 2) WHERE id = 1",
    "a key given away": "UPDATE keys SET generation = rowid + 1, identity_id = (SELECT owner_id"
    " FROM namespaces WHERE id = 2)",
    "another deployment id": "UPDATE deployment SET id = '22222222-2222-4222-8222-222222222222'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_rows_edited_around_a_blob_make_it_unreadable(  # case 60
    store: Store, namespace: Namespace, database: Path, edit: str
) -> None:
    namespace_of(store, BOB, "team/holidays")
    put(store, namespace, "march", b"value")
    store.close()
    with plain(database) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(edit)
    with opened(database) as again, pytest.raises(SealError):
        get(again, as_stored(database), "march")


def test_salts_that_were_exchanged_make_blobs_unreadable(  # case 60
    store: Store, namespace: Namespace, database: Path
) -> None:
    namespace_of(store, BOB, "team/holidays")
    put(store, namespace, "march", b"value")
    store.close()
    one, other = salts_of(database).path.iterdir()
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    with opened(database) as again, pytest.raises(SealError):
        get(again, namespace, "march")


def test_rows_that_nobody_edited_open_again(
    store: Store, namespace: Namespace, database: Path
) -> None:
    namespace_of(store, BOB, "team/holidays")
    put(store, namespace, "march", b"value")
    store.close()
    with opened(database) as again:
        assert get(again, namespace, "march") == b"value"
