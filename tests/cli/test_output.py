"""What commands print: stable JSON, aligned text in pipes, styled text on a terminal."""

from __future__ import annotations

import json

import pytest

from sealwire.client.cli.output import JSON, TABLE, Fields, moment, print_fields, print_rows
from tests.cli.program import User

ROWS: list[Fields] = [
    {"version": 1, "size": 5, "name": "short"},
    {"version": 12, "size": 1048576, "name": "a longer \x1b]0;name\u202e"},
]


def test_a_table_in_a_pipe_is_aligned_with_spaces_only(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows({"namespace": "n"}, "records", ROWS, TABLE)
    assert capsys.readouterr().out == (
        "version  size     name\n"
        "1        5        short\n"
        "12       1048576  a longer \\x1b]0;name\\u202e\n"
    )


def test_an_empty_list_prints_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows({"namespace": "n"}, "records", [], TABLE)
    assert capsys.readouterr().out == ""


def test_json_is_one_ascii_document_that_keeps_every_character(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows({"namespace": "n"}, "records", ROWS, JSON)
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"namespace": "n", "records": ROWS}


def test_fields_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"in_use": True, "name": "a\nb"}, TABLE)
    assert capsys.readouterr().out == "in use  yes\nname    a\\x0ab\n"


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1970-01-01T00:00:00.000Z"),
        (2**63 - 1, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_moment_is_rfc_3339_whatever_the_server_says(milliseconds: int, shown: str) -> None:
    assert moment(milliseconds) == shown


# case 93
def test_a_terminal_is_sent_no_sequence_that_a_name_holds(user: User) -> None:
    done = user.run_on_terminal("keygen", "--out", "\x1b]0;owned\x07\u202e[red]name")
    assert done.code == 0
    assert b"\x1b]0;" not in done.out
    assert "\u202e" not in done.out.decode()
    assert r"\x1b]0;owned\x07\u202e[red]name" in done.out.decode()


def test_json_on_a_terminal_is_the_same_json(user: User) -> None:
    done = user.run_on_terminal("keygen", "--output", "json")
    assert json.loads(done.out)["private_key_file"] == "identity.key"


def test_a_pipe_gets_no_colour_even_when_one_is_asked_for(user: User) -> None:
    done = user.run("keygen", FORCE_COLOR="1", CLICOLOR_FORCE="1")
    assert done.code == 0
    assert b"\x1b" not in done.out
    assert done.err == ""
