"""`join` with a real server: an invitation becomes a profile, once."""

from __future__ import annotations

import uuid
from pathlib import Path

from sealwire.core.key_files import parse_private_key
from sealwire.core.secret_files import read_secret
from tests.cli.deployments import rewrite
from tests.cli.program import User
from tests.cli.server import Server


def test_joining_makes_a_profile_that_the_server_knows(
    user: User, server: Server, invitation: Path
) -> None:
    joined = user.run("join", invitation, "--output", "json")
    assert (joined.code, joined.err) == (0, "")
    document = joined.json()
    who = user.run("whoami", "--output", "json").json()
    assert document["profile"] == "default"
    assert document["in_use"] is True
    assert document["server"] == server.address
    for field in ("identity_id", "name", "public_key_id"):
        assert document[field] == who[field]
    assert who["role"] == "member"


def test_the_key_of_the_profile_was_made_here_and_is_the_one_that_is_enrolled(member: User) -> None:
    key = parse_private_key(read_secret(member.profiles / "default" / "identity.key"))
    who = member.run("whoami", "--output", "json").json()
    assert who["public_key_id"] == key.public_key.key_id


def test_nothing_is_left_beside_the_profile(member: User) -> None:
    assert [path.name for path in member.profiles.iterdir()] == ["default"]


def test_a_second_profile_is_used_when_it_is_named(member: User, server: Server) -> None:
    other = server.invite(f"a-second-{uuid.uuid4()}", member.home / "other")
    document = member.run("join", other, "--profile", "second", "--output", "json").json()
    assert document["in_use"] is False
    name = document["name"]
    assert member.run("whoami", "--output", "json").json()["name"] != name
    by_option = member.run("whoami", "--profile", "second", "--output", "json")
    by_environment = member.run("whoami", "--output", "json", SEALWIRE_PROFILE="second")
    assert by_option.json()["name"] == by_environment.json()["name"] == name


def test_an_invitation_is_good_for_one_use(member: User) -> None:
    done = member.run("join", "invitation", "--profile", "again")
    assert (done.code, done.out) == (2, b"")
    assert done.err == (
        "sealwire: The server refused this invitation: it may have been used already, have "
        "expired, or be for another server. Ask for a new one.\n"
    )
    assert [path.name for path in member.profiles.iterdir()] == ["default"]


def test_an_expired_invitation_is_refused(user: User, server: Server) -> None:
    path = user.home / "expired"
    server.invite(f"late-{uuid.uuid4()}", path, "--valid-hours", "0.0000001")
    done = user.run("join", path)
    assert (done.code, done.out) == (1, b"")
    assert "ask for a new one" in done.err


def test_an_interrupted_enrolment_goes_on_with_the_keys_it_made(
    user: User, server: Server, invitation: Path, closed_port: int
) -> None:
    elsewhere = f"127.0.0.1:{closed_port}"
    rewrite(invitation, lambda text: text.replace(server.address.encode(), elsewhere.encode()))
    assert user.run("join", invitation).code == 2
    (staged,) = user.profiles.glob(".joining-*/identity.key")
    made = staged.read_bytes()
    rewrite(invitation, lambda text: text.replace(elsewhere.encode(), server.address.encode()))
    assert user.run("join", invitation).code == 0
    assert (user.profiles / "default" / "identity.key").read_bytes() == made
