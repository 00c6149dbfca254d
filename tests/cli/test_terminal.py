"""On a terminal, a value is shown so that the terminal does not obey it."""

from __future__ import annotations

import pytest

from tests.cli.program import User


def on_terminal(text: bytes) -> bytes:
    """Return what a terminal shows for `text`: it ends each line with CR LF."""
    return text.replace(b"\n", b"\r\n")


# case 93
def test_a_value_on_a_terminal_shows_what_the_terminal_would_obey(
    member: User, namespace: str
) -> None:
    hostile = "one\n\ttwo\x1b]0;owned\x07\u202e\r"
    member.run("put", namespace, "hostile", stdin=hostile.encode())
    done = member.run_on_terminal("get", namespace, "hostile")
    shown = on_terminal(b"one\n\ttwo\\x1b]0;owned\\x07\\u202e\\x0d\n")
    assert (done.code, done.out) == (0, shown)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"nul\0byte"])
def test_a_value_that_is_no_text_is_not_sent_to_a_terminal(
    member: User, namespace: str, value: bytes
) -> None:
    member.run("put", namespace, "binary", stdin=value)
    done = member.run_on_terminal("get", namespace, "binary")
    assert (done.code, done.out) == (1, b"")
    assert "--out FILE" in done.err


def test_a_value_can_be_typed_and_people_are_told_how_it_ends(member: User, namespace: str) -> None:
    done = member.run_on_terminal("put", namespace, "typed", typed=b"value\n\x04")
    assert done.code == 0
    assert "Ctrl-D" in done.err
    assert member.run("get", namespace, "typed").out == b"value\n"


def test_a_terminal_shows_a_list_as_a_table(member: User, namespace: str, record: str) -> None:
    done = member.run_on_terminal("list", namespace)
    assert done.code == 0
    assert record in done.out.decode()
    assert "updated at" in done.out.decode()
