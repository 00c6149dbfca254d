"""What has ended since a backup, or was given: as people read it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sealwire.storage import Fact, JournalLine, Transaction

_LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999
PHRASES: Final = {
    ("identities", ""): "identity {id}",
    ("identities", "state"): "{id}: {value}",
    ("identities", "role"): "{id}: {value}",
    ("keys", ""): "key {public_key_id}",
    ("keys", "state"): "key {public_key_id}: revoked",
    ("keys", "expires_at"): "key {public_key_id}: ends {value}",
    ("revoked_certificates", ""): "certificate {serial} of key {public_key_id}: revoked",
    ("invitations", ""): "invitation of {id}",
    ("invitations", "used_at"): "invitation of {id}: used",
    ("groups", ""): "group {id}",
    ("members", ""): "{identity_id} in group {group_id}",
    ("grants", ""): "{effect} {verb} in {namespace} ({scope}) to {subject_id}",
}


def described(tx: Transaction, facts: Sequence[Fact], lines: Sequence[JournalLine]) -> list[str]:
    """Return a phrase for each fact, with the names that the database or the journal knows."""
    names = _names(tx, facts, dict(_added_names(lines)))
    return [_visible(_phrase(fact, names)) for fact in facts]


def _phrase(fact: Fact, names: Mapping[str, str]) -> str:
    row = {name: names.get(str(value), str(value)) for name, value in fact.row.items()}
    value = _moment(fact.value) if fact.column == "expires_at" else str(fact.value)
    phrase = PHRASES[fact.table, fact.column].format(**row, value=value)
    return f"{phrase}: taken back" if fact.value is None else phrase


def _names(tx: Transaction, facts: Sequence[Fact], added: Mapping[str, str]) -> Mapping[str, str]:
    """Return names by the ids of identities, groups and invitations; for a key, id and owner."""
    ids = {str(value) for fact in facts for value in fact.row.values()}
    names = {**added, **tx.identities.names(ids), **tx.groups.names(ids)}
    for key_id in ids:
        found = tx.identities.find_by_key(key_id)
        owner = found[0].name if found else names.get(added.get(key_id, ""))
        if owner is not None:
            names[key_id] = f"{key_id} of {owner}"
    return names


def _added_names(lines: Sequence[JournalLine]) -> Iterator[tuple[str, str]]:
    """Yield what the journal calls an id; for a key, its identity's id."""
    for line in lines:
        for row in line.change.get("rows", ()) if line.change["change"] == "added" else ():
            match line.change["table"]:
                case "identities" | "groups" | "invitations":
                    yield row["id"], row["name"]
                case "keys":
                    yield row["public_key_id"], row["identity_id"]


def _moment(milliseconds: int) -> str:
    within = min(max(milliseconds, 0), _LATEST_MS)
    return datetime.datetime.fromtimestamp(within / 1000, tz=datetime.UTC).isoformat()


def _visible(text: str) -> str:
    """Return the text without what a terminal would obey."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
