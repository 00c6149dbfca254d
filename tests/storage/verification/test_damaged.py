"""Verification finds whatever somebody else did to what the store left, and names it."""

# ruff: noqa: S608 - the statements are put together from what stands in this file

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.core.errors import ConfigurationError
from sealwire.storage import (
    Namespace,
    Store,
    count_verified,
)
from tests.storage.builders import (
    opened,
    plain,
    put,
    salts_of,
)
from tests.storage.verification.filled import (
    PAGE_BYTES,
    REQUEST,
    damages,
    erase,
    findings,
    rotated,
)


@dataclass(frozen=True)
class Deed:
    """What somebody did to the file, and what must be found."""

    statement: str
    kind: str
    place: dict[str, str | int]
    problem: str


HEAD = "(SELECT max(version) FROM record_versions AS h WHERE h.name = record_versions.name)"
PLAIN = "namespace_id = (SELECT id FROM namespaces WHERE name = 'plain')"
MARCH = {"namespace": "plain", "name": "march"}


def version(number: int) -> dict[str, str | int]:
    return {**MARCH, "version": number}


def of_march(edit: str, number: int = 2) -> str:
    return (
        f"UPDATE record_versions SET {edit} WHERE {PLAIN} AND name = 'march' AND version = {number}"
    )


DEEDS = {
    # case 60
    "a value from another version": Deed(
        of_march(
            "blob = (SELECT blob FROM record_versions AS o WHERE o.namespace_id ="
            " record_versions.namespace_id AND o.name = 'march' AND o.version = 1)"
        ),
        "version",
        version(2),
        "Its value does not open.",
    ),
    # case 62
    "a value altered": Deed(
        of_march("blob = CAST(substr(blob, 1, length(blob) - 1) || x'00' AS BLOB)", 1),
        "version",
        version(1),
        "Its value does not open.",
    ),
    # case 63
    "a value emptied": Deed(of_march("blob = x''"), "version", version(2), "Its value does not"),
    "a value taken away": Deed(
        of_march("blob = NULL"),
        "version",
        version(2),
        "Its value is gone, and its metadata is not.",
    ),
    "a value and its metadata taken away": Deed(
        of_march("blob = NULL, metadata = NULL"), "record", version(2), "Its value is gone, and"
    ),
    "metadata altered": Deed(
        of_march("metadata = zeroblob(200)"), "version", version(2), "Its metadata does not open."
    ),
    "metadata taken away": Deed(
        of_march("metadata = NULL"), "version", version(2), "Its value does not open."
    ),
    "another size": Deed(of_march("size = 7"), "version", version(2), "Its value does not open."),
    "another end": Deed(
        of_march("expires_at = 1"), "version", version(2), "Its value does not open."
    ),
    "a name beside a plain one": Deed(
        of_march("sealed_name = x'00'"), "version", version(2), "It has a sealed name"
    ),
    # case 61
    "the newest version taken away": Deed(
        f"DELETE FROM record_versions WHERE {PLAIN} AND name = 'march' AND version = 2",
        "record",
        version(2),
        "Its newest version is 1: it was put back",
    ),
    # case 61
    "a whole record taken away": Deed(
        f"DELETE FROM record_versions WHERE {PLAIN} AND name = 'march'",
        "record",
        version(2),
        "All of it is missing",
    ),
    "a deletion undone": Deed(
        f"UPDATE record_versions SET deleted_at = NULL WHERE {PLAIN} AND name = 'april'",
        "record",
        {"namespace": "plain", "name": "april", "version": 2},
        "It is not marked as deleted",
    ),
    "a record marked as deleted": Deed(
        of_march("deleted_at = 1"), "record", version(2), "It is marked as deleted"
    ),
    "a record moved to a namespace that is not there": Deed(
        of_march("namespace_id = 99"),
        "version",
        {"namespace_id": 99, "stored_name": "march", "version": 2},
        "Its namespace is not there.",
    ),
    "a change taken away": Deed(
        "DELETE FROM changes WHERE revision IN (4, 5)",
        "change",
        {"revision": 5},
        "It and 1 before it are missing.",
    ),
    "a change of no kind": Deed(
        "UPDATE changes SET kind = 'painted' WHERE revision = 3", "change", {"revision": 3}, "kind"
    ),
    "a namespace given away": Deed(
        "UPDATE namespaces SET owner_id = 'x' WHERE name = 'plain'",
        "row of namespaces",
        {"id": 1},
        "its tag does not fit",
    ),
    "a grant widened": Deed(
        "UPDATE grants SET verb = 'admin'",
        "row of grants",
        {"namespace": "team/x", "scope": "subtree", "effect": "allow", "verb": "admin"},
        "its tag does not fit",
    ),
    "a reference to nobody": Deed(
        "INSERT INTO revoked_certificates VALUES ('nobody', 'a1', 0)",
        "row of revoked_certificates",
        {"rowid": 1},
        "It refers to a row of keys that is not there.",
    ),
    "an answer altered": Deed(
        "UPDATE answers SET response = x'00'", "answer", {"request_id": REQUEST}, "does not open"
    ),
    "the state of authority taken away": Deed(
        "DELETE FROM authority", "row of authority", {}, "lost its record of who may do what"
    ),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())
def test_what_was_done_to_the_file_is_found_and_named(
    store: Store, spaces: dict[str, Namespace], database: Path, deed: Deed
) -> None:
    with plain(database) as connection:
        assert connection.execute(deed.statement).rowcount > 0
    found = damages(store)
    assert any(
        damage.kind == deed.kind
        and deed.place.items() <= dict(damage.place).items()
        and deed.problem in damage.problem
        for damage in found
    ), found


# case 66
def test_a_sealed_record_is_named_as_it_is_stored(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    space = spaces["sealed"]
    with plain(database) as connection:
        (stored,) = connection.execute(
            "SELECT name FROM record_versions WHERE namespace_id = ? AND version = 3", (space.id,)
        ).fetchone()
        connection.execute(
            "UPDATE record_versions SET blob = x'00' WHERE name = ? AND version = 3", (stored,)
        )
    (damage,) = damages(store)
    assert damage.place == {"namespace": "sealed", "stored_name": stored, "version": 3}
    assert "june" not in damage.problem


LOWEST, HIGHEST = -(2**63), 2**63 - 1
NO_TEXT = "CAST(x'ff' AS TEXT)"
CELLS = {
    "an end before all time": (of_march("expires_at = -5"), "version"),
    "an end behind all time": (of_march(f"expires_at = {HIGHEST}"), "version"),
    "a beginning before all time": (of_march(f"created_at = {LOWEST}"), "version"),
    "a change before all time": (of_march("updated_at = -1"), "version"),
    "a deletion before all time": (of_march("deleted_at = -1"), "version"),
    "a size under nothing": (of_march("size = -1"), "version"),
    "a size over everything": (of_march(f"size = {HIGHEST}"), "version"),
    "a version under all": (of_march("version = -7"), "version"),
    "a version over all": (of_march(f"version = {HIGHEST}"), "version"),
    "a name that is no text": (of_march(f"name = {NO_TEXT}"), "version"),
    "a damaged version in the first place": (
        of_march(f"size = 7, rowid = {LOWEST}"),
        "version",
    ),
    "a revision over all": (
        f"UPDATE changes SET revision = {HIGHEST} WHERE revision = 3",
        "change",
    ),
    "a revision under all": (
        f"UPDATE changes SET revision = {LOWEST} WHERE revision = 3",
        "change",
    ),
    "no revision": ("UPDATE changes SET revision = 0 WHERE revision = 3", "change"),
    "a change of a version under all": (
        "UPDATE changes SET version = -7 WHERE revision = 3",
        "change",
    ),
    "a change of a version over all": (
        f"UPDATE changes SET version = {HIGHEST} WHERE revision = 3",
        "change",
    ),
    "a change at a time before all": ("UPDATE changes SET at = -1 WHERE revision = 3", "change"),
    "a change of a name that is no text": (
        f"UPDATE changes SET name = {NO_TEXT} WHERE revision = 3",
        "record",
    ),
    "a request id that is no text": (f"UPDATE answers SET request_id = {NO_TEXT}", "answer"),
    "labels that are no text": (f"UPDATE identities SET labels = {NO_TEXT}", "row of identities"),
    "a role that is no text": (
        f"UPDATE identities SET role = {NO_TEXT}, rowid = {LOWEST} WHERE rowid = 1",
        "row of identities",
    ),
    "a namespace that is no text": (
        f"UPDATE namespaces SET name = {NO_TEXT} WHERE name = 'plain'",
        "row of namespaces",
    ),
}


# case 62
@pytest.mark.parametrize(("statement", "kind"), CELLS.values(), ids=CELLS.keys())
def test_whatever_a_cell_holds_its_row_is_named_and_all_others_are_looked_at(
    store: Store, spaces: dict[str, Namespace], database: Path, statement: str, kind: str
) -> None:
    with plain(database) as connection:
        limit = " AND rowid IN (SELECT rowid FROM answers LIMIT 1)"
        one = f"{statement} WHERE 1{limit}" if kind == "answer" else statement
        assert connection.execute(one).rowcount > 0
        connection.execute(
            "UPDATE record_versions SET blob = x'00' WHERE rowid ="
            " (SELECT max(rowid) FROM record_versions)"
        )
        connection.execute("UPDATE changes SET kind = 'painted' WHERE revision = 1")
        connection.execute("UPDATE answers SET response = x'00'")
    found = findings(store)
    kinds = [damage.kind for finding in found for damage in finding.damage]
    assert {kind, "version", "change", "answer"} <= set(kinds)
    assert kinds.count("version") > (kind == "version")
    assert not any("Not all of it" in d.problem for finding in found for d in finding.damage)
    assert sum(f.looked_at for f in found) == store.read_blocking(count_verified)


# case 62
@pytest.mark.parametrize("column", ["version", "size", "created_at", "expires_at", "blob"])
def test_what_is_not_of_its_columns_type_is_named(
    store: Store, spaces: dict[str, Namespace], database: Path, column: str
) -> None:
    store.close()
    with plain(database) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(replace(sql, 'INTEGER', 'ANY'), 'BLOB', 'ANY')"
            " WHERE name = 'record_versions'"
        )
    with plain(database) as connection:
        assert connection.execute(of_march(f"{column} = 'text'")).rowcount == 1
    with opened(database, seed="verify") as again:
        found = findings(again)
        assert sum(f.looked_at for f in found) == again.read_blocking(count_verified)
    places = [dict(d.place) for finding in found for d in finding.damage if d.kind == "version"]
    assert any("march" in place.values() for place in places)


@pytest.mark.parametrize("column", ["sealed_name", "name"])
def test_a_record_under_another_name_is_found_where_names_are_sealed(
    store: Store, spaces: dict[str, Namespace], database: Path, column: str
) -> None:
    other = "other" if column == "name" else None
    with plain(database) as connection:
        connection.execute(
            f"UPDATE record_versions SET {column} = ? WHERE namespace_id = ? AND version = 3",
            (other, spaces["sealed"].id),
        )
    kinds = {damage.kind for damage in damages(store)}
    assert "version" in kinds


def test_a_salt_that_is_lost_is_found_with_everything_that_was_sealed_with_it(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    owner = spaces["carols"].owner_id
    store.close()
    (salts_of(database).path / owner).unlink()
    with opened(database, seed="verify") as again:
        found = damages(again)
    assert found[0].kind == "row of namespaces"
    salts = [damage for damage in found if damage.kind == "salt"]
    assert [damage.place["id"] for damage in salts] == [owner]
    assert "Nothing that is sealed to the identity opens" in salts[0].problem
    assert len([damage for damage in found if damage.kind == "version"]) == 11


def test_a_salt_that_outlived_its_erasure_is_found(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    owner = spaces["carols"].owner_id
    file = salts_of(database).path / owner
    salt = file.read_bytes()
    erase(store, owner)
    file.write_bytes(salt)
    file.chmod(0o600)
    (damage,) = damages(store)
    assert (damage.kind, damage.place["id"]) == ("salt", owner)
    assert "its salt is still there" in damage.problem


@pytest.mark.parametrize("generation", [1, 2])
def test_a_key_that_was_taken_out_of_a_chain_is_missed(
    store: Store, spaces: dict[str, Namespace], database: Path, generation: int
) -> None:
    rotated(store, spaces)
    with plain(database) as connection:
        taken = connection.execute(
            "DELETE FROM keys WHERE generation = ? AND identity_id = ?",
            (generation, spaces["plain"].owner_id),
        )
        assert taken.rowcount == 1
    chains = [d for d in damages(store) if d.kind == "row of identities"]
    assert [damage.place for damage in chains] == [{"id": spaces["plain"].owner_id}]


# case 75
def test_a_damaged_page_is_found_wherever_it_is(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    for number in range(30):
        put(store, spaces["plain"], f"{number:03}", bytes(600))
    store.close()
    sound, outcomes = database.read_bytes(), []
    for start in range(PAGE_BYTES, len(sound), 4 * PAGE_BYTES):
        damaged = sound[:start] + b"\xa5" * PAGE_BYTES + sound[start + PAGE_BYTES :]
        database.write_bytes(damaged)
        try:
            with opened(database, seed=f"{start}") as again:
                outcomes.append(bool(damages(again)))
        except ConfigurationError:  # so it does not even open
            outcomes.append(True)
    assert all(outcomes)
    assert len(outcomes) > 10


# case 75
def test_what_lies_behind_a_damaged_page_is_looked_at_all_the_same(
    store: Store, spaces: dict[str, Namespace], database: Path
) -> None:
    for number in range(30):
        put(store, spaces["plain"], f"{number:03}", bytes(3000))
    store.close()
    with plain(database) as connection:
        connection.execute("UPDATE answers SET response = x'00'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'record_versions'"
        ).fetchone()
    data = bytearray(database.read_bytes())
    data[(root - 1) * PAGE_BYTES : root * PAGE_BYTES] = b"\xa5" * PAGE_BYTES
    database.write_bytes(bytes(data))
    with opened(database, seed="verify") as damaged:
        kinds = {(damage.kind, damage.place.get("part")) for damage in damages(damaged)}
    assert ("file", "versions") in kinds
    assert ("answer", None) in kinds
