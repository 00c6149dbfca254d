"""Health is answered to whoever has a certificate, and holds no data; reflection is off."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from sealwire.client import TlsIdentity
from sealwire.client.connection import open_channel
from sealwire.core.invitation import ServerIdentity
from tests.server.members import Member, bootstrap
from tests.server.served import Served
from tests.server.wire import wire_of
from tests.support.pki import Pki

REFLECTION = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
]


def check(server: ServerIdentity, tls: TlsIdentity, service: str = "") -> bytes:
    """Return the bytes of the answer to a health check."""
    with open_channel(server, tls) as channel:
        answer: health_pb2.HealthCheckResponse = HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=20
        )
    serialized: bytes = answer.SerializeToString()
    return serialized


SERVING = health_pb2.HealthCheckResponse(status=1).SerializeToString()


# case 14
def test_health_answers_without_a_signature_and_says_nothing_but_serving(
    server: Served, alice: Member, name: str
) -> None:
    assert check(server.identity, alice.tls) == SERVING
    assert check(server.identity, bootstrap(server.invite(name))) == SERVING
    with open_channel(server.identity, alice.tls) as channel:
        first = next(iter(HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)))
    assert first.SerializeToString() == SERVING


# case 14
def test_health_knows_of_no_service_by_name(server: Served, alice: Member) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        check(server.identity, alice.tls, "sealwire.v1.RecordService")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


# case 4, case 14
def test_health_is_not_answered_without_a_certificate_of_the_ca(server: Served) -> None:
    stranger = Pki.create().client().tls
    with pytest.raises(grpc.RpcError) as refused:
        check(server.identity, stranger)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    credentials = grpc.ssl_channel_credentials(server.identity.ca_pem.encode())
    with grpc.secure_channel(server.identity.address, credentials) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


# case 14
@pytest.mark.parametrize("path", REFLECTION)
def test_reflection_is_off(alice: Member, path: str) -> None:
    with wire_of(alice) as line:
        status = line.refusal(path, alice.signed_bytes(path, b""))
        assert (status.code, status.reason) == (12, "UNKNOWN_METHOD")
