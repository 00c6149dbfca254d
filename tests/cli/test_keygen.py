"""`keygen`: a key pair that ssh-keygen reads, written once and never over another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sealwire.core.key_files import parse_private_key
from sealwire.core.secret_files import read_secret
from tests.cli.program import User


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_id_that_keygen_prints_is_the_id_of_the_key_it_wrote(user: User) -> None:
    document = user.run("keygen", "--out", "alice.key", "--output", "json").json()
    key = parse_private_key(read_secret(user.home / "alice.key"))
    assert document == {
        "public_key_id": key.public_key.key_id,
        "private_key_file": "alice.key",
        "public_key_file": "alice.key.pub",
    }
    assert key.public_key.key_id in (user.home / "alice.key.pub").read_text()


# case 95
def test_key_files_are_private_whatever_the_umask(user: User) -> None:
    with user.start("keygen", umask=0) as process:
        process.communicate()
    assert process.returncode == 0
    assert mode(user.home / "identity.key") == 0o600
    assert {path.name for path in user.home.iterdir()} == {"identity.key", "identity.key.pub"}


@pytest.mark.parametrize("taken", ["identity.key", "identity.key.pub"])
def test_keygen_overwrites_nothing(user: User, taken: str) -> None:
    (user.home / taken).write_text("mine")
    done = user.run("keygen")
    assert done.code == 1
    assert done.out == b""
    assert "exists already" in done.err
    assert {path.name for path in user.home.iterdir()} == {taken}
    assert (user.home / taken).read_text() == "mine"


def test_keygen_follows_no_dangling_link(user: User) -> None:
    (user.home / "identity.key").symlink_to(user.home / "elsewhere")
    assert user.run("keygen").code == 1
    assert not (user.home / "elsewhere").exists()


def test_the_private_key_is_never_printed(user: User) -> None:
    done = user.run("keygen", "--output", "json", SEALWIRE_DEBUG="1")
    secret = (user.home / "identity.key").read_text().splitlines()[2]
    assert secret not in done.out.decode() + done.err


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_ssh_keygen_reads_the_pair(user: User) -> None:
    user.run("keygen")
    command = ["ssh-keygen", "-y", "-f", str(user.home / "identity.key")]
    derived = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert derived[:2] == (user.home / "identity.key.pub").read_text().split()[:2]
