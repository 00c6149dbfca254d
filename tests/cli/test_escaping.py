"""What a terminal would obey is shown, never sent."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.client.cli.escaping import visible_line, visible_lines, visible_name

# case 93
HOSTILE = {
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b2J": r"\x9b2J",
    "back\x08space": r"back\x08space",
    "over\rwritten": r"over\x0dwritten",
    "user\u202etxt.exe": r"user\u202etxt.exe",
    "\u2066isolate\u2069": r"\u2066isolate\u2069",
    "zero\u200bwidth": r"zero\u200bwidth",
    "line\u2028separator": r"line\u2028separator",
    "tag\U000e0041": r"tag\U000e0041",
    "lone\udc80surrogate": r"lone\udc80surrogate",
    "two\nlines\tand a tab": r"two\x0alines\x09and a tab",
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items())
def test_a_character_that_a_terminal_obeys_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible_line(text) == shown
    assert visible_name(text) == shown


@pytest.mark.parametrize(
    "text", ["plain", "Grüße", "日本語", "crème brûlée/één", "[red]not markup"]
)
def test_text_that_can_be_seen_stays_as_it_is(text: str) -> None:
    assert visible_line(text) == visible_lines(text) == visible_name(text) == text


def test_lines_keep_their_line_feeds_and_tabs_and_nothing_else() -> None:
    assert visible_lines("a\tb\nc\r\x1b") == "a\tb\nc\\x0d\\x1b"


def test_a_name_that_spells_an_escape_does_not_look_like_one() -> None:
    assert visible_name(r"a\x1bb") == r"a\\x1bb"
    assert visible_name("a\x1bb") == r"a\x1bb"


def test_no_character_of_unicode_reaches_the_terminal_to_be_obeyed() -> None:
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not hidden & {unicodedata.category(char) for char in visible_line(everything)}


@given(st.text(), st.text())
def test_two_names_never_look_alike(one: str, other: str) -> None:
    assert (visible_name(one) == visible_name(other)) == (one == other)
