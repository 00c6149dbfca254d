"""Versions, and what a put may demand and say: with a real server."""

from __future__ import annotations

import json

import pytest

from tests.cli.consent import answer
from tests.cli.program import User


def put(user: User, namespace: str, value: bytes, *options: str, name: str = "record") -> int:
    done = user.run("put", namespace, name, *options, "--output", "json", stdin=value)
    assert done.code == 0, done.err
    version: int = done.json()["version"]
    return version


def test_every_put_is_a_version_that_can_be_read_again(member: User, namespace: str) -> None:
    assert [put(member, namespace, value) for value in (b"one", b"two", b"three")] == [1, 2, 3]
    assert member.run("get", namespace, "record").out == b"three"
    assert member.run("get", namespace, "record", "--version", "2").out == b"two"
    missing = member.run("get", namespace, "record", "--version", "4")
    assert (missing.code, missing.out) == (2, b"")
    listed = member.run("versions", namespace, "record", "--output", "json").json()
    assert (listed["namespace"], listed["name"]) == (namespace, "record")
    assert [version["version"] for version in listed["versions"]] == [3, 2, 1]
    lines = member.run("versions", namespace, "record").out.decode().splitlines()
    assert lines[0].split() == ["version", "size", "created", "at", "updated", "at"]
    assert [line.split()[:2] for line in lines[1:]] == [["3", "5"], ["2", "3"], ["1", "3"]]


def test_a_put_or_delete_of_another_version_than_demanded_says_which_one_there_is(
    member: User, namespace: str
) -> None:
    assert put(member, namespace, b"one", "--if-version", "0") == 1
    assert put(member, namespace, b"two", "--if-version", "1") == 2
    for attempt in (
        member.run("put", namespace, "record", "--if-version", "1", stdin=b"three"),
        member.run("put", namespace, "record", "--if-version", "0", stdin=b"three"),
        member.run("delete", namespace, "record", "--if-version", "1"),
    ):
        assert (attempt.code, attempt.out) == (2, b"")
        assert "its current version is 2" in attempt.err
        assert attempt.err.count("\n") == 1
    assert member.run("get", namespace, "record").out == b"two"
    assert member.run("delete", namespace, "record", "--if-version", "2").code == 0


def test_what_a_put_says_of_the_value_comes_back(member: User, namespace: str) -> None:
    options = ("--label", "team=a", "--label", "kind=x=y", "--content-type", "text/plain")
    put(member, namespace, b"value", *options, "--ttl", "1h")
    document = json.loads(member.run("get", namespace, "record", "--output", "json").out)
    assert document["labels"] == {"team": "a", "kind": "x=y"}
    assert document["content_type"] == "text/plain"
    assert document["value"] == "value"
    assert document["expires_at"] > document["created_at"]
    (listed,) = member.run("list", namespace, "--output", "json").json()["records"]
    assert {**listed, "namespace": namespace, "value": "value"} == document
    table = member.run("list", namespace).out.decode()
    assert "expires at" in table
    assert "kind=x=y, team=a" in table


def test_the_next_put_says_it_anew(member: User, namespace: str) -> None:
    put(member, namespace, b"value", "--label", "team=a", "--ttl", "1h")
    put(member, namespace, b"value")
    (listed,) = member.run("list", namespace, "--output", "json").json()["records"]
    assert (listed["labels"], listed["expires_at"]) == ({}, None)


def test_in_json_a_value_that_is_no_text_is_base64(member: User, namespace: str) -> None:
    put(member, namespace, b"\xff\0")
    document = json.loads(member.run("get", namespace, "record", "--output", "json").out)
    assert document["value_base64"] == "/wA="
    assert "value" not in document


@pytest.mark.parametrize(
    "options",
    [
        ("--ttl", "0s"),
        ("--ttl", "1"),
        ("--ttl", "-1h"),
        ("--if-version", "-1"),
        ("--label", "team"),
        ("--label", "=a"),
    ],
)
def test_a_slip_in_what_a_put_says_is_a_local_error(
    member: User, namespace: str, options: tuple[str, ...]
) -> None:
    done = member.run("put", namespace, "record", *options, stdin=b"value")
    assert (done.code, done.out) == (1, b"")


def test_deleting_does_not_ask_and_says_how_to_undo_it(member: User, namespace: str) -> None:
    put(member, namespace, b"value", name="a name")
    deleted = member.run("delete", namespace, "a name")
    assert deleted.code == 0
    assert deleted.err == f"To bring it back: sealwire undelete {namespace} 'a name'\n"
    assert member.run("list", namespace).out == b""
    shown = member.run("list", namespace, "--deleted", "--output", "json").json()["records"]
    assert [record["name"] for record in shown] == ["a name"]
    assert shown[0]["deleted_at"] is not None
    undeleted = member.run("undelete", namespace, "a name", "--output", "json").json()
    assert (undeleted["version"], undeleted["deleted_at"]) == (1, None)
    assert member.run("get", namespace, "a name").out == b"value"


def test_a_program_hears_nothing_but_the_document(member: User, namespace: str) -> None:
    put(member, namespace, b"value")
    assert member.run("delete", namespace, "record", "--output", "json").err == ""


def test_a_destroyed_version_is_gone_and_the_others_are_not(member: User, namespace: str) -> None:
    for value in (b"one", b"two", b"three"):
        put(member, namespace, value)
    chosen = ("--version", "2", "--version", "1")
    done = member.run("destroy", namespace, "record", *chosen, "--yes", "--output", "json")
    assert done.json() == {"namespace": namespace, "name": "record", "destroyed": [1, 2]}
    for version, code in (("1", 2), ("2", 2), ("3", 0)):
        assert member.run("get", namespace, "record", "--version", version).code == code
    listed = member.run("versions", namespace, "record", "--output", "json").json()["versions"]
    assert [version["destroyed"] for version in listed] == [False, True, True]


def test_nothing_is_destroyed_without_consent(member: User, namespace: str) -> None:
    put(member, namespace, b"value")
    destroy = ("destroy", namespace, "record", "--version", "1")
    unasked = member.run(*destroy)
    assert (unasked.code, unasked.out) == (1, b"")
    assert "--yes" in unasked.err
    refused = answer(member, *destroy, typed=b"n\n")
    assert (refused.code, refused.out) == (1, b"")
    assert f"Version 1 of record in {namespace} can never be read again." in refused.err
    assert member.run("get", namespace, "record").out == b"value"
    assert answer(member, *destroy, typed=b"y\n").code == 0
    assert member.run("get", namespace, "record").code == 2


def test_a_list_is_one_level_at_a_time_unless_all_is_wanted(member: User, namespace: str) -> None:
    names = ["a", "a-b", "b/1", "b/2", "b/c/3", "c"]
    for name in names:
        put(member, namespace, b"", name=name)

    def listed(*options: str) -> tuple[list[str], list[str]]:
        document = member.run("list", namespace, *options, "--output", "json").json()
        return [record["name"] for record in document["records"]], document["prefixes"]

    assert listed() == (["a", "a-b", "c"], ["b/"])
    assert listed("--prefix", "b/") == (["b/1", "b/2"], ["b/c/"])
    assert listed("--prefix", "a") == (["a", "a-b"], [])
    assert listed("--recursive") == (names, [])
    assert listed("--recursive", "--prefix", "b/") == (["b/1", "b/2", "b/c/3"], [])
    table = member.run("list", namespace).out.decode().splitlines()
    assert [line.split()[-1] for line in table[1:]] == ["a", "a-b", "b/", "c"]
