"""Rotation of a server's signing key; it may be killed at any moment.

1  signing.next.key   the new key is written
2  signing-keys.txt   is replaced; the chain now ends with the new key, which is in use from here on
3  signing.key        the old key is overwritten with zeros
4  signing.next.key   is renamed to signing.key

Killed before 2, nothing has happened, and the new key is never used. Killed behind it, the rotation
has happened, and the next one that is asked for does steps 3 and 4 of this one instead.
"""

from __future__ import annotations

from pathlib import Path

from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text
from sealwire.core.keys import PrivateKey, PublicKey, Random
from sealwire.core.secret_files import overwrite_secret, replace_secret, sync_directory
from sealwire.core.successions import MAX_SUCCESSIONS, announce
from sealwire.server.change_lock import change_lock
from sealwire.server.config import FILE_NAME, read_config
from sealwire.server.signing_keys import (
    CHAIN_FILE,
    KEY_FILE,
    NEXT_KEY_FILE,
    SigningKeys,
    Succession,
    chain_text,
    read_signing_keys,
)


def rotate_signing_key(directory: Path, *, clock: Clock, random: Random) -> PublicKey:
    """Put a new signing key in use, announced by the old one, and return it.

    If an earlier rotation was killed, that one is finished, and no other is begun. The old private
    key is overwritten. A server that is running goes on with the old key until it is restarted.

    Raises:
        ConfigurationError: if the deployment's signing keys can't be read or written, or another
            change of its keys or certificates is under way.
    """
    audience = read_config(directory / FILE_NAME).audience
    with change_lock(directory):
        keys = read_signing_keys(directory, audience=audience)
        if keys.path.name != NEXT_KEY_FILE:
            _announce(directory, keys, audience=audience, issued_at=clock(), random=random)
            keys = read_signing_keys(directory, audience=audience)
        try:
            _retire_old_key(directory)
        except OSError as error:
            raise ConfigurationError(
                f"The new key is in use, but the old one in {directory / KEY_FILE} can't be "
                f"overwritten: {error.strerror}. Rotate again to finish."
            ) from error
    return keys.key.public_key


def _announce(
    directory: Path, keys: SigningKeys, *, audience: str, issued_at: int, random: Random
) -> None:
    """Steps 1 and 2."""
    new = PrivateKey.generate(random)
    signed = announce(keys.key, new.public_key, audience=audience, issued_at=issued_at)
    link = Succession(issued_at, keys.key.public_key, new.public_key, signed.signature)
    chain = (*keys.chain, link)[-MAX_SUCCESSIONS:]
    replace_secret(directory / NEXT_KEY_FILE, private_key_text(new))
    # Public, but it has to be replaced as a secret is: in one step, and durably.
    replace_secret(directory / CHAIN_FILE, chain_text(chain).encode("ascii"))


def _retire_old_key(directory: Path) -> None:
    """Steps 3 and 4."""
    overwrite_secret(directory / KEY_FILE)
    (directory / NEXT_KEY_FILE).replace(directory / KEY_FILE)
    sync_directory(directory)
