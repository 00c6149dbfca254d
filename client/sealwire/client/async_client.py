"""The asyncio client of a Sealwire server."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from sealwire.client.async_calling import AsyncChannelCaller
from sealwire.client.connection import Access, TlsIdentity
from sealwire.client.identity_operations import AsyncIdentities
from sealwire.client.key_operations import AsyncKeys
from sealwire.client.lines import DEFAULT_TIMEOUT, Circumstances
from sealwire.client.namespace_operations import AsyncNamespaces
from sealwire.client.operations import Asyncio
from sealwire.client.permission_operations import AsyncPermissions
from sealwire.client.pinning import OnNewServerKey
from sealwire.client.record_operations import RecordOperations
from sealwire.client.upkeep import Upkeep
from sealwire.core.clock import Clock, system_clock
from sealwire.core.invitation import ServerIdentity
from sealwire.core.keys import Random, Signer


class AsyncClient(RecordOperations, Asyncio):
    """`Client` for asyncio: the same methods, promises and errors; many calls may be under way."""

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
        """Talk to `server` as `signer`, as `Client` does; call inside a running loop."""
        self._calls = AsyncChannelCaller(
            upkeep or Upkeep(Access(server, signer, tls), on_new_server_key),
            Circumstances(clock, random, timeout),
        )
        super().__init__(self._calls)
        self.namespaces = AsyncNamespaces(self._calls)
        self.keys = AsyncKeys(self._calls)
        self.identities = AsyncIdentities(self._calls)
        self.permissions = AsyncPermissions(self._calls)

    async def close(self) -> None:
        """Close the connection."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
