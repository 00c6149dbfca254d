"""New key pairs on disk, as `ssh-keygen` lays them out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text, public_key_line
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
    public_path = path.with_name(f"{path.name}.pub")
    if os.path.lexists(public_path):
        raise ConfigurationError(
            f"{public_path} exists already and was left as it is; choose another place with --out."
        )
    key = PrivateKey.generate(random)
    write_new_secret(path, private_key_text(key))
    write_new_secret(public_path, public_key_line(key.public_key))
    return KeyPairFiles(key.public_key, path, public_path)
