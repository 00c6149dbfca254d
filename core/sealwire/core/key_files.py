"""The text forms of keys at rest: OpenSSH for Ed25519, so that `ssh-keygen` reads them too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import PrivateKey, PublicKey

ENCRYPTION_ROUNDS: Final = 64
"""Of bcrypt, for a new file: four times ssh-keygen 9.2's; a guess costs some 0.4 seconds."""


class EncryptedKeyError(ConfigurationError):
    """A private key file is encrypted, and no passphrase was given."""


def private_key_text(key: PrivateKey) -> bytes:
    """Return an unencrypted OpenSSH private key file (PROTOCOL.key); a secret."""
    return Ed25519PrivateKey.from_private_bytes(key.seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def encrypted_private_key_text(key: PrivateKey, passphrase: bytes) -> bytes:
    """Return an OpenSSH private key file that is encrypted under a passphrase, not empty.

    The cipher is AES-256-CTR, which lets a change go unnoticed: compare the public key that is read
    back with the one that is expected.
    """
    encryption = (
        serialization.PrivateFormat.OpenSSH.encryption_builder()
        .kdf_rounds(ENCRYPTION_ROUNDS)
        .build(passphrase)
    )
    return Ed25519PrivateKey.from_private_bytes(key.seed).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption
    )


def public_key_line(key: PublicKey) -> bytes:
    """Return an OpenSSH public key line, with the key id as its comment."""
    loaded = Ed25519PublicKey.from_public_bytes(key.raw)
    line = loaded.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line + b" " + key.key_id.encode("ascii") + b"\n"


def parse_private_key(text: bytes) -> PrivateKey:
    """Return the Ed25519 key in an OpenSSH or PKCS #8 private key file.

    Raises:
        EncryptedKeyError: if the file is encrypted.
        ConfigurationError: if the text holds no such key.
    """
    try:
        key = _loader(text)(text, None)
    except TypeError:
        raise EncryptedKeyError(
            "This private key file is encrypted, where an unencrypted Ed25519 one is needed."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("This is no unencrypted Ed25519 private key file.") from None
    return _ed25519(key)


def parse_encrypted_private_key(text: bytes, passphrase: bytes) -> PrivateKey:
    """Return the Ed25519 key in an OpenSSH or PKCS #8 private key file that is encrypted.

    Raises:
        ConfigurationError: if the passphrase does not open it, it is not encrypted, or it holds no
            such key.
    """
    try:
        key = _loader(text)(text, passphrase)
    except (ValueError, TypeError, InvalidTag):
        raise ConfigurationError(
            "The passphrase does not open this private key file, or the file is damaged."
        ) from None
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            "This private key file is encrypted with a cipher that is not supported here; change "
            "it with: ssh-keygen -p -Z aes256-ctr -f FILE"
        ) from None
    return _ed25519(key)


def root_key_text(key: X25519PrivateKey) -> bytes:
    """Return an unencrypted PKCS #8 PEM of an X25519 root key; a secret."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def parse_root_key(text: bytes) -> X25519PrivateKey:
    """Return the X25519 key in a PKCS #8 PEM file.

    Raises:
        ConfigurationError: if the text holds no such key.
    """
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("This is no unencrypted X25519 private key file.") from None
    if not isinstance(key, X25519PrivateKey):
        raise ConfigurationError("This private key is not an X25519 key.")
    return key


def _loader(text: bytes) -> Callable[[bytes, bytes | None], object]:
    if text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
        return serialization.load_ssh_private_key
    return serialization.load_pem_private_key


def _ed25519(key: object) -> PrivateKey:
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("This private key is not an Ed25519 key.")
    return PrivateKey.from_seed(key.private_bytes_raw())
