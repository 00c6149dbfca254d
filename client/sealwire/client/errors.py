"""What can go wrong on the way to a server, as sentences that say what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sealwire.core.errors import Code, SealwireError, UnknownOutcomeError
from sealwire.v1.envelope_pb2 import Status

UNSIGNED_SENTENCE: Final = (
    "No signed answer came back ({code}: {details}). Whether the request took effect is unknown; "
    "check that the server runs and is reachable, then look before you repeat it."
)
_CODES: Final = {int(code): code for code in Code}


class TransportError(SealwireError):
    """No signed answer arrived; the status proves nothing about the effect."""

    reason = "TRANSPORT"

    def __init__(self, message: str, *, code: Code = Code.UNKNOWN) -> None:
        """Keep the status that gRPC gave, which nobody signed."""
        super().__init__(message)
        self.code = code


class RemoteError(SealwireError):
    """The server refused or failed, and signed that it did."""

    reason = "REMOTE"

    def __init__(self, status: Status, message: str) -> None:
        """Keep the signed status beside the sentence for people."""
        super().__init__(message)
        self.code = _CODES.get(status.code, Code.UNKNOWN)
        self.status_reason = status.reason
        self._metadata = dict(status.metadata)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What else the server signed for programs, such as `current_version`."""
        return self._metadata


class UnauthenticatedError(RemoteError):
    """The server does not take the request as authentic."""


class ForbiddenError(RemoteError):
    """The caller may not do this, or it does not exist."""


class MissingError(RemoteError):
    """The thing does not exist."""


class InvalidRequestError(RemoteError):
    """The server refused the request's form."""


class ExistsError(RemoteError):
    """Something has this name, or is this key, already."""


class PreconditionError(RemoteError):
    """It can't be done as things are; `status_reason` says why, such as LAST_ADMIN."""


class ConflictError(RemoteError):
    """A condition did not hold, so nothing was done; `metadata` has the `current_version`."""


_KINDS: Final[dict[int, type[RemoteError]]] = {
    Code.UNAUTHENTICATED: UnauthenticatedError,
    Code.PERMISSION_DENIED: ForbiddenError,
    Code.NOT_FOUND: MissingError,
    Code.INVALID_ARGUMENT: InvalidRequestError,
    Code.ALREADY_EXISTS: ExistsError,
    Code.FAILED_PRECONDITION: PreconditionError,
    Code.ABORTED: ConflictError,
}

_ADVICE: Final[dict[int, str]] = {
    Code.UNAUTHENTICATED: (
        " Check that this profile belongs to this server, that its identity was not suspended nor"
        " its key or certificate revoked, and the clock: the server's is {ahead} this machine's."
    ),
    Code.PERMISSION_DENIED: " Ask whoever grants permissions there.",
    Code.RESOURCE_EXHAUSTED: " Wait a little before you try again.",
    Code.UNAVAILABLE: " Nothing was acknowledged; try again.",
}

_DOUBT: Final = " Look whether it took effect before you repeat it."


def remote_error(status: Status, *, server_ahead_ms: int) -> RemoteError:
    """Return the exception of a verified status; `server_ahead_ms` compares the two clocks."""
    kind = _KINDS.get(status.code, RemoteError)
    side = "ahead of" if server_ahead_ms >= 0 else "behind"
    ahead = f"{abs(server_ahead_ms) / 1000:.1f} s {side}"
    advice = _DOUBT if status.reason == UnknownOutcomeError.reason else _ADVICE.get(status.code, "")
    return kind(status, status.message + advice.format(ahead=ahead))
