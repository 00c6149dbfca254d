"""`sealwire identity` with a real server: admins manage, members look at themselves."""

from __future__ import annotations

import uuid

import pytest

from sealwire.client import Client
from sealwire.client.profiles import Profiles
from sealwire.core.invitation import Invitation
from sealwire.core.secret_files import read_secret
from tests.cli.program import User


def own_name(user: User) -> str:
    return Profiles(user.profiles.parent).load("default").identity_name


def test_a_new_name_is_invited_joins_and_is_listed(admin: User, user: User) -> None:
    name = f"bob-{uuid.uuid4()}"
    invited = admin.run(
        "identity", "invite", name, "--out", user.home / "invitation", "--output", "json"
    ).json()
    assert (invited["name"], invited["role"], invited["recover"]) == (name, "member", False)
    assert (user.home / "invitation").stat().st_mode & 0o777 == 0o600
    joined = user.run("join", "invitation", "--output", "json").json()
    listed = admin.run("identity", "list", "--output", "json").json()["identities"]
    (entry,) = [identity for identity in listed if identity["name"] == name]
    assert (entry["role"], entry["state"], entry["labels"]) == ("member", "active", {})
    assert entry["public_key_id"] == joined["public_key_id"]
    names = [identity["name"].encode() for identity in listed]
    assert names == sorted(names)


def test_an_invitation_ends_when_it_was_told_to(admin: User, user: User) -> None:
    name = f"bob-{uuid.uuid4()}"
    before = admin.run("identity", "invite", name, "--out", user.home / "1", "--valid-hours", "0.5")
    assert before.code == 0
    first = Invitation.from_json(read_secret(user.home / "1"))
    admin.run("identity", "invite", name, "--out", user.home / "2", "--role", "admin")
    second = Invitation.from_json(read_secret(user.home / "2"))
    assert 23 * 3_600_000 < second.expires_at - first.expires_at < 24 * 3_600_000


def test_an_invitation_replaces_no_file_and_is_not_made_in_vain(
    admin: User, user: User, admin_client: Client
) -> None:
    (user.home / "taken").write_text("mine")
    done = admin.run("identity", "invite", "bob", "--out", user.home / "taken")
    assert (done.code, done.out) == (1, b"")
    assert "exists already" in done.err
    assert (user.home / "taken").read_text() == "mine"
    nowhere = admin.run("identity", "invite", "bob", "--out", user.home / "no" / "place")
    assert nowhere.code == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--valid-hours", "0"),
        ("--valid-hours", "721"),
        ("--valid-hours", "nan"),
        ("--valid-hours", "inf"),
        ("--role", "owner"),
        ("--recover", "--role", "admin"),
    ],
)
def test_an_invitation_that_can_not_be_is_refused_here(
    user: User, options: tuple[str, ...]
) -> None:
    done = user.run("identity", "invite", "bob", "--out", "invitation", *options)
    assert (done.code, done.out) == (1, b"")
    assert not (user.home / "invitation").exists()


def test_a_lost_key_is_recovered_by_an_invitation(admin: User, alice: User, namespace: str) -> None:
    alice.run("put", namespace, "record", stdin=b"value")
    path = alice.home / "recovery"
    made = admin.run(
        "identity",
        "invite",
        own_name(alice),
        "--recover",
        "--yes",
        "--out",
        path,
        "--output",
        "json",
    )
    assert made.json()["recover"] is True
    assert alice.run("whoami").code == 0
    assert alice.run("join", "recovery", "--profile", "again").code == 0
    assert alice.run("get", namespace, "record", "--profile", "again").out == b"value"
    lost = alice.run("whoami")
    assert (lost.code, lost.out) == (2, b"")


def test_everybody_sees_themselves_and_what_happened_to_them(alice: User) -> None:
    alice.run("key", "rotate")
    shown = alice.run("identity", "show", "--output", "json").json()
    assert shown["name"] == own_name(alice)
    assert shown["groups"] == []
    assert [event["kind"] for event in shown["events"]] == ["key.rotated", "identity.enrolled"]
    assert shown["events"][0]["actor"] == own_name(alice)
    text = alice.run("identity", "show").out.decode()
    assert "key.rotated" in text


def test_a_suspended_identity_is_refused_until_it_is_resumed(admin: User, alice: User) -> None:
    name = own_name(alice)
    suspended = admin.run("identity", "suspend", name, "--output", "json").json()
    assert suspended["state"] == "suspended"
    done = alice.run("whoami")
    assert (done.code, done.out) == (2, b"")
    assert admin.run("identity", "resume", name, "--output", "json").json()["state"] == "active"
    assert alice.run("whoami").code == 0


def test_an_identity_is_promoted_and_demoted(admin: User, alice: User) -> None:
    name = own_name(alice)
    assert admin.run("identity", "promote", name, "--output", "json").json()["role"] == "admin"
    assert alice.run("identity", "list").code == 0
    assert admin.run("identity", "demote", name, "--output", "json").json()["role"] == "member"
    assert alice.run("identity", "list").code == 2


def test_labels_are_set_kept_and_removed(admin: User, alice: User) -> None:
    name = own_name(alice)
    admin.run("identity", "label", name, "team=payments", "site=berlin")
    labelled = admin.run("identity", "label", name, "site=", "note=a=b", "--output", "json").json()
    assert labelled["labels"] == {"note": "a=b", "team": "payments"}


@pytest.mark.parametrize("text", ["team", "=payments", ""])
def test_what_is_no_label_is_refused(alice: User, text: str) -> None:
    done = alice.run("identity", "label", "alice", text)
    assert (done.code, done.out) == (1, b"")
    assert "not of the form KEY=VALUE" in done.err


def test_a_removed_identity_is_over(admin: User, alice: User) -> None:
    name = own_name(alice)
    removed = admin.run("identity", "remove", name, "--yes", "--output", "json").json()
    assert (removed["state"], removed["public_key_id"]) == ("removed", None)
    assert alice.run("whoami").code == 2
    again = admin.run("identity", "suspend", name)
    assert again.code == 2
    assert "removed for good." in again.err


def test_an_erased_identity_takes_what_was_sealed_to_it_along(
    admin: User, alice: User, namespace: str
) -> None:
    alice.run("put", namespace, "record", stdin=b"value")
    alice.run("grant", own_name(admin), "read", namespace)
    assert admin.run("get", namespace, "record").out == b"value"
    name = own_name(alice)
    for _ in range(2):
        erased = admin.run("identity", "erase", name, "--yes", "--output", "json").json()
        assert (erased["state"], erased["public_key_id"]) == ("erased", None)
    assert alice.run("whoami").code == 2
    done = admin.run("get", namespace, "record")
    assert (done.code, done.out) == (2, b"")
    shown = admin.run("identity", "show", name, "--output", "json").json()
    assert shown["events"][0]["kind"] == "identity.erased"


# case 53
@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("invite", "mallory", "--out", "invitation"),
        ("suspend", "{admin}"),
        ("resume", "{admin}"),
        ("promote", "{own}"),
        ("demote", "{admin}"),
        ("label", "{own}", "team=admins"),
        ("remove", "{admin}", "--yes"),
        ("erase", "{admin}", "--yes"),
        ("erase", "{own}", "--yes"),
        ("show", "{admin}"),
        ("show", "nobody"),
    ],
)
def test_a_member_manages_nobody(admin: User, alice: User, command: tuple[str, ...]) -> None:
    words = [word.format(admin=own_name(admin), own=own_name(alice)) for word in command]
    done = alice.run("identity", *words)
    assert (done.code, done.out) == (2, b"")
    assert "no right" in done.err
    assert not (alice.home / "invitation").exists()
