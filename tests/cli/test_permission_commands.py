"""`sealwire group`, `grant`, `ungrant`, `grants` and `can` with a real server."""

from __future__ import annotations

import uuid

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.program import User


@pytest.fixture
def owner(admin: User, namespace: str) -> User:
    """Whoever wrote to the namespace first; here, the admin."""
    assert admin.run("put", namespace, "record", stdin=b"value").code == 0
    return admin


def own_name(user: User) -> str:
    return Profiles(user.profiles.parent).load("default").identity_name


def test_a_grant_lets_somebody_in_and_ungranting_shuts_them_out(
    owner: User, member: User, namespace: str
) -> None:
    name = own_name(member)
    assert member.run("get", namespace, "record").code == 2
    granted = owner.run("grant", name, "read,list", namespace, "--output", "json").json()["grants"]
    assert [grant["verb"] for grant in granted] == ["read", "list"]
    assert {grant["subject"] for grant in granted} == {name}
    assert {grant["scope"] for grant in granted} == {"subtree"}
    assert {grant["granted_by"] for grant in granted} == {own_name(owner)}
    assert member.run("get", namespace, "record").out == b"value"
    removed = owner.run("ungrant", name, "read", namespace, "--output", "json").json()["removed"]
    assert [grant["verb"] for grant in removed] == ["read"]
    assert member.run("get", namespace, "record").code == 2
    assert member.run("list", namespace).code == 0


# case 54
def test_a_denial_beats_what_allows_and_can_be_taken_back(
    owner: User, member: User, namespace: str
) -> None:
    name = own_name(member)
    owner.run("grant", name, "read", namespace)
    denied = owner.run("grant", name, "read", namespace, "--deny", "--exact", "--output", "json")
    (grant,) = denied.json()["grants"]
    assert (grant["effect"], grant["scope"]) == ("deny", "exact")
    assert member.run("get", namespace, "record").code == 2
    assert owner.run("ungrant", name, "read", namespace, "--deny").code == 0
    assert member.run("get", namespace, "record").out == b"value"


def test_a_grant_may_end(owner: User, member: User, namespace: str) -> None:
    name = own_name(member)
    granted = owner.run(
        "grant", name, "read", namespace, "--expires", "2099-12-31T23:59:59Z", "--output", "json"
    )
    assert granted.json()["grants"][0]["expires_at"] == "2099-12-31T23:59:59.000Z"


def test_a_group_is_granted_things_together(owner: User, member: User, namespace: str) -> None:
    group, name = f"team-{uuid.uuid4()}", own_name(member)
    assert owner.run("group", "create", group, "--output", "json").json()["members"] == []
    assert owner.run("grant", f"group:{group}", "read", namespace).code == 0
    assert member.run("get", namespace, "record").code == 2
    added = owner.run("group", "add", group, name, "--output", "json").json()
    assert (added["name"], added["members"]) == (group, [name])
    assert member.run("get", namespace, "record").out == b"value"
    listed = member.run("group", "list", "--output", "json").json()["groups"]
    assert [g["name"] for g in listed if g["name"] == group] == [group]
    assert group in member.run("identity", "show", "--output", "json").json()["groups"]
    assert owner.run("group", "remove", group, name, "--output", "json").json()["members"] == []
    assert member.run("get", namespace, "record").code == 2
    again = owner.run("group", "create", group)
    assert again.code == 2
    assert "A group of this name exists already" in again.err


def test_every_grant_that_covers_a_namespace_is_listed(
    owner: User, member: User, namespace: str
) -> None:
    owner.run("grant", own_name(member), "read", namespace)
    document = owner.run("grants", f"{namespace}/below", "--output", "json").json()
    assert document["namespace"] == f"{namespace}/below"
    found = {(g["subject"], g["verb"]): g["granted_by"] for g in document["grants"]}
    assert found[own_name(member), "read"] == own_name(owner)
    assert found[own_name(owner), "admin"] is None
    refused = member.run("grants", namespace)
    assert (refused.code, refused.out) == (2, b"")


# case 53
def test_nobody_grants_what_they_do_not_hold(owner: User, member: User, namespace: str) -> None:
    name = own_name(member)
    owner.run("grant", name, "read,share", namespace)
    assert member.run("grant", name, "write", namespace).code == 2
    assert member.run("grant", name, "read", namespace.partition("/")[0]).code == 2
    assert member.run("grant", own_name(owner), "read", namespace).code == 0


def test_can_says_yes_with_0_and_no_with_3(owner: User, member: User, namespace: str) -> None:
    name = own_name(member)
    owner.run("grant", name, "read", namespace)
    yes = member.run("can", name, "read", namespace, "--output", "json")
    assert yes.code == 0
    assert yes.json() == {
        "identity": name,
        "namespace": namespace,
        "decisions": [{"verb": "read", "allowed": True}],
    }
    no = member.run("can", name, "read,write", namespace)
    assert (no.code, no.err) == (3, "")
    assert [line.split() for line in no.out.decode().splitlines()] == [
        ["verb", "allowed"],
        ["read", "yes"],
        ["write", "no"],
    ]


def test_can_explains_which_grant_decided(owner: User, member: User, namespace: str) -> None:
    name = own_name(member)
    owner.run("grant", name, "read", namespace, "--deny")
    done = owner.run("can", name, "read,list", namespace, "--explain", "--output", "json")
    assert done.code == 3
    read, listed = done.json()["decisions"]
    assert read["grant"]["effect"] == "deny"
    assert read["grant"]["subject"] == name
    assert "denied" in read["reason"]
    assert listed["grant"] is None
    assert "what nothing allows is denied" in listed["reason"]
    text = owner.run("can", name, "read", namespace, "--explain").out.decode()
    assert text.splitlines()[0].split() == ["verb", "allowed", "reason"]


def test_can_has_no_answer_about_others_for_those_who_may_not_ask(
    owner: User, member: User, namespace: str
) -> None:
    done = member.run("can", own_name(owner), "read", namespace)
    assert (done.code, done.out) == (2, b"")


# case 52
@pytest.mark.parametrize("name", ["*", "group:*", "group:", "group:nobody", "me"])
def test_a_name_that_nobody_has_is_granted_nothing(owner: User, namespace: str, name: str) -> None:
    done = owner.run("grant", name, "read", namespace)
    assert (done.code, done.out) == (2, b"")


@pytest.mark.parametrize("verbs", ["", "all", "*", "READ", "read,", "read,read", "read write"])
def test_what_is_no_verb_is_refused_here(user: User, verbs: str) -> None:
    for command in ("grant", "ungrant", "can"):
        done = user.run(command, "bob", verbs, "team")
        assert (done.code, done.out) == (1, b"")
        assert "name some of these, each once" in done.err
