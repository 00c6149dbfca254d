"""The server's signing key is rotated: whole, once, and whatever is killed on the way."""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sealwire.client import Client
from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.successions import MAX_SUCCESSIONS, follow
from sealwire.server.deployment import Deployment, load_deployment
from sealwire.server.signing_key_rotation import rotate_signing_key
from tests.server.dying import is_killed
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess, operate, operate_at_terminal

MANY = 100


def rotate(directory: Path) -> PublicKey:
    return rotate_signing_key(directory, clock=system_clock, random=os.urandom)


def followed(deployment: Deployment, pinned: PublicKey) -> list[PublicKey]:
    """Return what a client makes of the deployment's chain."""
    audience = deployment.config.audience
    return follow(deployment.successions, pinned=pinned, audience=audience)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def holds(directory: Path, key: PrivateKey) -> bool:
    """Tell whether any file still holds a private key, as it is or as PEM."""
    files = list(contents(directory).values())
    pem = [data.splitlines()[1:-1] for data in files if data.startswith(b"-----BEGIN OPENSSH")]
    return any(key.seed in data for data in [*files, *map(_decoded, pem)])


def _decoded(lines: list[bytes]) -> bytes:
    return base64.b64decode(b"".join(lines))


@pytest.fixture
def first(directory: Path) -> PrivateKey:
    """The key that the deployment was made with."""
    return load_deployment(directory).signing_key


def test_the_new_key_is_in_use_and_announced_by_the_old_one(  # case 88
    directory: Path, first: PrivateKey
) -> None:
    second = rotate(directory)
    third = rotate(directory)
    deployment = load_deployment(directory)
    assert deployment.signing_key.public_key == third
    assert len({first.public_key, second, third}) == 3
    assert followed(deployment, first.public_key) == [second, third]
    assert followed(deployment, second) == [third]


def test_a_deployment_that_was_never_rotated_announces_nothing(directory: Path) -> None:
    deployment = load_deployment(directory)
    assert deployment.successions == ()
    assert followed(deployment, deployment.signing_key.public_key) == []


def test_an_invitation_pins_the_newest_key(directory: Path) -> None:
    newest = rotate(directory)
    assert load_deployment(directory).server_identity.public_key == newest
    assert invite(load_deployment(directory), "alice").server.public_key == newest


def test_the_old_private_key_is_overwritten_where_it_lay(
    directory: Path, first: PrivateKey, tmp_path: Path
) -> None:
    kept = tmp_path / "the same bytes on the disk"
    os.link(directory / "signing.key", kept)
    assert holds(directory, first)
    rotate(directory)
    assert kept.read_bytes() == bytes(len(private_key_text(first)))
    assert not holds(directory, first)


def test_the_key_is_0600_and_nothing_else_is_left_under_any_umask(directory: Path) -> None:
    # case 95
    before = set(contents(directory))
    assert operate("signing-key", "rotate", directory, "--yes", umask=0).code == 0
    assert set(contents(directory)) - before == {"signing-keys.txt"}
    assert stat.S_IMODE((directory / "signing.key").stat().st_mode) == 0o600


def test_of_a_long_chain_the_oldest_statements_are_dropped(
    directory: Path, first: PrivateKey
) -> None:
    # case 88
    keys = [rotate(directory) for _ in range(MAX_SUCCESSIONS + 2)]
    deployment = load_deployment(directory)
    assert deployment.signing_key.public_key == keys[-1]
    assert len(deployment.successions) == MAX_SUCCESSIONS
    assert followed(deployment, keys[1]) == keys[2:]
    for forgotten in (first.public_key, keys[0]):
        with pytest.raises(Exception, match="does not lead from the pinned key"):
            followed(deployment, forgotten)


def test_killed_before_any_change_it_leaves_a_key_and_the_chain_that_ends_with_it(  # case 70, 88
    directory: Path, first: PrivateKey, tmp_path: Path
) -> None:
    rotated = []
    for number in range(MANY):
        copy = Path(shutil.copytree(directory, tmp_path / f"killed-{number}"))
        killed = is_killed(copy, "signing-key", "rotate", copy, "--yes", at=number)
        deployment = load_deployment(copy)
        key = deployment.signing_key
        rotated.append(key != first)
        assert followed(deployment, first.public_key) == [key.public_key] * rotated[-1]
        if not killed:
            break
        if rotated[-1]:
            assert rotate(copy) == key.public_key  # finishes the first, and begins no second
        else:
            rotate(copy)
        finished = load_deployment(copy)
        assert followed(finished, first.public_key) == [finished.signing_key.public_key]
        assert not holds(copy, first)
        assert not (copy / "signing.next.key").exists()
        assert rotate(copy) != finished.signing_key.public_key
    assert len(rotated) > 6
    assert rotated == sorted(rotated), "a rotation takes place at one moment"
    assert {rotated[0], rotated[-2]} == {False, True}


@pytest.mark.parametrize("left", [b"", bytes(399), b"-----BEGIN OPENSSH PRIVATE KEY-----\n"])
def test_killed_while_the_old_key_is_overwritten_the_new_one_is_in_use(  # case 70
    directory: Path, first: PrivateKey, left: bytes
) -> None:
    old = (directory / "signing.key").read_bytes()
    new = rotate(directory)
    (directory / "signing.key").rename(directory / "signing.next.key")
    (directory / "signing.key").write_bytes(left + old[len(left) :])
    (directory / "signing.key").chmod(0o600)
    assert load_deployment(directory).signing_key.public_key == new
    assert rotate(directory) == new
    assert load_deployment(directory).signing_key.public_key == new
    assert not holds(directory, first)


def test_two_rotations_at_once_are_one(directory: Path) -> None:
    before = contents(directory)
    with (directory / "sealwire.toml").open("rb") as settings:
        fcntl.flock(settings, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match="Another command"):
            rotate(directory)
    assert contents(directory) == before


# A chain that does not belong to its key.


def lines_changed(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        path = directory / "signing-keys.txt"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return damage


def replaced(pattern: str, text: str, *, name: str = "signing-keys.txt") -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        changed, count = re.subn(pattern, text, (directory / name).read_text())
        assert count
        (directory / name).write_text(changed)

    return damage


def another_key(directory: Path) -> None:
    (directory / "signing.key").write_bytes(private_key_text(PrivateKey.generate(os.urandom)))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": lines_changed(lambda _: []),
    "no chain": lines_changed(lambda lines: lines[:1]),
    "another format": replaced("-v1\n", "-v2\n"),
    "the middle dropped": lines_changed(lambda lines: [*lines[:2], *lines[3:]]),
    "the last dropped": lines_changed(lambda lines: lines[:-1]),
    "swapped": lines_changed(lambda lines: [lines[0], lines[2], lines[1], lines[3]]),
    "repeated": lines_changed(lambda lines: [*lines, lines[-1]]),
    "another time": replaced(r"\n1(\d+) ", r"\n2\1 "),
    "a leading zero": replaced(r"\n(\d+) ", r"\n0\1 "),
    "a space more": replaced(" ", "  "),
    "a line cut": lines_changed(lambda lines: [*lines[:-1], lines[-1][:-2]]),
    "a line's end missing": lines_changed(lambda lines: [*lines[:-1], lines[-1][:-1]]),
    "carriage returns": replaced("\n", "\r\n"),
    "no ASCII": replaced("-v1", "-v\u00b9"),
    "a signature of nobody": replaced(r" [A-Za-z0-9_-]{86}\n", f" {'A' * 86}\n"),
    "a key that is none": replaced(r" [A-Za-z0-9_-]{43} ", f" {'A' * 43} "),
    "a key of another server": another_key,
    "another audience": replaced('audience = "', 'audience = "x', name="sealwire.toml"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_chain_and_a_key_that_do_not_belong_together_are_refused(  # case 88
    directory: Path, what: str
) -> None:
    for _ in range(3):
        rotate(directory)
    DAMAGE[what](directory)
    before = contents(directory)
    for use in (load_deployment, rotate):
        with pytest.raises(ConfigurationError, match=r"signing-keys\.txt"):
            use(directory)
    assert contents(directory) == before


def test_a_key_that_was_never_announced_is_not_used(directory: Path, first: PrivateKey) -> None:
    # case 88
    stranger = PrivateKey.generate(os.urandom)
    (directory / "signing.next.key").write_bytes(private_key_text(stranger))
    (directory / "signing.next.key").chmod(0o600)
    assert load_deployment(directory).signing_key == first
    new = rotate(directory)
    (directory / "signing.next.key").write_bytes(private_key_text(stranger))
    (directory / "signing.next.key").chmod(0o600)
    assert load_deployment(directory).signing_key.public_key == new != stranger.public_key


# The operator's command.


def test_the_command_says_what_is_to_be_done_next(directory: Path, first: PrivateKey) -> None:
    done = operate("signing-key", "rotate", directory, "--yes")
    key = load_deployment(directory).signing_key
    assert (done.code, done.err) == (0, "")
    assert key != first
    assert f"Server key id: {key.public_key.key_id}\n" in done.out
    assert "when the server is started again" in done.out
    assert "Invitations that were not used yet" in done.out


def test_without_anybody_to_ask_the_command_does_nothing(directory: Path) -> None:
    before = contents(directory)
    done = operate("signing-key", "rotate", directory)
    assert (done.code, done.out) == (1, "")
    assert "add --yes" in done.err
    assert contents(directory) == before


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", 130), (b"\n", 130)])
def test_on_a_terminal_the_command_asks(
    directory: Path, first: PrivateKey, typed: bytes, code: int
) -> None:
    done = operate_at_terminal(typed, "signing-key", "rotate", directory)
    assert done.code == code
    assert (load_deployment(directory).signing_key != first) == (code == 0)


def test_a_directory_that_is_no_deployment_is_named(tmp_path: Path) -> None:
    operate("signing-key", "rotate", tmp_path, "--yes").assert_refused("sealwire.toml")
    assert list(tmp_path.iterdir()) == []


def test_a_client_follows_after_the_restart_and_not_before(  # case 88
    directory: Path, first: PrivateKey
) -> None:
    told: list[PublicKey] = []
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        assert operate("signing-key", "rotate", directory, "--yes").code == 0
        with Client(alice.server, alice.key, alice.tls, on_new_server_key=told.append) as client:
            assert client.whoami().name == "alice"
        assert (told, server.terminate().code) == ([], 0)
    with ServerProcess(directory) as server:
        pinned = dataclasses.replace(server.identity, public_key=first.public_key)
        with Client(pinned, alice.key, alice.tls, on_new_server_key=told.append) as client:
            assert client.whoami().name == "alice"
            assert client.whoami().name == "alice"
    assert told == [server.identity.public_key]
