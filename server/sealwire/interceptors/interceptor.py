"""The interceptor: finds a path's handler once, and from then on serves its protected form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import grpc
import grpc.aio

from sealwire.core.errors import PolicyError
from sealwire.core.policy import method_policy
from sealwire.interceptors.exchange import Protection
from sealwire.interceptors.handlers import Handler, check_handler, protect, refuse_unknown


class SealwireInterceptor(grpc.aio.ServerInterceptor):
    """Verification for a `grpc.aio.server`; make it the only interceptor, or the first.

    A method is served only if its exact path has a policy, or its service is exempt by name. Prefer
    `ProtectedServer`, which notices a missing policy at start-up instead of at the first call.
    """

    def __init__(self, protection: Protection, *, exempt_services: Collection[str] = ()) -> None:
        """Put `protection` in front of every method but those of the exempt services."""
        self._protection = protection
        self._exempt = frozenset(exempt_services)
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the protected handler of a path; of an unknown one, a signed refusal."""
        path = handler_call_details.method
        if found := self._handlers.get(path):
            return found
        handler = await continuation(handler_call_details)
        if handler is None:
            return refuse_unknown(path, self._protection)
        # Only paths with a registered handler are remembered, so the table is bounded.
        return self._handlers.setdefault(path, self._protect(path, handler))

    def _protect(self, path: str, handler: Handler) -> Handler:
        service, _, _ = path.removeprefix("/").partition("/")
        if service in self._exempt:
            return handler
        try:
            policy = method_policy(path)
            check_handler(handler, policy)
        except PolicyError:
            return refuse_unknown(path, self._protection)
        return protect(handler, policy, self._protection)
