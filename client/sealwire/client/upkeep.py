"""What a client does so that its access stays good while it runs."""

from __future__ import annotations

from sealwire.client.connection import Access
from sealwire.client.pinning import OnNewServerKey
from sealwire.core.keys import PublicKey


class Upkeep:
    """An access that stays as it is. Subclasses replace `access`; any thread may read it.

    `renew` and `follow` may take a while: they read files, and ask the server. They don't raise for
    what a later attempt may mend.
    """

    def __init__(self, access: Access, on_new_server_key: OnNewServerKey | None = None) -> None:
        """Begin with `access`."""
        self.access = access
        self._on_new_server_key = on_new_server_key

    def due(self, _now: int) -> bool:
        """Tell whether `renew` should be called before the next call (`_now` in milliseconds)."""
        return False

    def renew(self) -> None:
        """Replace `access` before it ends."""

    def follow(self, refused: Access) -> bool:
        """Tell whether there is another access than the one that the server has just refused."""
        return refused is not self.access

    def remember(self, server_key: PublicKey) -> None:
        """Take note of the key that the server's signing key was rotated to."""
        if self._on_new_server_key is not None:
            self._on_new_server_key(server_key)
