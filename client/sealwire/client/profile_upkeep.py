"""Keeps a running client in step with its profile, and the profile's certificate from ending.

What another process does to the profile, a rotation or a renewal, counts here as well.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from sealwire.client.certificates import Lifetime
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.profile_changes import changing, settled
from sealwire.client.renewal import Means, keep, renewed
from sealwire.client.rotation_state import settle_next
from sealwire.client.server_pins import replace_server_key
from sealwire.client.tls_files import matching_certificate
from sealwire.client.upkeep import Upkeep
from sealwire.core.errors import SealwireError
from sealwire.core.keys import PublicKey

LEAST_WAIT_MS: Final = 10_000
"""A renewal that failed is tried again after a tenth of the time that is left, or this."""


class Kept(Protocol):
    """A profile, as far as it is kept up."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def public_key_id(self) -> str:
        """The id of its key, known without opening the key."""
        ...

    @property
    def access(self) -> Access:
        """What it gives access to."""
        ...

    @property
    def is_renewed_here(self) -> bool:
        """Whether the deployment's own CA issues its certificates."""
        ...

    def require_current(self, *, now: int) -> None:
        """Raise ConfigurationError if its certificate has ended."""
        ...


class ProfileUpkeep(Upkeep):
    """Of one profile; any thread may use it.

    Renewing begins when less than a third of the certificate's lifetime is left. That it fails is
    no error before the certificate has ended.
    """

    def __init__(self, kept: Kept, *, read: Callable[[Path], Kept], means: Means) -> None:
        """Begin with `kept`; `read` gives the profile in a directory."""
        super().__init__(kept.access)
        self._kept = kept
        self._read = read
        self._means = means
        self._busy = threading.Lock()
        self._lifetime = _lifetime(kept.access.tls)
        self._due_from = self._lifetime.renewed_from

    def due(self, now: int) -> bool:
        """Tell whether the certificate should be renewed, or tried to be renewed again."""
        return now >= self._due_from

    def renew(self) -> None:
        """Take the profile's newer certificate, or have a new one issued.

        Raises:
            ConfigurationError: if the certificate has ended, and there is no newer one.
        """
        if not self._busy.acquire(blocking=False):
            return  # meanwhile, others go on with the certificate that they have
        try:
            now = self._means.clock()
            self._due_from = now + max((self._lifetime.ends - now) // 10, LEAST_WAIT_MS)
            with contextlib.suppress(SealwireError, OSError):
                self._renew(now)
        finally:
            self._busy.release()
        if now >= self._lifetime.ends:
            self._kept.require_current(now=now)

    def follow(self, refused: Access) -> bool:
        """Go on with the profile's other key, if it has one by now; tell whether it has.

        It has if another process has rotated the key, or a rotation that was interrupted turns out
        to have happened.
        """
        with self._busy:
            if refused is self.access:
                with contextlib.suppress(SealwireError, OSError):
                    self._follow(refused)
            return refused is not self.access

    def remember(self, server_key: PublicKey) -> None:
        """Pin the server's new key in the profile, if it can be written; the next process does."""
        with contextlib.suppress(SealwireError, OSError), changing(self._kept.folder):
            replace_server_key(self._kept.folder, server_key)

    def _renew(self, now: int) -> None:
        folder = self._kept.folder
        stored = settled(folder, self._read)
        self._take(stored)
        if now < self._lifetime.renewed_from or not stored.is_renewed_here:
            return
        fresh = renewed(self.access, self._means)
        try:
            kept = keep(folder, fresh, instead_of=stored.access)
        except (SealwireError, OSError):
            kept = True  # a profile that can't be written: for this process, it is as good
        if kept:
            self._use(fresh)
        else:
            self._take(settled(folder, self._read))

    def _follow(self, refused: Access) -> None:
        folder = self._kept.folder
        self._take(settled(folder, self._read))
        if refused is self.access:
            settle_next(folder, lambda path: self._read(path).access, self._means)
            self._take(settled(folder, self._read))

    def _take(self, stored: Kept) -> None:
        """Use what the profile holds: another key, or a certificate that lasts longer."""
        access = stored.access
        if stored.public_key_id != self._kept.public_key_id:
            self._kept = stored
            self._use(access)
        elif _lifetime(access.tls).ends > self._lifetime.ends:
            # The key is open already; the profile's would have to be opened anew.
            self._use(Access(access.server, self.access.signer, access.tls))

    def _use(self, access: Access) -> None:
        self._lifetime = _lifetime(access.tls)
        self._due_from = self._lifetime.renewed_from
        self.access = access


def _lifetime(tls: TlsIdentity) -> Lifetime:
    return Lifetime.of(matching_certificate(tls))
