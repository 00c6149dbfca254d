"""The only way from a handler to the store: every unit begins with who calls, as of that moment.

A key that was revoked while its request waited is refused in the transaction that would have acted.
So is every request that begins after the revocation was acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from sealwire.core.clock import Clock
from sealwire.core.errors import PolicyError
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization, Unit
from sealwire.server.idempotency import Answering, Mutation, once
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.permissions import PERMISSIONS, Rule
from sealwire.server.rights import Rights, require_active
from sealwire.storage import AuthorityVersion, Store, Transaction

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guard:
    """Runs units for verified calls."""

    store: Store
    rights: Rights
    keys: StoreKeyDirectory
    clock: Clock

    async def read(self, call: Call, unit: Unit[T]) -> T:
        """Return what `unit` returns; it reads one committed state, and decides by that.

        Raises:
            AuthenticationError: if the caller's key, identity or certificate is not active.
            UnavailableError, OverloadedError, SealError: as `Store.read`.
        """
        result, version = await self.store.read(self._unit(call, unit))
        self.keys.observe(version)
        return result

    async def read_long(self, call: Call, unit: Unit[T]) -> T:
        """Do as `read` does, for a unit that may take long: it holds up no others but its like."""
        result, version = await self.store.read_long(self._unit(call, unit))
        self.keys.observe(version)
        return result

    async def write(self, call: Call, unit: Unit[T]) -> T:
        """Return what `unit` returns, once it is on stable storage; else it has no effect.

        Raises:
            AuthenticationError: if the caller's key, identity or certificate is not active.
            UnavailableError, OverloadedError, SealError: as `Store.write`.
        """
        result, version = await self.store.write(self._unit(call, unit))
        self.keys.observe(version)
        return result

    async def mutate(
        self,
        call: Call,
        request: Mutation,
        unit: Unit[M],
        *,
        answering: Answering[M] | None = None,
    ) -> M:
        """Do as `write` does, once for each request id of the caller's identity.

        A retry is answered as the first delivery was, whatever has changed since, also after a
        restart; `answering` says how, if the answer is not to be kept whole. Without a request id,
        every delivery has its effect.

        Raises:
            MalformedError: if the request id is no UUID.
            RequestIdReusedError: if it was used for another request.
            AuthenticationError, UnavailableError, OverloadedError, SealError: as `write`.
        """
        return await self.write(call, once(call, request, unit, answering))

    async def destroy_salt(self, identity_id: str) -> None:
        """Let nothing that was sealed to an identity be opened again, if its erasure is committed.

        Raises:
            UnavailableError, OverloadedError: if that can't be done now; it may be repeated.
        """
        await self.store.read(lambda tx: tx.identities.destroy_salt(identity_id))

    async def enrol(self, call: Call, unit: Callable[[Transaction], T]) -> T:
        """Return what `unit` makes of an invitation; for methods that keys not enrolled may call.

        Raises:
            PolicyError: if the method is not such a one.
        """
        if PERMISSIONS.get(call.method.permission) != Rule.INVITED:
            raise PolicyError(f"{call.method.path} takes no invitation.")

        def run(tx: Transaction) -> tuple[T, AuthorityVersion]:
            return unit(tx), tx.authority.version()

        result, version = await self.store.write(run)
        self.keys.observe(version)
        return result

    def _unit(
        self, call: Call, unit: Unit[T]
    ) -> Callable[[Transaction], tuple[T, AuthorityVersion]]:
        caller, now = call.caller, self.clock()

        def run(tx: Transaction) -> tuple[T, AuthorityVersion]:
            view = self.rights.of(tx)
            standing = require_active(
                view.standing(caller.public_key.key_id), serial=caller.peer.serial, now=now
            )
            auth = Authorization(call.method, standing, view, now)
            result = unit(auth)
            auth.require_decided()
            return result, tx.authority.version()

        return run
