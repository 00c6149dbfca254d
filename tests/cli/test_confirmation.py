"""What can't be taken back is asked about first, and isn't done unless somebody says yes."""

from __future__ import annotations

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.consent import NAME_WANTED, answer
from tests.cli.deployments import Deployment
from tests.cli.program import User

KEY_ID = "A" * 43
FINAL = [
    ("key", "revoke", KEY_ID),
    ("key", "revoke", KEY_ID, "--at", "7d"),
    ("cert", "revoke", "1a2b"),
    ("identity", "remove", "bob"),
    ("identity", "erase", "bob"),
    ("identity", "invite", "bob", "--recover", "--out", "invitation"),
]


@pytest.fixture
def alone(user: User, profiles: Profiles, absent: Deployment) -> User:
    """A user whose server is not there: whatever is sent ends with exit code 2."""
    absent.enrol(profiles, "default")
    return user


@pytest.mark.parametrize("command", FINAL)
def test_without_a_terminal_and_without_yes_nothing_is_done(
    alone: User, command: tuple[str, ...]
) -> None:
    done = alone.run(*command, stdin=b"y\n")
    assert (done.code, done.out) == (1, b"")
    assert done.err == (
        "sealwire: Nothing was done: this can't be taken back, and there is no terminal to ask on. "
        "Add --yes to do it without being asked.\n"
    )


@pytest.mark.parametrize("command", FINAL)
def test_yes_is_not_asked_about(alone: User, command: tuple[str, ...]) -> None:
    done = alone.run(*command, "--yes")
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith("sealwire: No signed answer came back")


@pytest.mark.parametrize("command", [command for command in FINAL if "erase" not in command])
def test_whoever_says_no_has_nothing_done(alone: User, command: tuple[str, ...]) -> None:
    done = answer(alone, *command, typed=b"n\n")
    assert (done.code, done.out) == (1, b"")
    assert done.err.endswith("sealwire: Nothing was done.\n")


@pytest.mark.parametrize("typed", [b"\n", b"yess\n", b"nay\n"])
def test_whatever_is_not_yes_is_no(alone: User, typed: bytes) -> None:
    done = answer(alone, "identity", "remove", "bob", typed=typed)
    assert (done.code, done.out) == (1, b"")
    assert done.err.endswith("sealwire: Nothing was done.\n")


@pytest.mark.parametrize("typed", [b"y\n", b" YES \n"])
def test_whoever_says_yes_is_obeyed(alone: User, typed: bytes) -> None:
    done = answer(alone, "identity", "remove", "bob", typed=typed)
    assert done.code == 2
    assert "No signed answer came back" in done.err


@pytest.mark.parametrize("typed", [b"y\n", b"\n", b"Bob\n", b"bob bob\n"])
def test_whoever_does_not_type_the_name_has_nothing_erased(alone: User, typed: bytes) -> None:
    done = answer(alone, "identity", "erase", "bob", typed=typed, question=NAME_WANTED)
    assert (done.code, done.out) == (1, b"")
    assert "The identity bob never comes back" in done.err
    assert done.err.endswith("sealwire: Nothing was done.\n")


def test_whoever_types_the_name_is_obeyed(alone: User) -> None:
    done = answer(alone, "identity", "erase", "bob", typed=b"bob\n", question=NAME_WANTED)
    assert done.code == 2
    assert "No signed answer came back" in done.err


def test_whoever_leaves_at_the_question_has_nothing_done(alone: User) -> None:
    done = answer(alone, "identity", "remove", "bob", typed=b"\x04")
    assert (done.code, done.out) == (130, b"")
    assert "No signed answer" not in done.err


def test_the_question_says_what_ends(alone: User, profiles: Profiles) -> None:
    own = profiles.load("default").public_key_id
    done = answer(alone, "key", "revoke", own, typed=b"n\n")
    assert f"The key {own}, which is that of the profile 'default' ends at once" in done.err
    done = answer(alone, "key", "revoke", KEY_ID, "--at", "2100-01-01", typed=b"n\n")
    assert f"The key {KEY_ID} ends at 2100-01-01T00:00:00.000Z" in done.err


# case 93
def test_a_question_holds_nothing_that_a_terminal_obeys(alone: User) -> None:
    done = answer(alone, "identity", "remove", "\x1b]0;owned\x07\u202e", typed=b"n\n")
    assert "\x1b" not in done.err
    assert r"\x1b]0;owned\x07\u202e" in done.err


def test_what_can_be_taken_back_is_not_asked_about(alone: User) -> None:
    for command in (
        ("identity", "suspend", "bob"),
        ("identity", "demote", "bob"),
        ("identity", "invite", "bob", "--out", "invitation"),
        ("group", "remove", "payments", "bob"),
        ("ungrant", "bob", "read", "team"),
        ("key", "rotate"),
        ("cert", "renew"),
    ):
        assert alone.run(*command).code == 2, command
