"""Whoever can write to the file swaps a version's columns: what they touched does not open.

The value's key depends on the metadata and on the moment of expiry. Metadata, names, name keys and
answers are sealed each for its own purpose and place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealwire.core.errors import SealError
from sealwire.storage import Namespace, NewRecord, Query, Store, Transaction
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    enrolled,
    namespace_of,
    opened,
    plain,
    put,
    sealed_namespace_of,
)

HOUR = 3_600_000
EXPIRES = NOW + HOUR
Look = Callable[[Transaction], object]


@pytest.fixture
def spaces(store: Store) -> dict[str, Namespace]:
    """Two namespaces of alice's and one of bob's; in each, records with all that there can be."""
    made = {
        "secret": sealed_namespace_of(store, ALICE, "secret"),
        "other": sealed_namespace_of(store, ALICE, "other"),
        "bobs": sealed_namespace_of(store, BOB, "bobs"),
        "plain": namespace_of(store, ALICE, "plain"),
    }

    def unit(tx: Transaction) -> None:
        for space in made.values():
            for name in ("march", "april"):
                for version in (b"1", b"2"):
                    new = NewRecord(name, b"value" + version, b"metadata" + version, EXPIRES)
                    tx.records.put(space, new, now=NOW)

    store.write_blocking(unit)
    return made


def reads(space: Namespace, name: str) -> list[Look]:
    """Return the ways in which a version's columns come to be read."""
    return [
        lambda tx: tx.records.get(space, name, now=NOW),
        lambda tx: tx.records.get(space, name, version=2, now=NOW),
    ]


def lists(space: Namespace) -> list[Look]:
    return [
        lambda tx: tx.listing.page(space, Query(), now=NOW),
        lambda tx: tx.records.versions(space, "march", before=99, limit=99, now=NOW),
    ]


def refused(store: Store, looks: list[Look]) -> None:
    for look in looks:
        with pytest.raises(SealError):
            store.read_blocking(look)


class Tamperer:
    """Somebody with the file, who knows where everything is."""

    def __init__(self, database: Path, store: Store, spaces: dict[str, Namespace]) -> None:
        self._database = database
        self._spaces = spaces
        self._rows = self._places()
        self._names = store.read_blocking(
            lambda tx: {
                place: tx.records.name_of(spaces[place[0]], place[1])
                for place in {row[:2] for row in self._rows}
            }
        )

    def _places(self) -> list[tuple[str, str, int]]:
        with plain(self._database) as connection:
            return connection.execute(
                "SELECT namespaces.name, v.name, version FROM record_versions AS v"
                " JOIN namespaces ON id = namespace_id"
            ).fetchall()

    def rowid(self, space: str, name: str, version: int) -> int:
        (stored,) = {
            row[1] for row in self._rows if row[0] == space and self._names[row[:2]] == name
        }
        with plain(self._database) as connection:
            found = connection.execute(
                "SELECT rowid FROM record_versions WHERE (namespace_id, name, version) = (?, ?, ?)",
                (self._spaces[space].id, stored, version),
            ).fetchone()
        return int(found[0])

    def copy(self, column: str, *, to: int, from_: int, from_column: str | None = None) -> None:
        """Put a cell's bytes in the place of another's."""
        self.execute(
            f"UPDATE record_versions SET {column} ="  # noqa: S608 - ours
            f" (SELECT {from_column or column} FROM record_versions WHERE rowid = ?)"
            " WHERE rowid = ?",
            from_,
            to,
        )

    def execute(self, statement: str, *parameters: object) -> None:
        with plain(self._database) as connection:
            assert connection.execute(statement, parameters).rowcount == 1


@pytest.fixture
def tamperer(store: Store, spaces: dict[str, Namespace], database: Path) -> Tamperer:
    return Tamperer(database, store, spaces)


ELSEWHERE = {
    "an older version": ("secret", "march", 1),
    "another record": ("secret", "april", 2),
    "another namespace": ("other", "march", 2),
    "another owner": ("bobs", "march", 2),
    "a namespace with plain names": ("plain", "march", 2),
}


# case 60, case 61
@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE.keys())
@pytest.mark.parametrize("column", ["blob", "metadata"])
def test_a_sealed_column_from_elsewhere_does_not_open(
    store: Store,
    spaces: dict[str, Namespace],
    tamperer: Tamperer,
    column: str,
    place: tuple[str, str, int],
) -> None:
    here = tamperer.rowid("secret", "march", 2)
    tamperer.copy(column, to=here, from_=tamperer.rowid(*place))
    refused(store, reads(spaces["secret"], "march"))
    if column == "metadata":
        refused(store, lists(spaces["secret"]))


# case 60
@pytest.mark.parametrize(
    "place",
    [place for place in ELSEWHERE.values() if place[0] != "plain"],
    ids=[kind for kind, place in ELSEWHERE.items() if place[0] != "plain"],
)
def test_a_sealed_name_from_elsewhere_does_not_open(
    store: Store,
    spaces: dict[str, Namespace],
    tamperer: Tamperer,
    place: tuple[str, str, int],
) -> None:
    here = tamperer.rowid("secret", "march", 2)
    tamperer.copy("sealed_name", to=here, from_=tamperer.rowid(*place))
    refused(store, lists(spaces["secret"]))


# case 60
@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("blob", "metadata"),
        ("blob", "sealed_name"),
        ("metadata", "blob"),
        ("metadata", "sealed_name"),
        ("sealed_name", "blob"),
        ("sealed_name", "metadata"),
    ],
)
def test_what_was_sealed_for_one_purpose_does_not_open_for_another(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, column: str, other: str
) -> None:
    here = tamperer.rowid("secret", "march", 2)
    tamperer.copy(column, to=here, from_=here, from_column=other)
    if column != "sealed_name":
        refused(store, reads(spaces["secret"], "march"))
    if column != "blob":
        refused(store, lists(spaces["secret"]))


EDITS = {
    "expires later": "expires_at = expires_at + 1",
    "expires sooner": "expires_at = expires_at - 1",
    "never expires": "expires_at = NULL",
    "no metadata": "metadata = NULL",
    "empty metadata": "metadata = x''",
    "metadata cut": "metadata = substr(metadata, 1, length(metadata) - 1)",
    "metadata longer": "metadata = CAST(metadata || x'00' AS BLOB)",
    "another size": "size = size + 1",
    "empty value": "blob = x''",
}


# case 62, case 68
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("space", ["secret", "plain"])
def test_a_value_opens_only_with_the_columns_that_it_was_put_with(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, space: str, edit: str
) -> None:
    here = tamperer.rowid(space, "march", 2)
    tamperer.execute(f"UPDATE record_versions SET {edit} WHERE rowid = ?", here)  # noqa: S608 - ours
    refused(store, reads(spaces[space], "march"))


# case 62
@pytest.mark.parametrize("edit", ["expires_at = 9999999999999", "metadata = x'00'"])
def test_what_was_put_without_metadata_or_end_opens_with_neither_added(
    store: Store, namespace: Namespace, database: Path, edit: str
) -> None:
    put(store, namespace, "march", b"value")
    with plain(database) as connection:
        connection.execute(f"UPDATE record_versions SET {edit}")  # noqa: S608 - ours
    refused(store, [lambda tx: tx.records.get(namespace, "march", now=NOW)])


# case 60, case 61
def test_an_older_row_put_in_the_place_of_a_newer_does_not_open(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer
) -> None:
    """All of it: value, metadata, name, end. Its number is what it can't take along."""
    for column in ("blob", "metadata", "sealed_name", "expires_at", "size"):
        tamperer.copy(
            column,
            to=tamperer.rowid("secret", "march", 2),
            from_=tamperer.rowid("secret", "march", 1),
        )
    refused(store, [*reads(spaces["secret"], "march"), *lists(spaces["secret"])])


# case 62, case 63
@pytest.mark.parametrize("column", ["metadata", "sealed_name"])
def test_a_sealed_column_altered_at_any_byte_or_cut_anywhere_does_not_open(
    store: Store,
    spaces: dict[str, Namespace],
    tamperer: Tamperer,
    database: Path,
    column: str,
) -> None:
    here = tamperer.rowid("secret", "march", 2)
    with plain(database) as connection:
        (sealed,) = connection.execute(
            f"SELECT {column} FROM record_versions WHERE rowid = ?",  # noqa: S608 - ours
            (here,),
        ).fetchone()
        statement = f"UPDATE record_versions SET {column} = ? WHERE rowid = ?"  # noqa: S608 - ours
        flipped = [
            sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))
        ]
        for altered in [*flipped, *(sealed[:size] for size in range(len(sealed)))]:
            connection.execute(statement, (altered, here))
            refused(store, lists(spaces["secret"])[1:])
        connection.execute(statement, (sealed, here))
    for look in lists(spaces["secret"]):
        assert store.read_blocking(look)


MOST = 2**63 - 1


# case 62
@pytest.mark.parametrize(
    "edit",
    [
        *("size = -1", f"size = {MOST}", "created_at = -1", f"created_at = {MOST}"),
        *("updated_at = -1", f"updated_at = {MOST}", f"expires_at = {MOST}"),
    ],
)
@pytest.mark.parametrize("space", ["secret", "plain"])
def test_a_number_that_no_server_writes_is_neither_read_nor_listed(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, space: str, edit: str
) -> None:
    here = tamperer.rowid(space, "march", 2)
    tamperer.execute(f"UPDATE record_versions SET {edit} WHERE rowid = ?", here)  # noqa: S608 - ours
    refused(store, [*reads(spaces[space], "march"), *lists(spaces[space])])


# case 62
@pytest.mark.parametrize("edit", ["expires_at = -5", "expires_at = 0", "deleted_at = -1"])
def test_an_end_that_no_server_writes_is_not_told(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, edit: str
) -> None:
    here = tamperer.rowid("plain", "march", 2)
    tamperer.execute(f"UPDATE record_versions SET {edit} WHERE rowid = ?", here)  # noqa: S608 - ours
    plain, shown = spaces["plain"], Query(show_deleted=True)
    refused(store, lists(plain)[1:])
    assert store.read_blocking(lambda tx: tx.records.get(plain, "march", now=NOW)) is None
    if edit.startswith("deleted_at"):
        refused(store, [lambda tx: tx.listing.page(plain, shown, now=NOW)])


# case 62
@pytest.mark.parametrize("edit", ["size = -1", f"updated_at = {MOST}", "expires_at = -5"])
def test_a_record_whose_row_was_altered_can_be_put_anew(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, edit: str
) -> None:
    here = tamperer.rowid("plain", "march", 2)
    tamperer.execute(f"UPDATE record_versions SET {edit} WHERE rowid = ?", here)  # noqa: S608 - ours
    assert put(store, spaces["plain"], "march", b"newer") == 3
    for look in (reads(spaces["plain"], "march")[0], lists(spaces["plain"])[0]):
        assert store.read_blocking(look)


# case 62
@pytest.mark.parametrize("edit", [f"version = {MOST}", "version = -1", "version = 0"])
@pytest.mark.parametrize("space", ["secret", "plain"])
def test_a_version_that_is_not_counted_to_is_refused_whatever_is_asked(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, space: str, edit: str
) -> None:
    here, older = (tamperer.rowid(space, "march", version) for version in (2, 1))
    tamperer.execute("DELETE FROM record_versions WHERE rowid = ?", older)
    tamperer.execute(f"UPDATE record_versions SET {edit} WHERE rowid = ?", here)  # noqa: S608 - ours
    place = spaces[space]
    refused(store, [reads(place, "march")[0], lists(place)[0]])
    refused(store, [lambda tx: tx.records.current_version(place, "march", now=NOW)])
    with pytest.raises(SealError):
        put(store, place, "march", b"newer")


# case 62
def test_a_beginning_that_no_server_writes_does_not_get_into_what_is_put(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer
) -> None:
    here = tamperer.rowid("plain", "march", 2)
    tamperer.execute("UPDATE record_versions SET created_at = -1 WHERE rowid = ?", here)
    with pytest.raises(SealError, match="out of bounds"):
        put(store, spaces["plain"], "march", b"newer")


# case 62
@pytest.mark.parametrize("version", [2**63 - 2, 2**63 - 1])
def test_a_version_that_leaves_no_room_for_another_is_not_counted_up(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, version: int
) -> None:
    here = tamperer.rowid("plain", "march", 2)
    tamperer.execute("UPDATE record_versions SET version = ? WHERE rowid = ?", version, here)
    refused(store, reads(spaces["plain"], "march")[:1])
    with pytest.raises(SealError, match="out of bounds"):
        put(store, spaces["plain"], "march", b"newer")


# case 62
@pytest.mark.parametrize("text", ["name", "sealed_name"])
def test_a_name_that_is_no_text_is_refused(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, text: str
) -> None:
    tamperer.execute(
        f"UPDATE record_versions SET {text} = CAST(x'ff' AS {'TEXT' if text == 'name' else 'BLOB'})"  # noqa: S608 - ours
        " WHERE rowid = ?",
        tamperer.rowid("secret", "march", 2),
    )
    refused(store, lists(spaces["secret"])[:1])


# Changes.

CHANGE_EDITS = {
    "of no kind": "kind = 'painted'",
    "of a version under all": "version = -7",
    "of a version over all": f"version = {2**63 - 1}",
    "at a time before all": "at = -1",
    "with a revision over all": f"revision = {2**63 - 1}",
}


# case 62
@pytest.mark.parametrize("edit", CHANGE_EDITS.values(), ids=CHANGE_EDITS.keys())
def test_a_change_that_no_server_writes_is_not_told(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer, edit: str
) -> None:
    tamperer.execute(f"UPDATE changes SET {edit} WHERE revision = ?", 3)  # noqa: S608 - ours
    assert len(store.read_blocking(lambda tx: tx.changes.page(start=1, limit=2))) == 2
    refused(store, [lambda tx: tx.changes.page(start=1, limit=999)])


# case 62
def test_behind_a_revision_that_is_never_given_none_is(
    store: Store, spaces: dict[str, Namespace], tamperer: Tamperer
) -> None:
    """SQLite would take any number there is for the next."""
    last = store.read_blocking(lambda tx: tx.changes.last())
    tamperer.execute("UPDATE changes SET revision = ? WHERE revision = 3", 2**63 - 1)
    with pytest.raises(SealError, match="out of bounds"):
        put(store, spaces["plain"], "march", b"newer")
    tamperer.execute("UPDATE changes SET revision = 3 WHERE revision = ?", 2**63 - 1)
    assert store.read_blocking(lambda tx: tx.changes.last()) == last


# Answers.

DIGEST = bytes(32)
IDS = ["6ba7b810-9dad-41d1-80b4-00c04fd430c8", "6ba7b811-9dad-41d1-80b4-00c04fd430c8"]


@pytest.fixture
def askers(store: Store) -> list[str]:
    def unit(tx: Transaction) -> list[str]:
        ids = [enrolled(tx, owner) for owner in (ALICE, BOB)]
        for asker in ids:
            for asked in IDS:
                response = f"{asker} {asked}".encode()
                tx.answers.add(asker, asked, digest=DIGEST, response=response, now=NOW)
        return ids

    return store.write_blocking(unit)


ANSWER_EDITS = {
    "another request's": "response = (SELECT response FROM answers AS o WHERE o.identity_id ="
    " answers.identity_id AND o.request_id <> answers.request_id)",
    "another asker's": "response = (SELECT response FROM answers AS o WHERE o.identity_id <>"
    " answers.identity_id AND o.request_id = answers.request_id)",
    "cut": "response = substr(response, 1, length(response) - 1)",
    "empty": "response = x''",
}


# case 60, case 62
@pytest.mark.parametrize("edit", ANSWER_EDITS.values(), ids=ANSWER_EDITS.keys())
def test_an_answer_that_was_altered_or_moved_is_refused(
    store: Store, askers: list[str], database: Path, edit: str
) -> None:
    with plain(database) as connection:
        edited = f"UPDATE answers SET {edit} WHERE identity_id = ? AND request_id = ?"  # noqa: S608 - ours
        assert connection.execute(edited, (askers[0], IDS[0])).rowcount == 1
    refused(store, [lambda tx: tx.answers.find(askers[0], IDS[0], digest=DIGEST)])
    found = store.read_blocking(lambda tx: tx.answers.find(askers[1], IDS[1], digest=DIGEST))
    assert found == f"{askers[1]} {IDS[1]}".encode()


# case 62
def test_an_answer_to_another_request_is_refused_though_its_digest_was_altered(
    store: Store, askers: list[str], database: Path
) -> None:
    other = bytes([7]) * 32
    with plain(database) as connection:
        connection.execute("UPDATE answers SET digest = ?", (other,))
    refused(store, [lambda tx: tx.answers.find(askers[0], IDS[0], digest=other)])


def test_what_nobody_touched_opens_again(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    store.close()
    with opened(database) as again:
        for space in spaces.values():
            for look in [*reads(space, "march"), *lists(space)]:
                assert again.read_blocking(look)
