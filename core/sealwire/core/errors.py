"""The errors that cross the wire, and the one table that gives each its gRPC status.

Every error is a `SealwireError`. An error that may travel has a `reason`; `STATUS_CODES` maps each
reason to a gRPC code. Whatever is not in the table reaches a client as INTERNAL, without detail.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
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

    @property
    def metadata(self) -> Mapping[str, str]:
        """What a program may need besides the reason, as in google.rpc.ErrorInfo."""
        return {}


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


class VersionMismatchError(SealwireError):
    """A record's current version is not the one that was demanded; nothing was changed."""

    reason = "VERSION_MISMATCH"

    def __init__(self, message: str, *, current_version: int, condition: int | None = None) -> None:
        """Keep the version, 0 for none; of several conditions, say which, counted from 0."""
        super().__init__(message)
        self.current_version = current_version
        self.condition = condition

    @property
    def metadata(self) -> Mapping[str, str]:
        """The current version, and which condition did not hold."""
        which = {} if self.condition is None else {"condition": str(self.condition)}
        return {"current_version": str(self.current_version), **which}


class RequestIdReusedError(SealwireError):
    """A request id was used before, for another request; nothing was changed."""

    reason = "REQUEST_ID_REUSED"


class CompactedError(SealwireError):
    """The changes that were asked for are not kept any more."""

    reason = "COMPACTED"

    def __init__(self, message: str, *, oldest_revision: int) -> None:
        """Keep the oldest revision that can still be had."""
        super().__init__(message)
        self.oldest_revision = oldest_revision

    @property
    def metadata(self) -> Mapping[str, str]:
        """The oldest revision that can still be had."""
        return {"oldest_revision": str(self.oldest_revision)}


class UnknownMethodError(SealwireError):
    """The path names no method that this server has a policy for."""

    reason = "UNKNOWN_METHOD"


class OverloadedError(SealwireError):
    """A bound was reached; this delivery did nothing, and a later retry may succeed."""

    reason = "OVERLOADED"


class UnavailableError(SealwireError):
    """The server can't do this now; nothing was acknowledged."""

    reason = "UNAVAILABLE"


class UnknownOutcomeError(UnavailableError):
    """The commit may or may not have taken place; a retry with the same request id finds out."""

    reason = "OUTCOME_UNKNOWN"

    @property
    def metadata(self) -> Mapping[str, str]:
        """That the outcome is unknown."""
        return {"outcome": "unknown"}


class StreamIntegrityError(SealwireError):
    """A stream's messages are not the ones, or not in the order, that were sent."""

    reason = "STREAM_BROKEN"


class SealError(SealwireError):
    """Sealed bytes do not open: they were altered, moved, cut or made under another key."""

    reason = "SEAL_BROKEN"


class ErasedError(SealwireError):
    """It was sealed to an identity that was erased since; nobody can ever open it again."""

    reason = "ERASED"

    def __init__(self) -> None:
        """Say what happened, and nothing of whom it happened to."""
        super().__init__(
            "The identity that this is sealed to was erased: nothing that was sealed to it can be "
            "opened any more, by anybody. Its namespaces can be used anew in a minute."
        )


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
    VersionMismatchError.reason: Code.ABORTED,
    RequestIdReusedError.reason: Code.FAILED_PRECONDITION,
    CompactedError.reason: Code.OUT_OF_RANGE,
    UnknownMethodError.reason: Code.UNIMPLEMENTED,
    OverloadedError.reason: Code.RESOURCE_EXHAUSTED,
    UnavailableError.reason: Code.UNAVAILABLE,
    UnknownOutcomeError.reason: Code.UNAVAILABLE,
    StreamIntegrityError.reason: Code.DATA_LOSS,
    SealError.reason: Code.DATA_LOSS,
    ErasedError.reason: Code.NOT_FOUND,
}
