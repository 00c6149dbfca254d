"""The blocking client of a Sealwire server."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from sealwire.client.calling import ChannelCaller
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.identity_operations import Identities
from sealwire.client.key_operations import Keys
from sealwire.client.lines import DEFAULT_TIMEOUT, Circumstances
from sealwire.client.namespace_operations import Namespaces
from sealwire.client.operations import Blocking
from sealwire.client.permission_operations import Permissions
from sealwire.client.pinning import OnNewServerKey
from sealwire.client.record_operations import RecordOperations
from sealwire.client.upkeep import Upkeep
from sealwire.core.clock import Clock, system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import Random, Signer


class Client(RecordOperations, Blocking):
    """Signs every request, and returns only what the pinned server key has signed.

    Records are its own methods; the rest is grouped in `namespaces`, `keys`, `identities` and
    `permissions`. Every method raises `RemoteError` for a signed refusal,
    `ResponseVerificationError` for an answer that does not verify, and `TransportError` when no
    signed answer came. Before that, what only reads and what the server does only once however
    often it is asked is tried up to four times, within the call's time. Threads may share a client.

    One that `Profile.connect` made keeps itself connected: it renews its certificate before that
    ends, and goes on with the profile's new key when that was rotated.
    """

    def __init__(
        self,
        server: ServerIdentity,
        signer: Signer,
        tls: TlsIdentity,
        *,
        clock: Clock = system_clock,
        random: Random = os.urandom,
        timeout: float = DEFAULT_TIMEOUT,
        on_new_server_key: OnNewServerKey | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """Talk to `server` as `signer`; `timeout` is in seconds, for each call.

        `on_new_server_key` is told when the server's signing key was rotated, as `SigningChannel`
        says. `upkeep` hears of it in its place, and keeps the rest good as well; without one, it
        stays as it is.
        """
        self._calls = ChannelCaller(
            upkeep or Upkeep(Access(server, signer, tls), on_new_server_key),
            Circumstances(clock, random, timeout),
        )
        super().__init__(self._calls)
        self.namespaces = Namespaces(self._calls)
        self.keys = Keys(self._calls)
        self.identities = Identities(self._calls)
        self.permissions = Permissions(self._calls)

    def close(self) -> None:
        """Close the connection."""
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
