"""Root keys that whoever starts the process hands to it: no command makes or removes any of them.

A new version is made by hand, and given to the server, which is started again, before it is used.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_root_key
from sealwire.core.keys import Random
from sealwire.server.handed_secrets import read_credential, read_descriptor
from sealwire.server.root_key_source import Provided

_KEY: Final = re.compile(
    rb"version ([1-9][0-9]{0,9})\n(-----BEGIN PRIVATE KEY-----\n[^-]*-----END PRIVATE KEY-----\n)"
)


class RootKeyCredentials:
    """Credentials of the systemd unit, roots_1.key and so on: LoadCredential=roots:DIRECTORY."""

    name = "the systemd credentials"
    is_writable = False

    def load(self, version: int) -> X25519PrivateKey:
        """Return the key of a version; ConfigurationError names its credential."""
        return _parsed(read_credential(_credential(version)), f"The credential roots_{version}.key")

    def provide(self, version: int, *, random: Random) -> Provided:
        """Return the key in the credential of a new version, which must be there."""
        try:
            return Provided(self.load(version), was_there=True)
        except ConfigurationError as error:
            raise _by_hand(version, f"as the credential {_credential(version)}", error) from error

    def discard(self, version: int) -> bool:
        """Return False: the credential is not this program's to destroy."""
        return False


class RootKeyDescriptor:
    """An inherited file descriptor that gives every key, each behind a line `version N`."""

    is_writable = False

    def __init__(self, number: int) -> None:
        """Read from a descriptor when a key is first asked for, once."""
        self.name = f"file descriptor {number}"
        self._number = number
        self._texts: dict[int, bytes] = {}

    def load(self, version: int) -> X25519PrivateKey:
        """Return the key of a version; ConfigurationError says that there is none."""
        if not self._texts:
            self._texts = _split(read_descriptor(self._number), self.name)
        if version not in self._texts:
            raise ConfigurationError(f"There is no root key version {version} in {self.name}.")
        return _parsed(self._texts[version], f"Root key version {version} in {self.name}")

    def provide(self, version: int, *, random: Random) -> Provided:
        """Return the key of a new version, which must be there."""
        try:
            return Provided(self.load(version), was_there=True)
        except ConfigurationError as error:
            place = f"behind a line `version {version}` on {self.name}"
            raise _by_hand(version, place, error) from error

    def discard(self, version: int) -> bool:
        """Return False: what is handed over is not this program's to destroy."""
        return False


def _credential(version: int) -> str:
    return f"roots_{version}.key"


def _split(text: bytes, name: str) -> dict[int, bytes]:
    found = list(_KEY.finditer(text))
    keys = {int(key[1]): key[2] for key in found}
    if not found or b"".join(key[0] for key in found) != text or len(keys) != len(found):
        raise ConfigurationError(
            f"{name} must give root keys as PEM, each behind a line like `version 1`, and once."
        )
    return keys


def _parsed(text: bytes, place: str) -> X25519PrivateKey:
    try:
        return parse_root_key(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None


def _by_hand(version: int, place: str, why: ConfigurationError) -> ConfigurationError:
    return ConfigurationError(
        f"{why} No command can write there, so a new key is made by hand: openssl genpkey "
        f"-algorithm X25519. Provide it {place}, beside those in use, to the server, and start it "
        f"again; then run this command, with the same keys. Nothing was changed."
    )
