"""The backend's X25519 root keys: with one of them, and a salt, every sealing key can be made.

Which versions there are stands in the database, beside their public halves; the highest seals. The
private halves come from a source outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError

MAX_ROOT_VERSION: Final = 2**32 - 1

PublicHalves = Mapping[int, bytes]
"""The 32-byte public key of each version."""


class RootKeySource(Protocol):
    """Where private root keys come from. Thread-safe."""

    @property
    def name(self) -> str:
        """What the place is called in a sentence."""
        ...

    def load(self, version: int) -> X25519PrivateKey:
        """Return the key of a version; a running server asks for one that is new.

        Raises:
            ConfigurationError: if it is not there, or can't be read; the sentence names the place.
        """
        ...


@dataclass(frozen=True, slots=True)
class RootKeys:
    """Root keys by version, from 1; the highest seals, and all of them unseal.

    They are a source, too: of these keys, and no others.
    """

    by_version: Mapping[int, X25519PrivateKey] = field(repr=False)
    name: str = field(default="the root keys that were given", repr=False)

    def __post_init__(self) -> None:
        """Refuse to be without keys, and versions that the sealing format can't write.

        Raises:
            ConfigurationError: for either.
        """
        if not self.by_version:
            raise ConfigurationError("There is no root key, and nothing is sealed without one.")
        if not all(1 <= version <= MAX_ROOT_VERSION for version in self.by_version):
            raise ConfigurationError(f"A root key's version is from 1 to {MAX_ROOT_VERSION}.")
        object.__setattr__(self, "by_version", MappingProxyType(dict(self.by_version)))

    @property
    def current(self) -> int:
        """The version that seals."""
        return max(self.by_version)

    def load(self, version: int) -> X25519PrivateKey:
        """Return the key of a version; ConfigurationError if it is not among these."""
        if version not in self.by_version:
            raise ConfigurationError(f"Version {version} is not among {self.name}.")
        return self.by_version[version]

    def public_halves(self) -> dict[int, bytes]:
        """Return each version's 32-byte public key."""
        return {version: public_half(key) for version, key in self.by_version.items()}


def public_half(key: X25519PrivateKey) -> bytes:
    """Return the 32-byte public key of a root key."""
    return key.public_key().public_bytes_raw()


def load_named(source: RootKeySource, named: PublicHalves) -> RootKeys:
    """Return the keys that a database names, each with exactly the public half that stands there.

    What else the source has is not looked at.

    Raises:
        ConfigurationError: if one is missing, or is another one.
    """
    return RootKeys({version: _load(source, version, named[version]) for version in named})


def _load(source: RootKeySource, version: int, expected: bytes) -> X25519PrivateKey:
    try:
        key = source.load(version)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"The database needs root key version {version}, and nothing was changed. {error}"
        ) from error
    if public_half(key) != expected:
        raise ConfigurationError(
            f"The database was made with other root keys than these: version {version} of "
            f"{source.name} is not its own. Nothing was changed. Start with the root key that "
            "belongs to it: no other opens its records."
        )
    return key
