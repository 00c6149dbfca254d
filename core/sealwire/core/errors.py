"""The errors that cross the wire, and the one table that gives each its gRPC status.

Every error is a `SealwireError`. An error that may travel has a `reason`; `STATUS_CODES` maps each
reason to a gRPC code. Whatever is not in the table reaches a client as INTERNAL, without detail.
"""

from __future__ import annotations

import enum
from typing import ClassVar

ERROR_DOMAIN = "sealwire"


class Code(enum.IntEnum):
    """google.rpc.Code, by number."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class SealwireError(Exception):
    """Root of every error that Sealwire raises. Its text is a sentence that may be shown."""

    reason: ClassVar[str] = "INTERNAL"


class AuthenticationError(SealwireError):
    """The request is not authentic. The text goes to the log; outside, all of them look alike."""

    reason = "UNAUTHENTICATED"


class MalformedError(SealwireError):
    """Bytes or values that no conforming client sends."""

    reason = "MALFORMED"


class PermissionDeniedError(SealwireError):
    """The caller may not do this, or the thing does not exist; the two look alike."""

    reason = "PERMISSION_DENIED"


class NotFoundError(SealwireError):
    """The thing does not exist, said only to those who may know."""

    reason = "NOT_FOUND"


class AlreadyExistsError(SealwireError):
    """A thing with this name exists already."""

    reason = "ALREADY_EXISTS"


class UnknownMethodError(SealwireError):
    """The path names no method that this server has a policy for."""

    reason = "UNKNOWN_METHOD"


class OverloadedError(SealwireError):
    """A bound was reached; this delivery did nothing, and a later retry may succeed."""

    reason = "OVERLOADED"


class UnavailableError(SealwireError):
    """The server can't do this now; nothing was acknowledged."""

    reason = "UNAVAILABLE"


class StreamIntegrityError(SealwireError):
    """A stream's messages are not the ones, or not in the order, that were sent."""

    reason = "STREAM_BROKEN"


class SealError(SealwireError):
    """Sealed bytes do not open: they were altered, moved, cut or made under another key."""

    reason = "SEAL_BROKEN"


class StatusError(SealwireError):
    """A handler's own error, with the code and reason that its clients are to see."""

    def __init__(self, code: Code, reason: str, message: str) -> None:
        """Say `message` to the client, and `reason`, in UPPER_SNAKE_CASE, to its program."""
        super().__init__(message)
        self.code = code
        self.status_reason = reason


class PolicyError(SealwireError):
    """A service can't be protected as it is declared; raised at start-up."""

    reason = "POLICY"


class ConfigurationError(SealwireError):
    """A file or a setting can't be used; raised at start-up."""

    reason = "CONFIGURATION"


STATUS_CODES: dict[str, Code] = {
    AuthenticationError.reason: Code.UNAUTHENTICATED,
    MalformedError.reason: Code.INVALID_ARGUMENT,
    PermissionDeniedError.reason: Code.PERMISSION_DENIED,
    NotFoundError.reason: Code.NOT_FOUND,
    AlreadyExistsError.reason: Code.ALREADY_EXISTS,
    UnknownMethodError.reason: Code.UNIMPLEMENTED,
    OverloadedError.reason: Code.RESOURCE_EXHAUSTED,
    UnavailableError.reason: Code.UNAVAILABLE,
    StreamIntegrityError.reason: Code.DATA_LOSS,
    SealError.reason: Code.DATA_LOSS,
}
