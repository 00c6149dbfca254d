"""Whatever a restoration may find has words for people, in which a terminal obeys nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.server.deployment import load_deployment
from sealwire.server.invitations import open_store
from sealwire.server.restored_facts import PHRASES, described
from sealwire.storage import Fact, JournalLine, Store
from sealwire.storage.endings import DECISIVE

ROWS = {
    "identities": {"id": "i-1"},
    "keys": {"public_key_id": "k-1"},
    "invitations": {"id": "v-1"},
    "groups": {"id": "g-1"},
    "members": {"group_id": "g-1", "identity_id": "i-1"},
    "grants": {
        "subject_id": "g-1",
        "namespace": "team/x",
        "scope": "exact",
        "effect": "deny",
        "verb": "read",
    },
    "revoked_certificates": {"public_key_id": "k-1", "serial": "a1"},
}
LINES = [
    JournalLine(2, 0, {"change": "added", "table": table, "rows": [row]})
    for table, row in {
        "identities": {"id": "i-1", "name": "dave"},
        "groups": {"id": "g-1", "name": "ops\x1b[31m\u202e"},
        "invitations": {"id": "v-1", "name": "carol"},
        "keys": {"public_key_id": "k-1", "identity_id": "i-1"},
    }.items()
]


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    with open_store(load_deployment(directory), random=os.urandom) as store:
        yield store


def said(store: Store, *facts: Fact) -> list[str]:
    return store.read_blocking(lambda tx: described(tx, facts, LINES))


def test_there_are_words_for_whatever_decides_anything() -> None:
    assert PHRASES.keys() == DECISIVE


@pytest.mark.parametrize(("table", "column"), sorted(DECISIVE))
def test_ids_are_given_the_names_that_the_journal_knows(
    store: Store, table: str, column: str
) -> None:
    value = 10**30 if column == "expires_at" else "value"
    (phrase,) = said(store, Fact(table, ROWS[table], column, value))
    assert not any(some_id in phrase for some_id in ("i-1", "g-1", "v-1"))
    assert any(name in phrase for name in ("dave", "ops", "carol"))
    assert phrase.isprintable()


def test_what_a_terminal_would_obey_is_written_out(store: Store) -> None:
    (phrase,) = said(store, Fact("groups", ROWS["groups"], "", {}))
    assert phrase == "group ops\\x1b[31m\\u202e"


def test_an_id_that_nobody_knows_is_shown_as_it_is(store: Store) -> None:
    (phrase,) = said(store, Fact("members", {"group_id": "g-9", "identity_id": "i-9"}, "", None))
    assert phrase == "i-9 in group g-9: taken back"
