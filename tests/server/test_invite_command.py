"""`sealwire-server invite`: a private file for one newcomer, with or without a running server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealwire.client.enrolment import join
from sealwire.client.profiles import Profiles
from sealwire.core.clock import system_clock
from sealwire.core.errors import MalformedError
from sealwire.core.invitation import Invitation
from sealwire.core.secret_files import read_secret
from sealwire.server.deployment import load_deployment
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess, operate

HOUR_MS = 60 * 60 * 1000


def test_an_invitation_is_a_private_file_under_any_umask_and_says_how_to_go_on(
    directory: Path, tmp_path: Path
) -> None:
    out = tmp_path / "alice.invitation"
    done = operate("invite", directory, "alice", "--out", out, umask=0)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"It is used with: sealwire join {out}\n")
    assert out.stat().st_mode & 0o777 == 0o600
    invitation = Invitation.from_json(read_secret(out))
    assert invitation.name == "alice"
    assert abs(invitation.expires_at - system_clock() - 24 * HOUR_MS) < HOUR_MS
    assert invitation.token.hex() not in done.out


def test_an_invitation_from_beside_a_running_server_is_good_there(
    directory: Path, tmp_path: Path
) -> None:
    out = tmp_path / "alice.invitation"
    with ServerProcess(directory) as server:
        settings = directory / "sealwire.toml"
        settings.write_text(settings.read_text().replace("127.0.0.1:0", server.identity.address))
        assert operate("invite", directory, "alice", "--role", "admin", "--out", out).code == 0
        profile = join(
            Invitation.from_json(read_secret(out)),
            Profiles(tmp_path / "config"),
            "default",
            clock=system_clock,
            random=os.urandom,
        )
        with profile.connect() as client:
            assert client.whoami().role == "admin"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "has 1 to 512 bytes of UTF-8"),
        ("a/b", "The name of an identity or group holds no '/'."),
        ("e\u0301", "is not in Unicode normalization form C"),
        ("x" * 513, "has 1 to 512 bytes of UTF-8"),
        ("a\x1b[2Jb", "holds a control"),
    ],
    ids=["empty", "slash", "decomposed", "too long", "escape sequence"],
)
def test_a_name_that_is_not_of_the_form_is_refused(
    directory: Path, name: str, sentence: str
) -> None:
    with pytest.raises(MalformedError, match=sentence):
        invite(load_deployment(directory), name)


@pytest.mark.parametrize("hours", [0, -1, 720.1, float("nan"), float("inf")])
def test_a_validity_that_is_none_or_too_long_is_refused(directory: Path, hours: float) -> None:
    with pytest.raises(MalformedError, match="more than 0 and at most 720 hours"):
        invite(load_deployment(directory), "bob", valid_hours=hours)


def test_an_invitation_that_can_not_be_made_is_a_sentence_and_no_file(
    directory: Path, tmp_path: Path
) -> None:
    out = tmp_path / "invitation"
    done = operate("invite", directory, "bob", "--valid-hours", "nan", "--out", out)
    done.assert_refused("An invitation is valid for more than 0 and at most 720 hours.")
    assert not out.exists()


def test_a_file_that_exists_is_left_as_it_is(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "invitation"
    out.write_text("mine")
    operate("invite", directory, "bob", "--out", out).assert_refused("exists already and was left")
    assert out.read_text() == "mine"


def test_a_name_that_is_taken_is_refused(directory: Path, tmp_path: Path) -> None:
    with ServerProcess(directory) as server:
        enrol(invite(server.deployment, "alice"))
        done = operate("invite", directory, "alice", "--out", tmp_path / "again")
    done.assert_refused("An identity named 'alice' exists already.")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("invite", "d", "bob"),
        ("invite", "d", "bob", "--out", "f", "--role", "owner"),
        ("migrate", "no/such/directory"),
        ("invite", "no/such/directory", "bob", "--out", "f"),
    ],
    ids=" ".join,
)
def test_a_slip_in_a_command_is_no_traceback(arguments: tuple[str, ...]) -> None:
    done = operate(*arguments)
    assert done.code != 0
    assert done.err
    assert "Traceback" not in done.err
    assert "fault in Sealwire" not in done.err


def test_a_deployment_that_is_up_to_date_stays_so(directory: Path) -> None:
    before = (directory / "sealwire.db").read_bytes()
    done = operate("migrate", directory)
    assert (done.code, done.err) == (0, "")
    assert (directory / "sealwire.db").read_bytes()[100:] == before[100:]
