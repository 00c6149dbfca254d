"""Key ids that begin with "-" are key ids, and not options."""

from __future__ import annotations

import pytest

from sealwire.client.cli.key_ids import marked, unmarked

DASHED = "-h" + "A" * 41
ID = "B" * 43


@pytest.mark.parametrize("command", ["key", "identity", "grant", "can"])
def test_a_key_id_that_begins_like_an_option_is_marked_and_nothing_else_is(command: str) -> None:
    words = [command, "revoke", DASHED, ID, "--yes", "-h", DASHED + "x"]
    assert marked(words) == [command, "revoke", f"id:{DASHED}", ID, "--yes", "-h", DASHED + "x"]
    assert [unmarked(word) for word in marked(words)] == words


def test_the_words_of_commands_that_take_no_key_ids_are_left_alone() -> None:
    assert marked(["list", "notes", "--prefix", DASHED]) == ["list", "notes", "--prefix", DASHED]
    assert marked([]) == []
