"""A certificate and its key, in two files of a deployment that are replaced together.

1  NAME.next.key   the new key is written
2  NAME.crt        is replaced, in one step; from here on, the new pair is in use
3  NAME.next.key   is renamed to NAME.key

The certificate decides which key is read, so whoever reads finds a pair at every moment, also if
this was killed midway. What was begun is finished, or undone, before the next replacement.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.core.errors import ConfigurationError, MalformedError
from sealwire.core.pki import parse_bundle, tls_key_pem
from sealwire.core.secret_files import read_secret, replace_secret, sync_directory


class Pair(NamedTuple):
    """Certificates, and the private key of the first of them."""

    certificates: tuple[x509.Certificate, ...]
    key: ec.EllipticCurvePrivateKey


class PairFiles(NamedTuple):
    """The files NAME.crt and NAME.key of a deployment."""

    directory: Path
    name: str

    @property
    def certificate(self) -> Path:
        """Where the certificates are, PEM."""
        return self.directory / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        """Where the key of the first of them is, PEM; a secret."""
        return self.directory / f"{self.name}.key"

    @property
    def next_key(self) -> Path:
        """Where a new key is, while the pair is being replaced."""
        return self.directory / f"{self.name}.next.key"

    def read(self) -> Pair:
        """Return the pair that is in use.

        Raises:
            ConfigurationError: if a file can't be read, is not what it should be, or the key is not
                the certificate's.
        """
        # Files may be replaced between two reads of ours; the second attempt then finds a pair.
        with contextlib.suppress(ConfigurationError):
            return self._read_once()
        return self._read_once()

    def replace(self, pair: Pair) -> None:
        """Put another pair in use; only one caller at a time may do so.

        Raises:
            ConfigurationError: if a file can't be written. Which pair is in use then, `read` tells.
        """
        self.settle()
        replace_secret(self.next_key, tls_key_pem(pair.key))  # 1
        self.replace_certificates(pair.certificates)  # 2
        self.settle()  # 3

    def replace_certificates(self, certificates: tuple[x509.Certificate, ...]) -> None:
        """Replace the certificates, in one step; `next_key` or `key` is the first one's.

        Raises:
            ConfigurationError: if they can't be written; nothing is changed then.
        """
        # They are public, but have to be replaced as a secret is: in one step, and durably.
        replace_secret(self.certificate, bundle_pem(certificates))
        with contextlib.suppress(OSError):  # in use already, and the owner can read them
            self.certificate.chmod(0o644)

    def settle(self) -> None:
        """Finish, or undo, a replacement that was killed.

        Raises:
            ConfigurationError: as `read` does, or if a file can't be renamed.
        """
        if not self.next_key.exists():
            return
        in_use = self.read().key.public_key()
        try:
            if _read_key(self.next_key).public_key() == in_use:
                self.next_key.replace(self.key)
            else:
                self.next_key.unlink()
            sync_directory(self.directory)
        except OSError as error:
            raise ConfigurationError(
                f"{self.next_key} can't be put in its place: {error.strerror}."
            ) from error

    def _read_once(self) -> Pair:
        key = _read_key(self.key)
        certificates = read_certificates(self.certificate)
        wanted = certificates[0].public_key()
        if key.public_key() != wanted and self.next_key.exists():
            key = _read_key(self.next_key)
        if key.public_key() != wanted:
            raise ConfigurationError(f"{self.key} is not the key of {self.certificate}.")
        return Pair(certificates, key)


def bundle_pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    """Return certificates as one PEM text, in their order."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM file, which holds at least one, and nothing else.

    Raises:
        ConfigurationError: if the file can't be read, or is not that.
    """
    try:
        certificates = tuple(parse_bundle(path.read_bytes()))
        certificates[0].public_key()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from error
    except (MalformedError, ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{path} does not hold certificates in PEM.") from None
    return certificates


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    secret = read_secret(path)
    try:
        key = serialization.load_pem_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{path} is not an unencrypted key in PEM.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{path} is not an ECDSA key.")
    return key
