"""What a handler is given beside the request: who called, and what was signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sealwire.core.errors import AuthenticationError
from sealwire.core.policy import MethodPolicy
from sealwire.interceptors.identity import Applicant, Caller
from sealwire.v1.envelope_pb2 import RequestStatement, SignedMessage


class RpcState(Protocol):
    """What a handler may ask of the RPC itself."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the client's deadline, or None without one."""
        ...

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Return the request's metadata, which is not signed."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One verified call. A handler takes it where plain gRPC passes a ServicerContext.

    To end the call with an error, raise a `SealwireError`; its status is signed like any answer.
    """

    method: MethodPolicy
    sender: Caller | Applicant
    signed: SignedMessage
    statement: RequestStatement
    rpc: RpcState

    @property
    def caller(self) -> Caller:
        """The enrolled caller.

        Raises:
            AuthenticationError: in a method whose policy lets keys that are not enrolled sign.
        """
        if not isinstance(self.sender, Caller):
            raise AuthenticationError("The key that signed this request is not enrolled.")
        return self.sender

    @property
    def applicant(self) -> Applicant:
        """The sender of a method whose policy says SIGNER_PRESENTED.

        Raises:
            AuthenticationError: in any other method.
        """
        if not isinstance(self.sender, Applicant):
            raise AuthenticationError("The key that signed this request is enrolled already.")
        return self.sender
