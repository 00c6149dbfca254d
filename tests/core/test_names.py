from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.errors import MalformedError
from sealwire.core.names import (
    MAX_NAME_BYTES,
    check_identity_name,
    check_namespace,
    check_record_name,
    is_plain_text,
)

CHECKS = pytest.mark.parametrize("check", [check_namespace, check_record_name])
Check = Callable[[str], str]

ACCEPTED = [
    "a",
    "payroll/2027/march",
    "with spaces",
    "...",
    "a..b/.hidden/...",
    "%2f",  # text like any other, never decoded
    "..%2f..%2fetc",
    "a\\..\\b",
    "*",  # no wildcard, just a star
    "eng*",
    "ünïcödé",
    "日本語",
    "🔑",
    "x" * MAX_NAME_BYTES,
    "é" * (MAX_NAME_BYTES // 2),
]

REFUSED = [
    pytest.param("", id="empty"),
    pytest.param("x" * (MAX_NAME_BYTES + 1), id="one byte too long"),
    pytest.param("é" * (MAX_NAME_BYTES // 2) + "x", id="one byte too long in UTF-8"),
    pytest.param("..", id="parent"),
    pytest.param("a/../b", id="parent inside"),
    pytest.param("../etc/passwd", id="parent first"),
    pytest.param("a/..", id="parent last"),
    pytest.param(".", id="self"),
    pytest.param("a/./b", id="self inside"),
    pytest.param("a//b", id="empty segment"),
    pytest.param("/a", id="empty first segment"),
    pytest.param("a/", id="empty last segment"),
    pytest.param("/", id="slash"),
    pytest.param("a\0b", id="NUL"),
    pytest.param("a\nb", id="line feed"),
    pytest.param("a\x1b[31mb", id="escape sequence"),
    pytest.param("a\x7f", id="delete"),
    pytest.param("a\x85b", id="next line"),
    pytest.param("e\u0301", id="decomposed"),
    pytest.param("\u212b", id="angstrom sign"),
    pytest.param("\u0344", id="composition exclusion"),
    pytest.param("a\u202eb", id="right-to-left override"),
    pytest.param("a\u2066b\u2069", id="isolates"),
    pytest.param("a\u200eb", id="left-to-right mark"),
    pytest.param("a\u200bb", id="zero-width space"),
    pytest.param("a\u200db", id="zero-width joiner"),
    pytest.param("\ufeffa", id="byte order mark"),
    pytest.param("a\u00adb", id="soft hyphen"),
    pytest.param("a\u2028b", id="line separator"),
    pytest.param("a\u2029b", id="paragraph separator"),
    pytest.param("a\U000e0041b", id="tag letter"),
    pytest.param("\ue000", id="private use"),
    pytest.param("\uffff", id="noncharacter"),
    pytest.param("a\u0378", id="unassigned"),
    pytest.param("a\ud800", id="lone surrogate"),
]

TWINS = [
    ("Records", "records"),
    ("STRASSE", "straße"),
    ("ﬁle", "file"),  # the NFKC form of the first is the second
    ("①", "1"),
    ("a", "\u0430"),  # Latin and Cyrillic
    ("a b", "a\u00a0b"),
    ("eng", "engineering"),
    ("a", "a "),
    ("a%2fb", "a/b"),
]


@CHECKS
@pytest.mark.parametrize("text", ACCEPTED)
def test_a_good_name_is_returned_as_it_was_given(check: Check, text: str) -> None:
    assert check(text) is text


@CHECKS
@pytest.mark.parametrize("text", REFUSED)
def test_a_bad_name_is_malformed(check: Check, text: str) -> None:  # cases 49, 51
    with pytest.raises(MalformedError):
        check(text)


@CHECKS
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_names_that_look_alike_stay_two_names(check: Check, one: str, other: str) -> None:
    assert check(one) != check(other)  # case 51


@CHECKS
@given(text=st.text())
def test_a_name_is_refused_or_returned_unchanged(check: Check, text: str) -> None:
    try:
        name = check(text)
    except MalformedError:
        return
    assert name == text == unicodedata.normalize("NFC", text)
    assert not {"", ".", ".."} & set(text.split("/"))
    assert all(mark.isprintable() or unicodedata.category(mark) == "Zs" for mark in name)


def test_a_refusal_says_which_name_it_is_and_does_not_repeat_it() -> None:
    with pytest.raises(MalformedError, match="namespace") as refusal:
        check_namespace("a\x1b]0;x\x07")
    assert "\x1b" not in str(refusal.value)
    with pytest.raises(MalformedError, match="record name"):
        check_record_name("a//b")


@pytest.mark.parametrize("text", ["Zoë", "build server 2", "*", "%2f", "x" * MAX_NAME_BYTES])
def test_an_identitys_name_is_one_segment_of_that_form(text: str) -> None:
    assert check_identity_name(text) is text


@pytest.mark.parametrize("text", ["", "a/b", "/", "..", "a\u202eb", "e\u0301", "a\0", "a\ud800"])
def test_an_identitys_name_of_another_form_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        check_identity_name(text)


def shows(text: str) -> bool:
    """The rule of docs/protocol.md section 8, without a short cut."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return not any(unicodedata.category(character) in hidden for character in text)


@pytest.mark.parametrize("code", range(128))
def test_the_short_cut_for_ascii_says_what_the_rule_says(code: int) -> None:
    for text in (chr(code), f"a{chr(code)}", f"{chr(code)}z", f"é{chr(code)}"):
        assert is_plain_text(text) == shows(text)


@given(st.text(max_size=8))
def test_the_short_cut_makes_no_difference(text: str) -> None:
    assert is_plain_text(text) == shows(text)


@given(st.characters())
def test_the_short_cut_makes_no_difference_to_a_single_character(character: str) -> None:
    assert is_plain_text(character) == shows(character)


def test_a_text_without_characters_is_plain() -> None:
    assert is_plain_text("")
