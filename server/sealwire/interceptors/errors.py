"""From an exception to what a client may see of it: one table, and fixed texts where it matters."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from sealwire.core.errors import (
    ERROR_DOMAIN,
    STATUS_CODES,
    AuthenticationError,
    Code,
    SealError,
    SealwireError,
    StatusError,
)
from sealwire.v1.envelope_pb2 import Status

DETAILS_METADATA_KEY: Final = "grpc-status-details-bin"

# All authentication failures read the same, and damage says nothing about what is stored.
_FIXED_TEXTS: Final = {
    AuthenticationError.reason: "The request is not authenticated.",
    SealError.reason: "A stored record is damaged and was not returned; tell the operator.",
}
_INTERNAL: Final = Status(
    code=Code.INTERNAL, reason="INTERNAL", message="The server failed; its log says why."
)
_MAX_MESSAGE_BYTES: Final = 1_000
_GRPC_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def to_status(error: BaseException) -> Status:
    """Return the status of an error; whatever is not in the table is INTERNAL, without detail."""
    if isinstance(error, StatusError) and error.code != Code.OK:
        message = _fitting(str(error))
        return Status(code=error.code, reason=error.status_reason, message=message)
    if not isinstance(error, SealwireError) or error.reason not in STATUS_CODES:
        return _INTERNAL
    message = _FIXED_TEXTS.get(error.reason) or _fitting(str(error))
    return Status(
        code=STATUS_CODES[error.reason],
        reason=error.reason,
        message=message,
        metadata=error.metadata,
    )


def _fitting(text: str) -> str:
    """Return what fits: a status travels three times in metadata, of which gRPC takes 8 KiB."""
    return text.encode("utf-8", "replace")[:_MAX_MESSAGE_BYTES].decode("utf-8", "ignore")


def grpc_code(status: Status) -> grpc.StatusCode:
    """Return grpc's own name for a status's code."""
    return _GRPC_CODES[status.code]


def error_details(status: Status) -> bytes:
    """Return the google.rpc.Status with ErrorInfo that standard gRPC tooling reads; not signed."""
    info = AnyMessage()
    info.Pack(
        error_details_pb2.ErrorInfo(
            reason=status.reason, domain=ERROR_DOMAIN, metadata=status.metadata
        )
    )
    rich = status_pb2.Status(code=status.code, message=status.message, details=[info])
    serialized: bytes = rich.SerializeToString()
    return serialized
