"""A rotation that is killed, at whichever step, costs nobody a key."""

from __future__ import annotations

import itertools
import os
import uuid
from pathlib import Path

import pytest

from sealwire.client.enrolment import join
from sealwire.client.profile_files import read_fields
from sealwire.client.profiles import Profiles
from sealwire.client.renewal import Means
from sealwire.client.rotation import rotate_key
from sealwire.core.clock import system_clock
from sealwire.core.invitation import Invitation
from sealwire.core.secret_files import read_secret
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE
from tests.cli.killing import is_killed
from tests.cli.server import Server
from tests.cli.test_profiles import FILES

MEANS = Means(system_clock, os.urandom)


@pytest.fixture
def folder(server: Server, profiles: Profiles, tmp_path: Path) -> Path:
    """The folder of an enrolled profile."""
    invitation = server.invite(f"rotating-{uuid.uuid4()}", tmp_path / "invitation")
    read = Invitation.from_json(read_secret(invitation))
    return join(read, profiles, "default", clock=system_clock, random=os.urandom).folder


def staged_key(folder: Path) -> str | None:
    """Return the id of the key that a killed rotation has prepared."""
    staged = folder / ".next"
    return read_fields(staged)["public_key_id"] if (staged / "profile.json").exists() else None


def require_good(profiles: Profiles, key_id: str) -> None:
    """Fail unless the profile is whole, and its key is the one that the server takes."""
    profile = profiles.load("default")
    assert profile.public_key_id == key_id
    assert sorted(path.name for path in profile.folder.iterdir()) == sorted(FILES)
    assert {path.stat().st_mode & 0o777 for path in profile.folder.iterdir()} == {0o600}
    with profile.connect() as client:
        assert client.whoami().public_key_id == key_id
        keys = client.keys.list()
    assert [key.public_key_id for key in keys if key.state == KEY_STATE_ACTIVE] == [key_id]


def test_killed_at_any_step_the_next_attempt_goes_on(folder: Path, profiles: Profiles) -> None:
    for step in itertools.count(1):
        before = profiles.load("default").public_key_id
        killed = is_killed(rotate_key, folder, at=step)
        staged, loaded = staged_key(folder), profiles.load("default").public_key_id
        if not killed:
            require_good(profiles, loaded)
            assert step > 50
            return
        after = rotate_key(folder, MEANS).public_key_id
        if staged and loaded == before:
            assert after == staged
        assert after not in {before, loaded}
        require_good(profiles, after)


def test_killed_at_any_step_the_profile_has_a_key_that_the_server_takes(
    folder: Path, profiles: Profiles
) -> None:
    for step in itertools.count(1):
        killed = is_killed(rotate_key, folder, at=step)
        with profiles.load("default").connect() as client:
            key_id = client.whoami().public_key_id
        assert profiles.load("default").public_key_id == key_id
        if not killed:
            assert step > 50
            return
