"""`join` before a server is asked, and when none answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealwire.client.profiles import Profiles
from sealwire.core.clock import system_clock
from sealwire.core.secret_files import replace_secret
from tests.cli.deployments import Deployment
from tests.cli.program import User


@pytest.fixture
def invitation(user: User, absent: Deployment) -> Path:
    path = user.home / "invitation"
    replace_secret(path, absent.invitation().to_json())
    return path


def keys(user: User) -> dict[str, bytes]:
    """Return every private key in the user's configuration, by its path."""
    return {str(path): path.read_bytes() for path in sorted(user.profiles.glob(".*/*.key"))}


def test_an_expired_invitation_is_refused_before_anything_is_made(
    user: User, absent: Deployment
) -> None:
    path = user.home / "invitation"
    replace_secret(path, absent.invitation(expires_at=system_clock() - 1).to_json())
    done = user.run("join", path)
    assert done.code == 1
    assert "expired on" in done.err
    assert "ask for a new one" in done.err
    assert not user.profiles.exists()


@pytest.mark.parametrize("expires_at", [0, -1, -(10**30)])
def test_an_impossible_expiry_is_an_expiry(user: User, absent: Deployment, expires_at: int) -> None:
    path = user.home / "invitation"
    replace_secret(path, absent.invitation(expires_at=expires_at).to_json())
    done = user.run("join", path)
    assert done.code == 1
    assert "expired on 1970-01-01" in done.err


# case 90
def test_an_invitation_that_others_can_read_is_refused(user: User, invitation: Path) -> None:
    invitation.chmod(0o644)
    done = user.run("join", invitation)
    assert done.code == 1
    assert "chmod 600" in done.err


# case 90
def test_an_invitation_behind_a_symbolic_link_is_refused(user: User, invitation: Path) -> None:
    link = user.home / "link"
    link.symlink_to(invitation)
    done = user.run("join", link)
    assert done.code == 1
    assert "symbolic link" in done.err


@pytest.mark.parametrize(
    "change",
    [
        {"ca_certificate": "no certificate"},
        {"ca_certificate": "Grüße"},
        {"bootstrap_certificate": ""},
        {"bootstrap_key": "no key"},
        {"token": "short"},
        {"format": "sealwire-invitation-v2"},
        {"expires_at": "tomorrow"},
    ],
)
def test_a_damaged_invitation_is_refused(
    user: User, invitation: Path, change: dict[str, Any]
) -> None:
    fields = json.loads(invitation.read_bytes())
    replace_secret(invitation, json.dumps({**fields, **change}).encode())
    done = user.run("join", invitation)
    assert done.code == 1
    assert "damaged on its way; ask for a new one" in done.err
    assert keys(user) == {}


def test_without_an_answer_the_keys_are_kept_and_used_again(user: User, invitation: Path) -> None:
    done = user.run("join", invitation)
    assert done.code == 2
    assert done.out == b""
    first = keys(user)
    assert len(first) == 2
    assert {Path(path).stat().st_mode & 0o777 for path in first} == {0o600}
    assert user.run("join", invitation, "--profile", "other").code == 2
    assert keys(user) == first


def test_another_invitation_gets_other_keys(
    user: User, invitation: Path, absent: Deployment
) -> None:
    user.run("join", invitation)
    replace_secret(invitation, absent.invitation().to_json())
    user.run("join", invitation)
    assert len(set(keys(user).values())) == 4


def test_without_an_answer_there_is_no_profile(user: User, invitation: Path) -> None:
    user.run("join", invitation)
    done = user.run("whoami")
    assert done.code == 1
    assert "There is no profile yet" in done.err


def test_join_does_not_touch_a_profile_of_the_same_name(
    user: User, invitation: Path, profiles: Profiles, absent: Deployment
) -> None:
    profile = absent.enrol(profiles, "default")
    done = user.run("join", invitation)
    assert done.code == 1
    assert "choose another name with --profile" in done.err
    assert profiles.load("default") == profile
    assert keys(user) == {}


def test_the_token_is_never_printed(user: User, invitation: Path) -> None:
    fields = json.loads(invitation.read_bytes())
    done = user.run("join", invitation, SEALWIRE_DEBUG="1")
    assert fields["token"] not in done.err
    assert fields["bootstrap_key"].splitlines()[1] not in done.err
