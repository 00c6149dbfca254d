"""Keys in files: the profile's own, encrypted or not, and those that somebody made before."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from sealwire.client.signers import SignerError, parse_signer
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import encrypted_private_key_text, private_key_text
from sealwire.core.keys import PrivateKey
from sealwire.core.secret_files import write_new_secret

PASSPHRASE = b"correct horse"
ALICE = PrivateKey.generate(os.urandom)
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that holds the passphrase of this test."""
    path = tmp_path / "passphrase"
    write_new_secret(path, PASSPHRASE)
    monkeypatch.setenv("SEALWIRE_PASSPHRASE_FILE", str(path))
    return path


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile"
    path.mkdir()
    return path


def test_a_key_of_the_profile_is_found_again(profile: Path) -> None:
    settled = parse_signer("file").settle(profile, random=os.urandom)
    assert settled.text == "file"
    assert parse_signer("file").open(profile) == settled.signer
    (path,) = profile.iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("identity.key", 0o600)


@pytest.mark.usefixtures("passphrase")
def test_an_encrypted_key_of_the_profile_is_found_again(profile: Path) -> None:
    settled = parse_signer("encrypted").settle(profile, random=os.urandom)
    assert settled.text == "encrypted"
    assert parse_signer("encrypted").open(profile) == settled.signer
    (path,) = profile.iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("identity.key", 0o600)
    with pytest.raises(ConfigurationError, match="is encrypted"):
        parse_signer("file").open(profile)


@pytest.mark.parametrize("wrong", [b"wrong", b"correct horse ", b"Correct horse"])
def test_a_wrong_passphrase_opens_no_key_and_is_not_shown(
    profile: Path, passphrase: Path, wrong: bytes
) -> None:
    parse_signer("encrypted").settle(profile, random=os.urandom)
    passphrase.write_bytes(wrong)
    with pytest.raises(ConfigurationError, match="does not open") as refusal:
        parse_signer("encrypted").open(profile)
    assert wrong.decode() not in str(refusal.value)


def test_nothing_is_made_under_an_empty_passphrase(profile: Path, passphrase: Path) -> None:
    passphrase.write_bytes(b"\n")
    with pytest.raises(SignerError, match="is empty"):
        parse_signer("encrypted").settle(profile, random=os.urandom)
    assert list(profile.iterdir()) == []


def existing(path: Path, text: bytes) -> str:
    write_new_secret(path, text)
    return f"file:{path}"


def pkcs8(encryption: serialization.KeySerializationEncryption) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(ALICE.seed)
    return key.private_bytes(PEM, PKCS8, encryption)


@pytest.mark.parametrize(
    "text", [private_key_text(ALICE), pkcs8(serialization.NoEncryption())], ids=["OpenSSH", "PKCS8"]
)
def test_a_key_that_was_made_before_is_used_where_it_lies(
    tmp_path: Path, profile: Path, text: bytes
) -> None:
    spec = existing(tmp_path / "id_ed25519", text)
    settled = parse_signer(spec).settle(profile, random=os.urandom)
    assert (settled.text, settled.signer) == (spec, ALICE)
    assert list(profile.iterdir()) == []
    assert (tmp_path / "id_ed25519").read_bytes() == text


@pytest.mark.parametrize(
    "text",
    [
        encrypted_private_key_text(ALICE, PASSPHRASE),
        pkcs8(serialization.BestAvailableEncryption(PASSPHRASE)),
    ],
    ids=["OpenSSH", "PKCS8"],
)
def test_an_encrypted_key_that_was_made_before_asks_for_its_passphrase(
    tmp_path: Path, profile: Path, passphrase: Path, text: bytes
) -> None:
    spec = existing(tmp_path / "id_ed25519", text)
    assert parse_signer(spec).open(profile) == ALICE
    passphrase.write_bytes(b"wrong")
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_signer(spec).open(profile)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_the_key_that_ssh_uses_can_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    path = tmp_path / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = parse_signer("file:~/.ssh/id_ed25519")
    assert spec.text == f"file:{path}"
    line = serialization.load_ssh_public_key(path.with_suffix(".pub").read_bytes())
    raw = line.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert spec.open(profile).public_key.raw == raw


def test_a_relative_path_means_the_same_key_in_every_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: Path
) -> None:
    existing(tmp_path / "mine", private_key_text(ALICE))
    monkeypatch.chdir(tmp_path)
    text = parse_signer("file:mine").settle(profile, random=os.urandom).text
    monkeypatch.chdir(profile)
    assert parse_signer(text).open(profile) == ALICE


# case 90
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, profile: Path, mode: int) -> None:
    spec = existing(tmp_path / "mine", private_key_text(ALICE))
    (tmp_path / "mine").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        parse_signer(spec).open(profile)


# case 90
def test_a_key_behind_a_symbolic_link_is_refused(tmp_path: Path, profile: Path) -> None:
    existing(tmp_path / "mine", private_key_text(ALICE))
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigurationError, match="symbolic link"):
        parse_signer(f"file:{tmp_path / 'link'}").open(profile)


def test_a_key_that_is_not_there_is_named(tmp_path: Path, profile: Path) -> None:
    with pytest.raises(ConfigurationError, match="mine does not exist"):
        parse_signer(f"file:{tmp_path / 'mine'}").open(profile)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, profile: Path) -> None:
    key = generate_private_key(65537, 2048)
    text = key.private_bytes(PEM, PKCS8, serialization.NoEncryption())
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        parse_signer(existing(tmp_path / "id_rsa", text)).open(profile)
