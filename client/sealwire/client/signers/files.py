"""Keys in files: made in the profile, encrypted or not, or lying somewhere else already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sealwire.client.signers.passphrases import new_passphrase, passphrase_of
from sealwire.client.signers.spec import ENCRYPTED, FILE, IDENTITY_KEY_FILE, Settled
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import (
    EncryptedKeyError,
    encrypted_private_key_text,
    parse_encrypted_private_key,
    parse_private_key,
    private_key_text,
)
from sealwire.core.keys import PrivateKey, Random
from sealwire.core.secret_files import read_secret, write_new_secret


@dataclass(frozen=True, slots=True)
class NewKeyFile:
    """A key of the profile's own, in a file that only the user can open."""

    text = FILE

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Make the key and write it."""
        key = PrivateKey.generate(random)
        write_new_secret(folder / IDENTITY_KEY_FILE, private_key_text(key))
        return Settled(FILE, key)

    def open(self, folder: Path) -> PrivateKey:
        """Read the key."""
        return parse_private_key(read_secret(folder / IDENTITY_KEY_FILE))


@dataclass(frozen=True, slots=True)
class EncryptedKeyFile:
    """A key of the profile's own, in a file that opens with a passphrase."""

    text = ENCRYPTED

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Ask for a passphrase, make the key, and write it."""
        passphrase = new_passphrase("the new key")
        key = PrivateKey.generate(random)
        encrypted = encrypted_private_key_text(key, passphrase)
        write_new_secret(folder / IDENTITY_KEY_FILE, encrypted)
        return Settled(ENCRYPTED, key)

    def open(self, folder: Path) -> PrivateKey:
        """Ask for the passphrase, and read the key."""
        path = folder / IDENTITY_KEY_FILE
        text = read_secret(path)
        return parse_encrypted_private_key(text, passphrase_of(repr(str(path))))


@dataclass(frozen=True, slots=True)
class ExistingKeyFile:
    """A key that somebody made before, such as ~/.ssh/id_ed25519; it stays where it is."""

    path: Path

    @classmethod
    def at(cls, path: str) -> Self:
        """Return the key at `path`; "~" is the user's home.

        Raises:
            ConfigurationError: if there is no such home.
        """
        try:
            return cls(Path(path).expanduser().absolute())
        except RuntimeError:
            raise ConfigurationError(
                f"There is no home for the ~ of {path!r}; write the path without it."
            ) from None

    @property
    def text(self) -> str:
        """The spec with the whole path, so that it means the same in every directory."""
        return f"file:{self.path}"

    def settle(self, folder: Path, *, random: Random) -> Settled:
        """Take the key as it is."""
        return Settled(self.text, self.open(folder))

    def open(self, folder: Path) -> PrivateKey:
        """Read the key, and ask for its passphrase if it has one."""
        text = read_secret(self.path)
        try:
            return parse_private_key(text)
        except EncryptedKeyError:
            return parse_encrypted_private_key(text, passphrase_of(repr(str(self.path))))
