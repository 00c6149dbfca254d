"""A grpc.aio server that only has protected methods.

It has no insecure port, starts only when every registered method has a policy, and serves a method
without one only if its whole service is exempt by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import grpc
import grpc.aio

from sealwire.core.envelope import MAX_ENVELOPE_BYTES
from sealwire.core.errors import ConfigurationError, PolicyError, UnavailableError
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.interceptors.exchange import Protection
from sealwire.interceptors.handlers import Handler, check_handler, protect, refuse_unknown

HEALTH_SERVICE: Final = "grpc.health.v1.Health"

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_ENVELOPE_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.so_reuseport", 0),
)


class ProtectedServer:
    """Register servicers with their generated `add_…_to_server` functions, add a port, start."""

    def __init__(self, protection: Protection, *, exempt_services: Collection[str] = ()) -> None:
        """Make a server whose methods are all behind `protection`, but for exempt services'."""
        self._protection = protection
        self._exempt = frozenset(exempt_services)
        self._registered: set[str] = set()
        self._announced: set[str] = set()
        self.methods: list[MethodPolicy] = []
        """What is protected so far."""
        self._server = grpc.aio.server(options=_OPTIONS)

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Take a service's handlers, as generated code hands them over.

        Raises:
            PolicyError: if one of them has no policy, or can't be protected.
        """
        handlers = {
            name: self._protected(service_name, name, handler)
            for name, handler in method_handlers.items()
        }
        self._registered.add(service_name)
        self._server.add_registered_method_handlers(service_name, handlers)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Take note of a service; generated code hands its handlers over in the newer form as well.

        Raises:
            PolicyError: for handlers whose service can't be known, and so not be protected.
        """
        for handler in handlers:
            if not isinstance(handler, grpc.ServiceRpcHandler):
                raise PolicyError("Handlers without a service can't be protected.")
            self._announced.add(handler.service_name())

    def add_secure_port(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Bind `address` and return the port; use credentials from `mutual_tls` or `ReloadableTls`.

        Raises:
            ConfigurationError: if the address can't be bound.
        """
        try:
            return self._server.add_secure_port(address, credentials)
        except RuntimeError:
            raise ConfigurationError(
                f"The address {address} can't be listened on: it is in use, or not this machine's."
            ) from None

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            PolicyError: if nothing is registered, or a service only in gRPC's older, generic form,
                in which its methods can't be known.
        """
        if unknown := sorted(self._announced - self._registered):
            raise PolicyError(f"Register {unknown[0]} with its generated add_…_to_server function.")
        if not self._registered:
            raise PolicyError("No service is registered, so there is nothing to serve.")
        self._server.add_generic_rpc_handlers((_Unknown(self._protection),))
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Refuse new calls at once, and give those under way `grace` seconds to finish."""
        await self._server.stop(grace)

    async def wait_for_termination(self) -> None:
        """Return when the server was stopped.

        grpc.aio decodes a request's path before it asks any of our code. A path that is not UTF-8
        raises there, and ends its accept loop for good; whoever runs a server must wait here, and
        end its process when this raises, so that its supervisor starts it again.

        Raises:
            UnavailableError: if gRPC ended by itself.
        """
        try:
            await self._server.wait_for_termination()
        except Exception as error:  # whatever ended it, nothing is served any more
            raise UnavailableError(
                "gRPC ended by itself, and nothing is served any more; start the server again."
            ) from error

    def _protected(self, service_name: str, name: str, handler: Handler) -> Handler:
        if service_name in self._exempt:
            return handler
        policy = method_policy(f"/{service_name}/{name}")
        check_handler(handler, policy)
        self.methods.append(policy)
        return protect(handler, policy, self._protection)


class _Unknown(grpc.GenericRpcHandler):
    """Answers for every path that is not registered."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        return refuse_unknown(handler_call_details.method, self._protection)
