"""What a real server refuses, and what the client refuses of it: exit code 2, nothing printed."""

from __future__ import annotations

import os
import uuid

import pytest

from sealwire.client.errors import ForbiddenError
from sealwire.client.profiles import Profiles
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from tests.cli.deployments import Deployment, rewrite
from tests.cli.program import User
from tests.cli.server import Server

CALLS = [
    ("put", "{namespace}", "record"),
    ("get", "{namespace}", "record"),
    ("list", "{namespace}"),
    ("delete", "{namespace}", "record"),
    ("whoami",),
]


def assert_refused(user: User, namespace: str, call: tuple[str, ...], sentence: str) -> None:
    """Every command that fails at the other end says so once, prints nothing, and exits with 2."""
    done = user.run(*(word.format(namespace=namespace) for word in call), stdin=b"forged")
    assert (done.code, done.out) == (2, b"")
    assert sentence in done.err
    assert done.err.count("\n") == 1


def pin_another_key(user: User) -> None:
    """Make the profile expect answers under a key that the server does not have."""
    pinned = Profiles(user.profiles.parent).load("default").server.public_key
    other = PrivateKey.generate(os.urandom).public_key
    profile = user.profiles / "default" / "profile.json"
    rewrite(profile, lambda text: text.replace(pinned.text.encode(), other.text.encode()))
    rewrite(profile, lambda text: text.replace(pinned.key_id.encode(), other.key_id.encode()))


@pytest.mark.parametrize("call", CALLS[:-1])
def test_a_namespace_is_closed_to_everybody_but_its_owner(
    member: User, namespace: str, record: str, server: Server, call: tuple[str, ...]
) -> None:
    invitation = server.invite(f"mallory-{uuid.uuid4()}", member.home / "other")
    member.run("join", invitation, "--profile", "mallory")
    assert_refused(member, namespace, (*call, "--profile", "mallory"), "no right")
    assert member.run("get", namespace, record).out == b"value"


# case 86, case 94
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_under_another_key_than_the_pinned_one_is_never_printed(
    member: User, namespace: str, record: str, call: tuple[str, ...]
) -> None:
    assert record
    pin_another_key(member)
    assert_refused(member, namespace, call, "does not verify")


# case 94
def test_a_value_that_does_not_verify_reaches_no_file(
    member: User, namespace: str, record: str
) -> None:
    pin_another_key(member)
    assert member.run("get", namespace, record, "--out", "value").code == 2
    assert not (member.home / "value").exists()


# case 12
@pytest.mark.parametrize("call", CALLS)
def test_a_server_under_another_ca_is_not_talked_to(
    member: User, namespace: str, absent: Deployment, call: tuple[str, ...]
) -> None:
    rewrite(member.profiles / "default" / "ca.crt", lambda _: absent.server.ca_pem.encode())
    assert_refused(member, namespace, call, "No signed answer came back")


# case 12
def test_a_server_whose_certificate_has_another_name_is_not_talked_to(
    member: User, server: Server, namespace: str
) -> None:
    named = server.address.replace("127.0.0.1", "localhost")
    rewrite(
        member.profiles / "default" / "profile.json",
        lambda text: text.replace(server.address.encode(), named.encode()),
    )
    assert_refused(member, namespace, ("whoami",), "No signed answer came back")


# case 9
def test_a_key_with_the_certificate_of_another_is_refused(member: User, namespace: str) -> None:
    profile = member.profiles / "default"
    enrolled = Profiles(member.profiles.parent).load("default").public_key_id.encode()
    other = member.run("keygen", "--out", "other.key", "--output", "json").json()["public_key_id"]
    rewrite(profile / "identity.key", lambda _: (member.home / "other.key").read_bytes())
    rewrite(profile / "profile.json", lambda text: text.replace(enrolled, other.encode()))
    assert_refused(member, namespace, ("whoami",), "clock")


# case 24
def test_a_request_for_another_audience_is_refused(member: User, namespace: str) -> None:
    rewrite(
        member.profiles / "default" / "profile.json",
        lambda text: text.replace(b'"sealwire:', b'"another:'),
    )
    assert_refused(member, namespace, ("whoami",), "clock")


def test_a_refusal_keeps_its_code_for_programs(member: User, namespace: str) -> None:
    profiles = Profiles(member.profiles.parent)
    with profiles.load("default").connect() as client, pytest.raises(ForbiddenError) as refused:
        client.get(namespace, "record")
    assert refused.value.code is Code.PERMISSION_DENIED
