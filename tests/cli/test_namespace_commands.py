"""`sealwire namespace`: made, shown, changed and listed, with a real server."""

from __future__ import annotations

import uuid

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.program import User


def test_a_namespace_is_made_and_shown_with_what_it_was_made_with(
    member: User, namespace: str
) -> None:
    options = ("--keep-versions", "3", "--keep-for", "30d", "--sealed-names")
    made = member.run("namespace", "create", namespace, *options, "--output", "json").json()
    assert (made["keep_versions"], made["keep_for"], made["sealed_names"]) == (3, "30d", True)
    assert made["owner"] == Profiles(member.profiles.parent).load("default").identity_name
    assert member.run("namespace", "show", namespace, "--output", "json").json() == made
    assert member.run("put", namespace, "secret-name", stdin=b"value").code == 0
    assert b"secret-name" in member.run("list", namespace).out


def test_a_namespace_is_as_it_is_without_being_told(member: User, namespace: str) -> None:
    assert member.run("put", namespace, "record", stdin=b"value").code == 0
    shown = member.run("namespace", "show", namespace, "--output", "json").json()
    assert (shown["keep_versions"], shown["keep_for"]) == (10, "ever")
    assert shown["sealed_names"] is False
    again = member.run("namespace", "create", namespace)
    assert (again.code, again.out) == (2, b"")
    assert "exists already" in again.err


def test_what_is_not_named_stays(member: User, namespace: str) -> None:
    member.run("namespace", "create", namespace, "--keep-versions", "3")
    first = member.run("namespace", "set", namespace, "--keep-for", "12h", "--output", "json")
    assert (first.json()["keep_versions"], first.json()["keep_for"]) == (3, "12h")
    second = member.run("namespace", "set", namespace, "--keep-versions", "all", "--output", "json")
    assert (second.json()["keep_versions"], second.json()["keep_for"]) == ("all", "12h")
    third = member.run("namespace", "set", namespace, "--keep-for", "ever", "--output", "json")
    assert (third.json()["keep_versions"], third.json()["keep_for"]) == ("all", "ever")


def test_no_more_versions_are_kept_than_it_says(member: User, namespace: str) -> None:
    member.run("namespace", "create", namespace, "--keep-versions", "2")
    for value in (b"one", b"two", b"three"):
        member.run("put", namespace, "record", stdin=value)
    versions = member.run("versions", namespace, "record", "--output", "json").json()["versions"]
    assert [version["version"] for version in versions if not version["destroyed"]] == [3, 2]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--keep-versions", "0"),
        ("--keep-versions", "-1"),
        ("--keep-versions", "4294967296"),
        ("--keep-versions", "ever"),
        ("--keep-for", "all"),
        ("--keep-for", "0d"),
        ("--keep-for", "30"),
    ],
)
def test_a_slip_is_a_local_error(member: User, namespace: str, options: tuple[str, ...]) -> None:
    done = member.run("namespace", "set", namespace, *options)
    assert (done.code, done.out) == (1, b"")


def test_a_list_has_what_one_may_list_and_nothing_else(
    member: User, admin: User, namespace: str
) -> None:
    below, other = f"{namespace}/below", f"team/{uuid.uuid4()}"
    for name in (namespace, below):
        member.run("namespace", "create", name)
    admin.run("namespace", "create", other)

    def listed(user: User, *under: str) -> list[str]:
        document = user.run("namespace", "list", *under, "--output", "json").json()
        return [entry["name"] for entry in document["namespaces"]]

    assert listed(member, namespace) == [namespace, below]
    assert {namespace, below} <= set(listed(member))
    assert other not in listed(member)
    assert listed(admin, namespace) == []
