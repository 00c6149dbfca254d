"""The text forms of keys at rest: OpenSSH for Ed25519, so that `ssh-keygen` reads them too."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.keys import PrivateKey, PublicKey


def private_key_text(key: PrivateKey) -> bytes:
    """Return an unencrypted OpenSSH private key file (PROTOCOL.key); a secret."""
    return Ed25519PrivateKey.from_private_bytes(key.seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def public_key_line(key: PublicKey) -> bytes:
    """Return an OpenSSH public key line, with the key id as its comment."""
    loaded = Ed25519PublicKey.from_public_bytes(key.raw)
    line = loaded.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line + b" " + key.key_id.encode("ascii") + b"\n"


def parse_private_key(text: bytes) -> PrivateKey:
    """Return the Ed25519 key in an OpenSSH or PKCS #8 private key file.

    Raises:
        ConfigurationError: if the text holds no such key, or the key is encrypted.
    """
    load = (
        serialization.load_ssh_private_key
        if text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
        else serialization.load_pem_private_key
    )
    try:
        key = load(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("This is no unencrypted Ed25519 private key file.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("This private key is not an Ed25519 key.")
    return PrivateKey.from_seed(key.private_bytes_raw())


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
