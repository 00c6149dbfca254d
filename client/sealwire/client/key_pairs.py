"""New key pairs on disk, as `ssh-keygen` lays them out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sealwire.client.signers.passphrases import new_passphrase
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import encrypted_private_key_text, private_key_text, public_key_line
from sealwire.core.keys import PrivateKey, PublicKey, Random
from sealwire.core.secret_files import write_new_secret


@dataclass(frozen=True, slots=True)
class KeyPairFiles:
    """Where a key pair was written."""

    public_key: PublicKey
    private_key_file: Path
    public_key_file: Path


def write_new_key_pair(path: Path, *, random: Random) -> KeyPairFiles:
    """Make an Ed25519 key pair; write the private key to `path`, the public to `path`.pub.

    Both files have mode 0600 and the OpenSSH form.

    Raises:
        ConfigurationError: if one of them exists already, which is then left as it is.
    """
    return _write(path, PrivateKey.generate(random), private_key_text)


def write_new_encrypted_key_pair(path: Path, *, random: Random) -> KeyPairFiles:
    """Do the same, with the private key encrypted under a passphrase that a person is asked for.

    Raises:
        ConfigurationError: if one of the files exists already, which is then left as it is.
        SignerError: if there is no passphrase.
    """
    return _write(path, PrivateKey.generate(random), _encrypted_text)


def _encrypted_text(key: PrivateKey) -> bytes:
    return encrypted_private_key_text(key, new_passphrase("the new key"))


def _write(path: Path, key: PrivateKey, text: Callable[[PrivateKey], bytes]) -> KeyPairFiles:
    public_path = path.with_name(f"{path.name}.pub")
    for taken in (path, public_path):
        # Before somebody types a passphrase; what is written later replaces nothing either.
        if os.path.lexists(taken):
            raise ConfigurationError(
                f"{taken} exists already and was left as it is; choose another place with --out."
            )
    write_new_secret(path, text(key))
    write_new_secret(public_path, public_key_line(key.public_key))
    return KeyPairFiles(key.public_key, path, public_path)
