"""Root keys in files of mode 0600, `roots/N.key`: each as it is, or under a passphrase."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_root_key, root_key_text
from sealwire.core.keys import Random
from sealwire.core.secret_files import destroy_secret, read_secret, write_new_secret
from sealwire.core.wrapped_keys import (
    DEFAULT_COST,
    Cost,
    is_wrapped,
    parse_wrapped_root_key,
    wrapped_root_key_text,
)
from sealwire.server.root_key_source import Provided

OLD: Final = ".old"
"""What a file's second name ends with, while it is replaced (root_wrapping.py)."""


class RootKeyFiles:
    """A directory of root keys. Thread-safe.

    A file is read again whenever its key is asked for, and opened again only if it has changed.
    """

    is_writable = True

    def __init__(
        self, directory: Path, *, passphrase: bytes | None = None, cost: Cost = DEFAULT_COST
    ) -> None:
        """Look into `directory`; without a passphrase, wrapped keys can't be opened."""
        self.directory = directory
        self._passphrase = passphrase
        self._cost = cost
        self._opened: dict[int, tuple[bytes, X25519PrivateKey]] = {}

    @property
    def name(self) -> str:
        """The directory."""
        return str(self.directory)

    def path(self, version: int) -> Path:
        """Return where the key of a version is."""
        return self.directory / f"{version}.key"

    def load(self, version: int) -> X25519PrivateKey:
        """Return the key of a version; ConfigurationError names its file."""
        text = read_secret(self.path(version))
        before, key = self._opened.get(version, (b"", None))
        if key is None or text != before:
            key = self._parsed(text, version)
            self._opened[version] = (text, key)
        return key

    def provide(self, version: int, *, random: Random) -> Provided:
        """Return the key in the file of a new version, which is written unless it is there.

        It is under the passphrase if the one before it is.
        """
        path = self.path(version)
        remove_leftovers(self.directory)
        was_there = _is_there(path)
        if not was_there:
            key = X25519PrivateKey.from_private_bytes(random(32))
            before = read_secret(self.path(version - 1))
            if is_wrapped(before):
                text = self.wrapped(key, version, random=random)
            else:
                text = root_key_text(key)
            write_new_secret(path, text)
        return Provided(self.load(version), was_there)

    def discard(self, version: int) -> bool:
        """Overwrite and remove the file of a version, whatever is in it."""
        remove_leftovers(self.directory)
        path = self.path(version)
        there = [name for name in (path.with_name(path.name + OLD), path) if _is_there(name)]
        for name in there:
            destroy_secret(name)
        self._opened.pop(version, None)
        return bool(there)

    def wrapped(self, key: X25519PrivateKey, version: int, *, random: Random) -> bytes:
        """Return the text of a file that holds a key under the passphrase.

        Raises:
            ConfigurationError: if this process knows no passphrase.
        """
        passphrase = self._known_passphrase()
        return wrapped_root_key_text(key, version, passphrase, random=random, cost=self._cost)

    def _known_passphrase(self) -> bytes:
        if self._passphrase is None:
            raise ConfigurationError(
                "The root keys were put under a passphrase after this process began, which does "
                "not know it; start it again."
            )
        return self._passphrase

    def _parsed(self, text: bytes, version: int) -> X25519PrivateKey:
        try:
            if not is_wrapped(text):
                return parse_root_key(text)
            return parse_wrapped_root_key(text, version, self._known_passphrase())
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.path(version)}: {error}") from None


def any_wrapped(directory: Path) -> bool:
    """Tell whether a directory has a root key that is under a passphrase."""
    for path in directory.glob("*.key"):
        with contextlib.suppress(ConfigurationError):  # whoever needs the file hears of it
            if is_wrapped(read_secret(path)):
                return True
    return False


def remove_leftovers(directory: Path) -> None:
    """Remove what writers left that were killed; only under the lock that they hold.

    Raises:
        ConfigurationError: if that can't be done.
    """
    for path in directory.glob(".*.key.*.tmp"):
        if path.lstat().st_nlink == 1:
            destroy_secret(path)
        else:
            path.unlink()  # a second name of a key's file


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()
