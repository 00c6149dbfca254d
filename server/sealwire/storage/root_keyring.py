"""The root keys in use, while the database may come to name others: another process rotates them.

A transaction begins with a look at the versions that the database names, in the very state that it
is going to read. So it knows every version that anything it finds can be sealed under, and it seals
under the highest: from the commit on that adds a version, nothing new depends on an older one.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError, UnavailableError
from sealwire.storage.root_keys import PublicHalves, RootKeys, RootKeySource, load_named
from sealwire.storage.root_rows import named_root_keys

RETRY_SECONDS: Final = 5.0
"""How long a key that could not be had is not asked for again."""

_log = logging.getLogger(__name__)


class _InUse(NamedTuple):
    """What the database named last, and the keys of it that are at hand."""

    named: PublicHalves
    keys: Mapping[int, X25519PrivateKey]
    current: int


class RootKeyring:
    """The root keys that the database names. Thread-safe.

    A version that it names, and whose key is not at hand, is an outage and no damage: what depends
    on it can't be opened now. While that is the highest one, nothing is sealed.
    """

    def __init__(
        self, source: RootKeySource, keys: RootKeys, *, monotonic: Callable[[], float]
    ) -> None:
        """Begin with the keys that the database names now; `source` has those to come."""
        self._source = source
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self._in_use = _InUse(keys.public_halves(), keys.by_version, keys.current)

    @classmethod
    def of(cls, keys: RootKeys) -> RootKeyring:
        """Return a ring of keys beside which there are no others."""
        return cls(keys, keys, monotonic=lambda: 0.0)

    @property
    def current(self) -> int:
        """The version that seals; UnavailableError if its key is not at hand."""
        in_use = self._in_use
        if in_use.current not in in_use.keys:
            raise self._missing(in_use.current)
        return in_use.current

    def find(self, version: int) -> X25519PrivateKey | None:
        """Return the key of a version; None if the database does not name it.

        Raises:
            UnavailableError: if the database names it, and its key is not at hand.
        """
        in_use = self._in_use
        key = in_use.keys.get(version)
        if key is None and version in in_use.named:
            raise self._missing(version)
        return key

    def follow(self, driver: sqlite3.Connection) -> None:
        """Use what the database names, as a transaction sees it that has just begun.

        A key that can't be had is missing from then on, and asked for again now and then.
        """
        named, in_use = named_root_keys(driver), self._in_use
        if named == in_use.named and len(named) == len(in_use.keys):
            return
        with self._lock:
            # The highest version only ever grows. Who sees a lower one reads an older state than
            # another thread did; or somebody took the newest away, to have an older one used.
            if max(named, default=0) >= self._in_use.current:
                self._follow(named)

    def _follow(self, named: PublicHalves) -> None:
        before, now = self._in_use, self._monotonic()
        if named == before.named and now < self._retry_at:
            return
        self._retry_at = now + RETRY_SECONDS
        keys = {}
        for version, public in named.items():
            if version in before.keys and before.named[version] == public:
                keys[version] = before.keys[version]
            elif key := self._loaded(version, public):
                keys[version] = key
        self._in_use = _InUse(dict(named), keys, max(named))

    def _loaded(self, version: int, public: bytes) -> X25519PrivateKey | None:
        try:
            return load_named(self._source, {version: public}).by_version[version]
        except ConfigurationError as error:
            _log.warning("What is sealed under a root key can't be opened now. %s", error)
            return None

    def _missing(self, version: int) -> UnavailableError:
        return UnavailableError(
            f"Root key version {version} can't be had from {self._source.name}; try again later."
        )
