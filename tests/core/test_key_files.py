from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import (
    ENCRYPTION_ROUNDS,
    EncryptedKeyError,
    encrypted_private_key_text,
    parse_encrypted_private_key,
    parse_private_key,
    parse_root_key,
    private_key_text,
    public_key_line,
    root_key_text,
)
from sealwire.core.secret_files import write_new_secret
from tests.core.builders import ALICE, ROOT

PKCS8 = serialization.PrivateFormat.PKCS8
OPENSSH = serialization.PrivateFormat.OpenSSH
PASSPHRASE = b"correct horse"
NO_ENCRYPTION = serialization.NoEncryption()
RSA_KEY = rsa.generate_private_key(65537, 2048)
needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)


def pem(
    key: PrivateKeyTypes,
    form: serialization.PrivateFormat = PKCS8,
    encryption: serialization.KeySerializationEncryption = NO_ENCRYPTION,
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(ALICE.seed)


def test_a_private_key_comes_back_from_its_file() -> None:
    text = private_key_text(ALICE)
    assert text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert parse_private_key(text) == ALICE


@pytest.mark.parametrize("form", [PKCS8, OPENSSH])
def test_a_private_key_of_another_tool_is_read(form: serialization.PrivateFormat) -> None:
    assert parse_private_key(pem(ed25519_key(), form)) == ALICE


def test_a_public_key_line_names_the_key_id() -> None:
    kind, _, comment = public_key_line(ALICE.public_key).decode().split(" ")
    assert (kind, comment) == ("ssh-ed25519", ALICE.public_key.key_id + "\n")
    loaded = serialization.load_ssh_public_key(public_key_line(ALICE.public_key))
    assert isinstance(loaded, ed25519.Ed25519PublicKey)
    assert loaded.public_bytes_raw() == ALICE.public_key.raw


@needs_ssh_keygen
def test_ssh_keygen_reads_the_private_key(tmp_path: Path) -> None:
    write_new_secret(tmp_path / "key", private_key_text(ALICE))
    printed = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "key"], check=True, capture_output=True
    ).stdout
    assert printed.split()[:2] == public_key_line(ALICE.public_key).split()[:2]


@needs_ssh_keygen
def test_a_private_key_of_ssh_keygen_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    key = parse_private_key(path.read_bytes())
    line = path.with_suffix(".pub").read_bytes()
    assert line.split()[:2] == public_key_line(key.public_key).split()[:2]


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    return encrypted_private_key_text(ALICE, PASSPHRASE)


def test_an_encrypted_private_key_comes_back_with_its_passphrase(encrypted: bytes) -> None:
    assert encrypted.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert parse_encrypted_private_key(encrypted, PASSPHRASE) == ALICE


def test_a_passphrase_of_any_length_counts_to_its_last_byte() -> None:
    text = encrypted_private_key_text(ALICE, b"p" * 100)
    assert parse_encrypted_private_key(text, b"p" * 100) == ALICE
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_encrypted_private_key(text, b"p" * 99)


def test_guessing_a_passphrase_costs_what_was_decided(encrypted: bytes) -> None:
    body = b64decode(b"".join(encrypted.splitlines()[1:-1]))
    salt_and_rounds = body[body.index(b"bcrypt") + len(b"bcrypt") + 4 :]
    assert salt_and_rounds[:4] == (16).to_bytes(4, "big")
    assert salt_and_rounds[20:24] == ENCRYPTION_ROUNDS.to_bytes(4, "big")


@pytest.mark.parametrize("passphrase", [b"", b"wrong", PASSPHRASE + b"\n"])
def test_another_passphrase_does_not_open_a_private_key(
    encrypted: bytes, passphrase: bytes
) -> None:
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_encrypted_private_key(encrypted, passphrase)


def test_a_private_key_that_is_encrypted_says_so(encrypted: bytes) -> None:
    with pytest.raises(EncryptedKeyError, match="unencrypted Ed25519"):
        parse_private_key(encrypted)


@pytest.mark.parametrize("text", [private_key_text(ALICE), b"", b"not a key"])
def test_a_passphrase_opens_nothing_that_is_not_encrypted(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_encrypted_private_key(text, PASSPHRASE)


def test_an_encrypted_key_of_another_kind_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = pem(key, PKCS8, serialization.BestAvailableEncryption(PASSPHRASE))
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        parse_encrypted_private_key(text, PASSPHRASE)


@needs_ssh_keygen
def test_ssh_keygen_reads_the_encrypted_private_key(tmp_path: Path, encrypted: bytes) -> None:
    path = tmp_path / "key"
    write_new_secret(path, encrypted)
    command = ["ssh-keygen", "-y", "-f", str(path), "-P"]
    printed = subprocess.run([*command, PASSPHRASE], check=True, capture_output=True).stdout
    assert printed.split()[:2] == public_key_line(ALICE.public_key).split()[:2]
    assert subprocess.run([*command, "wrong"], check=False, capture_output=True).returncode != 0


def ssh_keygen_encrypted(path: Path, cipher: str) -> bytes:
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-Z", cipher, "-f", str(path), "-N"]
    subprocess.run([*make, PASSPHRASE], check=True)
    return path.read_bytes()


@needs_ssh_keygen
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_a_private_key_that_ssh_keygen_encrypted_is_read_with_its_passphrase_only(
    tmp_path: Path, cipher: str
) -> None:
    text = ssh_keygen_encrypted(tmp_path / "key", cipher)
    key = parse_encrypted_private_key(text, PASSPHRASE)
    line = (tmp_path / "key.pub").read_bytes()
    assert line.split()[:2] == public_key_line(key.public_key).split()[:2]
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_encrypted_private_key(text, b"wrong")
    with pytest.raises(EncryptedKeyError):
        parse_private_key(text)


@needs_ssh_keygen
def test_a_cipher_that_is_not_supported_is_named_as_the_reason(tmp_path: Path) -> None:
    text = ssh_keygen_encrypted(tmp_path / "key", "chacha20-poly1305@openssh.com")
    with pytest.raises(ConfigurationError, match="ssh-keygen -p -Z aes256-ctr"):
        parse_encrypted_private_key(text, PASSPHRASE)


def test_an_encrypted_pkcs_8_key_is_read_with_its_passphrase_only() -> None:
    encryption = serialization.BestAvailableEncryption(PASSPHRASE)
    text = pem(ed25519_key(), PKCS8, encryption)
    assert parse_encrypted_private_key(text, PASSPHRASE) == ALICE
    with pytest.raises(ConfigurationError, match="does not open"):
        parse_encrypted_private_key(text, b"wrong")
    with pytest.raises(EncryptedKeyError):
        parse_private_key(text)


def test_an_encrypted_root_key_is_refused() -> None:
    encryption = serialization.BestAvailableEncryption(PASSPHRASE)
    with pytest.raises(ConfigurationError, match="unencrypted X25519"):
        parse_root_key(pem(ROOT, PKCS8, encryption))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1())), id="ECDSA"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256R1()), OPENSSH), id="OpenSSH ECDSA"),
        pytest.param(pem(RSA_KEY), id="RSA"),
        pytest.param(pem(RSA_KEY, OPENSSH), id="OpenSSH RSA"),
        pytest.param(pem(ed448.Ed448PrivateKey.generate()), id="Ed448"),
        pytest.param(pem(x25519.X25519PrivateKey.generate()), id="X25519"),
    ],
)
def test_a_private_key_of_another_kind_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        parse_private_key(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0",
        b"not a key",
        b"-----BEGIN OPENSSH PRIVATE KEY-----",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        public_key_line(ALICE.public_key),
    ],
)
def test_what_is_no_private_key_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError):
        parse_private_key(text)
    with pytest.raises(ConfigurationError):
        parse_root_key(text)


def test_a_damaged_private_key_file_is_refused_or_read_as_a_checked_key() -> None:
    text = private_key_text(ALICE)
    for offset in range(len(text)):
        with pytest.raises(ConfigurationError):
            parse_private_key(text[:offset].rstrip(b"-\n"))
        altered = bytearray(text)
        altered[offset] ^= 0x20
        try:
            key = parse_private_key(bytes(altered))
        except ConfigurationError:
            continue
        key.public_key.verify(key.sign(b"message"), b"message")


def test_a_root_key_comes_back_from_its_file() -> None:
    read = parse_root_key(root_key_text(ROOT))
    assert read.private_bytes_raw() == ROOT.private_bytes_raw()


def test_an_ed25519_key_is_no_root_key() -> None:
    with pytest.raises(ConfigurationError, match="not an X25519 key"):
        parse_root_key(pem(ed25519_key()))


def test_a_refusal_shows_nothing_of_the_file() -> None:
    secret = b"c2VjcmV0LXNlY3JldA"
    with pytest.raises(ConfigurationError) as refusal:
        parse_private_key(b"-----BEGIN PRIVATE KEY-----\n" + secret)
    assert secret.decode() not in str(refusal.value)
