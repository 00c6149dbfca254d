"""Joining a real server with a key that lives in each of the places where one can."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client.profiles import Profiles
from sealwire.core.key_files import encrypted_private_key_text, private_key_text
from sealwire.core.secret_files import replace_secret, write_new_secret
from tests.cli.agents import Agent, listening, new_key
from tests.cli.deployments import Deployment, rewrite
from tests.cli.program import User
from tests.cli.server import Server
from tests.cli.terminals import INTERRUPT, converse
from tests.cli.tokens import SoftHsm, needs_softhsm

PASSPHRASE = b"correct horse"
NEW = ("New passphrase for the new key", PASSPHRASE + b"\n")
AGAIN = ("The same passphrase again", PASSPHRASE + b"\n")
ASKED = ("Passphrase of", PASSPHRASE + b"\n")
PLACES = [
    "file",
    "encrypted",
    "an existing file",
    "an existing encrypted file",
    "an agent",
    pytest.param("a token", marks=needs_softhsm),
]


@pytest.fixture
def passphrase(tmp_path: Path, user: User) -> Path:
    """A file with the passphrase, which every command of the test is told of."""
    path = tmp_path / "passphrase"
    write_new_secret(path, PASSPHRASE)
    return path


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    agent = Agent({"alice@example": new_key()})
    with listening(agent) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield agent


@pytest.fixture
def signer(request: pytest.FixtureRequest, user: User) -> str:
    """What `--signer` is given for a key in the place that the test is about."""
    place: str = request.param
    if place in ("file", "encrypted"):
        return place
    if place == "an agent":
        request.getfixturevalue("agent")
        return "agent"
    if place == "a token":
        return _on_token(request)
    encrypted = encrypted_private_key_text(new_key(), PASSPHRASE)
    text = encrypted if "encrypted" in place else private_key_text(new_key())
    write_new_secret(user.home / "id_ed25519", text)
    return "file:id_ed25519"


def _on_token(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    hsm = SoftHsm.create(request.getfixturevalue("tmp_path") / "hsm")
    request.getfixturevalue("monkeypatch").setenv("SOFTHSM2_CONF", str(hsm.settings))
    hsm.new_token("alice")
    hsm.new_key("alice", "signing", "01")
    return hsm.uri("token=alice")


def profile_fields(user: User) -> dict[str, str]:
    fields: dict[str, str] = json.loads((user.profiles / "default" / "profile.json").read_bytes())
    return fields


@pytest.mark.parametrize("signer", PLACES, indirect=True)
def test_whoever_joins_with_a_key_signs_with_it_from_then_on(
    user: User, invitation: Path, passphrase: Path, signer: str, namespace: str
) -> None:
    known = {"SEALWIRE_PASSPHRASE_FILE": str(passphrase)}
    joined = user.run(
        "join", invitation, "--signer", signer, "--output", "json", stdin=b"", **known
    )
    assert (joined.code, joined.err) == (0, "")
    who = user.run("whoami", "--output", "json", stdin=b"", **known).json()
    assert who["public_key_id"] == joined.json()["public_key_id"]
    assert joined.json()["signer"] == profile_fields(user)["signer"]
    assert user.run("put", namespace, "record", stdin=b"value", **known).code == 0
    assert user.run("get", namespace, "record", stdin=b"", **known).out == b"value"
    own = signer in ("file", "encrypted")
    assert (user.profiles / "default" / "identity.key").exists() == own


@pytest.mark.parametrize("signer", PLACES, indirect=True)
def test_a_lost_answer_loses_no_key_wherever_it_lives(
    user: User,
    server: Server,
    invitation: Path,
    passphrase: Path,
    closed_port: int,
    signer: str,
) -> None:
    known = {"SEALWIRE_PASSPHRASE_FILE": str(passphrase)}
    elsewhere = f"127.0.0.1:{closed_port}".encode()
    here = server.address.encode()
    rewrite(invitation, lambda text: text.replace(here, elsewhere))
    first = user.run("join", invitation, "--signer", signer, stdin=b"", **known)
    assert first.code == 2
    (staged,) = user.profiles.iterdir()
    begun = json.loads((staged / "profile.json").read_bytes())
    rewrite(invitation, lambda text: text.replace(elsewhere, here))
    joined = user.run("join", invitation, "--output", "json", stdin=b"", **known)
    assert (joined.code, joined.err) == (0, "")
    assert joined.json()["public_key_id"] == begun["public_key_id"]
    assert joined.json()["signer"] == begun["signer"]
    assert [path.name for path in user.profiles.iterdir()] == ["default"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("file", "encrypted"), ("encrypted", "file"), ("file", "agent"), ("agent", "encrypted")],
)
@pytest.mark.usefixtures("agent")
def test_an_enrolment_does_not_go_on_with_another_key_than_it_began_with(
    user: User, absent: Deployment, passphrase: Path, first: str, second: str
) -> None:
    known = {"SEALWIRE_PASSPHRASE_FILE": str(passphrase)}
    invitation = user.home / "invitation"
    replace_secret(invitation, absent.invitation().to_json())
    assert user.run("join", invitation, "--signer", first, stdin=b"", **known).code == 2
    (staged,) = user.profiles.iterdir()
    before = {path.name: path.read_bytes() for path in staged.iterdir()}
    done = user.run("join", invitation, "--signer", second, stdin=b"", **known)
    assert done.code == 1
    assert "go on with that one, or ask for a new invitation" in done.err
    assert {path.name: path.read_bytes() for path in staged.iterdir()} == before


def test_the_agents_key_goes_on_by_whatever_name(
    user: User, absent: Deployment, agent: Agent
) -> None:
    invitation = user.home / "invitation"
    replace_secret(invitation, absent.invitation().to_json())
    assert user.run("join", invitation, "--signer", "agent").code == 2
    agent.keys["bob@example"] = new_key()
    assert user.run("join", invitation).code == 2
    assert user.run("join", invitation, "--signer", "agent:alice@example").code == 2
    other = user.run("join", invitation, "--signer", "agent:bob@example")
    assert (other.code, other.out) == (1, b"")
    assert "begun with the key" in other.err


def test_the_profile_of_an_agents_key_holds_no_key(
    user: User, invitation: Path, agent: Agent
) -> None:
    assert user.run("join", invitation, "--signer", "agent").code == 0
    (key,) = agent.keys.values()
    kept = {path.name: path.read_bytes() for path in (user.profiles / "default").iterdir()}
    assert sorted(kept) == ["ca.crt", "profile.json", "tls.crt", "tls.key"]
    assert not any(key.seed in contents for contents in kept.values())
    assert profile_fields(user)["signer"] == f"agent:{key.public_key.key_id}"


def test_without_the_agent_nothing_is_sent(
    user: User, invitation: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert user.run("join", invitation, "--signer", "agent").code == 0
    agent.keys.clear()
    done = user.run("whoami")
    assert (done.code, done.out) == (1, b"")
    assert "ssh-add FILE" in done.err
    monkeypatch.delenv("SSH_AUTH_SOCK")
    done = user.run("whoami")
    assert (done.code, done.out) == (1, b"")
    assert "SSH_AUTH_SOCK is not set" in done.err


def test_another_key_in_the_place_of_the_enrolled_one_signs_nothing(
    user: User, invitation: Path
) -> None:
    path = user.home / "id_ed25519"
    write_new_secret(path, private_key_text(new_key()))
    assert user.run("join", invitation, "--signer", "file:id_ed25519").code == 0
    replace_secret(path, private_key_text(new_key()))
    done = user.run("whoami")
    assert (done.code, done.out) == (1, b"")
    assert "not the one that this profile was enrolled with" in done.err


def test_one_key_is_one_identity_at_a_server(
    user: User, server: Server, invitation: Path, agent: Agent
) -> None:
    assert user.run("join", invitation, "--signer", "agent").code == 0
    other = server.invite(f"bob-{uuid.uuid4()}", user.home / "other")
    done = user.run("join", other, "--signer", "agent", "--profile", "other")
    assert (done.code, done.out) == (2, b"")
    assert [path.name for path in user.profiles.iterdir()] == ["default"]


def test_a_passphrase_is_typed_twice_to_join_and_once_for_each_command(
    user: User, invitation: Path, namespace: str
) -> None:
    joined, _ = converse(user, ["join", invitation, "--signer", "encrypted"], NEW, AGAIN)
    assert (joined.code, joined.err) == (0, "")
    put, _ = converse(user, ["put", namespace, "record"], ASKED, stdin=b"value")
    assert (put.code, put.err) == (0, "")
    got, shown = converse(user, ["get", namespace, "record"], ASKED)
    assert (got.code, got.out) == (0, b"value")
    assert "horse" not in shown


def test_a_wrong_passphrase_is_a_local_error(user: User, invitation: Path) -> None:
    converse(user, ["join", invitation, "--signer", "encrypted"], NEW, AGAIN)
    done, _ = converse(user, ["whoami"], ("Passphrase of", b"wrong\n"))
    assert (done.code, done.out) == (1, b"")
    assert "passphrase does not open" in done.err
    silent = user.run("whoami")
    assert (silent.code, silent.out) == (1, b"")
    assert "SEALWIRE_PASSPHRASE_FILE" in silent.err


@pytest.mark.parametrize(
    "answers", [[("New passphrase", INTERRUPT)], [("New passphrase", b"\x04")], [NEW, AGAIN]]
)
def test_only_a_whole_answer_begins_an_enrolment(
    user: User, absent: Deployment, answers: list[tuple[str, bytes]]
) -> None:
    invitation = user.home / "invitation"
    replace_secret(invitation, absent.invitation().to_json())
    done, _ = converse(user, ["join", invitation, "--signer", "encrypted"], *answers)
    whole = answers == [NEW, AGAIN]
    assert done.code == (2 if whole else 130)
    assert len(list(user.profiles.iterdir())) == whole


@pytest.mark.parametrize("signer", ["cloud", "agent:", "file:", "pkcs11:token=a"])
def test_a_signer_of_no_kind_begins_nothing(user: User, absent: Deployment, signer: str) -> None:
    invitation = user.home / "invitation"
    replace_secret(invitation, absent.invitation().to_json())
    assert user.run("join", invitation, "--signer", signer).code == 1
    assert list(user.profiles.iterdir()) == []


def test_looking_at_a_profile_opens_no_key(
    profiles: Profiles, absent: Deployment, monkeypatch: pytest.MonkeyPatch, passphrase: Path
) -> None:
    monkeypatch.setenv("SEALWIRE_PASSPHRASE_FILE", str(passphrase))
    written = absent.enrol(profiles, "work", signer="encrypted")
    monkeypatch.setenv("SEALWIRE_PASSPHRASE_FILE", os.devnull)
    profile = profiles.load("work")
    assert (profile.public_key_id, profile.signer_text) == (written.public_key_id, "encrypted")


def test_a_key_that_lives_elsewhere_needs_a_word_on_which_it_is(
    profiles: Profiles, absent: Deployment, agent: Agent, user: User
) -> None:
    absent.enrol(profiles, "default", signer="agent")
    path = user.profiles / "default" / "profile.json"
    fields = json.loads(path.read_bytes())
    del fields["public_key_id"]
    rewrite(path, lambda _: json.dumps(fields).encode())
    done = user.run("whoami")
    assert done.code == 1
    assert "damaged" in done.err
