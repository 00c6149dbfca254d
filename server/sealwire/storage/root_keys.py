"""The backend's X25519 root keys: with one of them, and a salt, every sealing key can be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError

MAX_ROOT_VERSION: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RootKeys:
    """Root keys by version, from 1; `current` seals, and all of them unseal."""

    by_version: Mapping[int, X25519PrivateKey] = field(repr=False)
    current: int

    def __post_init__(self) -> None:
        """Refuse versions that the sealing format can't write, and a current one that is absent.

        Raises:
            ConfigurationError: for either.
        """
        if not all(1 <= version <= MAX_ROOT_VERSION for version in self.by_version):
            raise ConfigurationError(f"A root key's version is from 1 to {MAX_ROOT_VERSION}.")
        if self.current not in self.by_version:
            raise ConfigurationError(
                f"Root key version {self.current} is to seal, but it is not among the root keys."
            )
        object.__setattr__(self, "by_version", MappingProxyType(dict(self.by_version)))

    def public_halves(self) -> dict[int, bytes]:
        """Return each version's 32-byte public key."""
        return {
            version: key.public_key().public_bytes_raw() for version, key in self.by_version.items()
        }
