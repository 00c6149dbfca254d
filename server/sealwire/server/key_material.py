"""Reading a deployment's certificates and keys; whatever is wrong, the error names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_root_key
from sealwire.core.secret_files import read_secret
from sealwire.storage import RootKeys

K = TypeVar("K")


def read_pair(certificate: Path, key: Path) -> tuple[x509.Certificate, PrivateKeyTypes]:
    """Return the first certificate in one file, and its private key from another; both PEM.

    Raises:
        ConfigurationError: if one can't be read, or they don't belong together.
    """
    secret = read_secret(key)
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(secret, None)
        belongs = private.public_key() == found.public_key()
    except OSError as error:
        raise ConfigurationError(f"{certificate} can't be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            f"{certificate} and {key} are not a certificate and an unencrypted key in PEM."
        ) from None
    if not belongs:
        raise ConfigurationError(f"{key} is not the key of {certificate}.")
    return found, private


def read_key(path: Path, parse: Callable[[bytes], K]) -> K:
    """Return what `parse` makes of a secret file; its ConfigurationError is given the path."""
    secret = read_secret(path)
    try:
        return parse(secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def read_root_keys(directory: Path) -> RootKeys:
    """Return the root keys in a directory, of which the latest one seals.

    Raises:
        ConfigurationError: if there is none, or a file is not named or filled as it should be.
    """
    paths = {path.stem: path for path in directory.glob("*.key")}
    if not paths or not all(stem.isascii() and stem.isdigit() for stem in paths):
        raise ConfigurationError(f"{directory} must hold root keys named by version, like 1.key.")
    keys = {int(stem): read_key(path, parse_root_key) for stem, path in paths.items()}
    return RootKeys(keys, current=max(keys))
