"""A plain channel to a real server: anything may go out, and what comes back must be signed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import grpc

from sealwire.client import TlsIdentity
from sealwire.client.connection import open_channel
from sealwire.core.envelope import digest
from sealwire.core.invitation import ServerIdentity
from sealwire.core.responses import (
    PRESENTED_KEY_METADATA_KEY,
    STATUS_METADATA_KEY,
    open_response,
    open_stream_response,
)
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import ResponseStatement, SignedMessage, Status
from tests.server.members import TIMEOUT, Member
from tests.support.rpc_errors import failed_call

PUT = "/sealwire.v1.RecordService/PutRecord"
GET = "/sealwire.v1.RecordService/GetRecord"
LIST = "/sealwire.v1.RecordService/ListRecords"
DELETE = "/sealwire.v1.RecordService/DeleteRecord"
ENROLL = "/sealwire.v1.IdentityService/Enroll"
WHOAMI = "/sealwire.v1.IdentityService/WhoAmI"

# What every failed authentication looks like from outside.
UNAUTHENTICATED = Status(
    code=16, reason="UNAUTHENTICATED", message="The request is not authenticated."
)
# What every sealed record that does not open looks like from outside.
DAMAGED = Status(
    code=15,
    reason="SEAL_BROKEN",
    message="A stored record is damaged and was not returned; tell the operator.",
)
FORBIDDEN = Status(
    code=7,
    reason="PERMISSION_DENIED",
    message="You have no right to this in this namespace.",
)


@dataclass(frozen=True, slots=True)
class Wire:
    """One connection."""

    channel: grpc.Channel
    server: ServerIdentity

    def answer(
        self, path: str, message: SignedMessage | bytes, *, presented: bytes | None = None
    ) -> ResponseStatement:
        """Send one message; return the body or the status that the server signed for it."""
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        metadata = () if presented is None else ((PRESENTED_KEY_METADATA_KEY, presented),)
        data = message if isinstance(message, bytes) else message.SerializeToString()
        try:
            answer = send(data, metadata=metadata, timeout=TIMEOUT)
        except grpc.RpcError as error:
            statement = self._open(path, message, _trailing_status(error))
            _require_same_status(statement.status, error)
            return statement
        statement = self._open(path, message, answer)
        assert statement.HasField("body")
        return statement

    def first(self, path: str, message: SignedMessage) -> ResponseStatement:
        """Ask for a stream of answers; return the first, or the status that it ended with."""
        receive: grpc.UnaryStreamMultiCallable[bytes, bytes] = self.channel.unary_stream(path)
        answers = receive(message.SerializeToString(), timeout=TIMEOUT)
        try:
            data = next(answers)
        except grpc.RpcError as error:
            data = _trailing_status(error)
        finally:
            answers.cancel()
        return open_stream_response(
            data,
            server_key=self.server.public_key,
            method=path,
            request_digests={digest(message.payload)},
            chain=StreamChain(),
        )

    def refusal(
        self, path: str, message: SignedMessage | bytes, *, presented: bytes | None = None
    ) -> Status:
        """Send one message that must be refused; return the status that the server signed."""
        statement = self.answer(path, message, presented=presented)
        assert statement.HasField("status"), "the server accepted what it must refuse"
        return statement.status

    def _open(self, path: str, message: SignedMessage | bytes, data: bytes) -> ResponseStatement:
        # An answer to bytes that are no envelope is bound to the bytes themselves.
        sent = message if isinstance(message, bytes) else message.payload
        return open_response(
            data,
            server_key=self.server.public_key,
            method=path,
            request_digests={digest(sent)},
        )


def _trailing_status(error: grpc.RpcError) -> bytes:
    """Return the one signed status of a failed call."""
    call = failed_call(error)
    values = [v for k, v in call.trailing_metadata() or () if k == STATUS_METADATA_KEY]
    assert len(values) == 1, f"unsigned: {call.code().name}, {call.details()}"
    assert isinstance(values[0], bytes)
    return values[0]


def _require_same_status(status: Status, error: grpc.RpcError) -> None:
    """What gRPC itself says must be what was signed."""
    call = failed_call(error)
    assert (status.code, status.message) == (call.code().value[0], call.details())


@contextlib.contextmanager
def wire(server: ServerIdentity, tls: TlsIdentity) -> Iterator[Wire]:
    """Connect with any TLS identity of the deployment's CA."""
    with open_channel(server, tls) as channel:
        yield Wire(channel, server)


@contextlib.contextmanager
def wire_of(member: Member) -> Iterator[Wire]:
    """Connect as a member."""
    with wire(member.server, member.tls) as connected:
        yield connected
