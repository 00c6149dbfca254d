"""Who gets through to the service at all: TLS, certificates, and their binding to keys."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from shop.v1.orders_pb2 import PlaceOrderRequest

from sealwire.client import TlsIdentity, TransportError
from sealwire.core.clock import system_clock
from sealwire.core.errors import AuthenticationError, Code
from sealwire.core.pki import Validity, certificate_pem, new_tls_key, tls_key_pem
from sealwire.interceptors.transport import authenticate_transport
from tests.interceptors.shop import APPLES, PLACE, Line, Shop, open_shop
from tests.support.http2 import Http2Client, client_context, tls_connection
from tests.support.pki import DAY_MS, HOST, TRUST_DOMAIN, Client, Pki
from tests.support.rpc_errors import failed_call
from tests.support.servers import House


def assert_no_handshake(shop: Shop, tls: TlsIdentity) -> None:
    """Assert that a client with this identity does not get as far as the interceptor."""
    with shop.house.channel(tls) as channel, pytest.raises(grpc.RpcError) as failed:
        Line(channel, shop.line.server_key).place(shop.order())
    assert failed_call(failed.value).code() is grpc.StatusCode.UNAVAILABLE
    assert shop.house.refusals == []
    assert shop.service.entered == 0


def refused_identity(shop: Shop, tls: TlsIdentity) -> str:
    """Return the logged reason for which alice's key is refused behind another identity."""
    with shop.line_of(Client(shop.alice.key, tls)) as line:
        assert line.refusal(shop.order()).code == Code.UNAUTHENTICATED
    assert shop.service.entered == 0
    return str(shop.house.refusals[-1].error)


def test_a_plaintext_connection_gets_no_answer(shop: Shop) -> None:
    # case 1
    insecure = grpc.insecure_channel(shop.house.address)
    with insecure as channel, pytest.raises(grpc.RpcError) as failed:
        Line(channel, shop.line.server_key).place(shop.order())
    assert failed_call(failed.value).code() is grpc.StatusCode.UNAVAILABLE
    with socket.create_connection((HOST, shop.house.port), timeout=30) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        with contextlib.suppress(ConnectionResetError):
            assert not plain.recv(65_536).startswith(b"\0\0")
    assert shop.service.entered == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_older_than_1_2_does_not_connect(
    shop: Shop, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    # case 2
    context = client_context(tmp_path, shop.alice.tls)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = version
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = version
    refused = pytest.raises((ssl.SSLError, ConnectionResetError))
    with refused, tls_connection(shop.house.port, context):
        pass


def test_a_request_over_tls_1_2_is_refused(shop: Shop, tmp_path: Path) -> None:
    # case 3
    context = client_context(tmp_path, shop.alice.tls)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls_connection(shop.house.port, context) as connection:
        assert connection.version() == "TLSv1.2"
        answer = Http2Client(connection).call(PLACE, shop.order().SerializeToString())
    assert answer.grpc_status == Code.UNAUTHENTICATED
    assert "TLS 1.3" in str(shop.house.refusals[-1].error)
    assert shop.service.entered == 0


def test_the_same_request_over_tls_1_3_is_accepted(shop: Shop, tmp_path: Path) -> None:
    # case 3
    with tls_connection(shop.house.port, client_context(tmp_path, shop.alice.tls)) as connection:
        assert connection.version() == "TLSv1.3"
        answer = Http2Client(connection).call(PLACE, shop.order().SerializeToString())
    assert answer.grpc_status == Code.OK


SERVE = """
from sealwire.core.tls import refuse_tls_1_2
refuse_tls_1_2()
import asyncio, os, sys
from pathlib import Path
from examples.orders.people import Town, TRUST_DOMAIN, AUDIENCE, HOST
from examples.orders.server import Settings, build_server, listen
from examples.orders.service import OrderService
from sealwire.interceptors import InMemoryKeyDirectory, create_journal

async def serve():
    journal = Path(sys.argv[1])
    create_journal(journal)
    town = Town.found()
    alice = town.customer("alice").tls
    journal.with_name("alice.pem").write_bytes(alice.certificate_pem + alice.key_pem)
    settings = Settings(AUDIENCE, TRUST_DOMAIN, town.shop_key, InMemoryKeyDirectory.of(), journal)
    server = build_server(settings, OrderService({}))
    tls = town.shop_tls()
    port = listen(server, f"{HOST}:0", certificate_pem=tls.certificate_pem,
                  key_pem=tls.key_pem, client_ca_pem=town.ca_pem)
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)

asyncio.run(serve())
"""


def test_with_refuse_tls_1_2_only_a_1_3_handshake_succeeds(tmp_path: Path) -> None:
    # case 3
    command = [sys.executable, "-c", SERVE, str(tmp_path / "replay")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        context = client_context(tmp_path, None)
        context.load_cert_chain(tmp_path / "alice.pem")
        with tls_connection(port, context) as connection:
            assert connection.version() == "TLSv1.3"
            assert Http2Client(connection).call("/", b"").grpc_status == Code.UNIMPLEMENTED
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        refused = pytest.raises((ssl.SSLError, ConnectionResetError))
        with refused, tls_connection(port, context):
            pass
        server.communicate()
    assert server.returncode == 0


def test_without_a_client_certificate_nothing_is_answered(shop: Shop, tmp_path: Path) -> None:
    # case 4
    context = client_context(tmp_path, None)
    refused = pytest.raises((ssl.SSLError, ConnectionError))
    with refused, tls_connection(shop.house.port, context) as connection:
        Http2Client(connection).call(PLACE, shop.order().SerializeToString())
    assert shop.service.entered == 0
    assert shop.house.refusals == []


def test_a_certificate_of_another_ca_does_not_connect(shop: Shop) -> None:
    # case 5
    other = Pki.create()
    assert_no_handshake(shop, other.certificate_for(TRUST_DOMAIN.key_uri(shop.alice.key_id)))


@pytest.mark.parametrize("age_days", [-2, 3])
def test_an_expired_or_not_yet_valid_certificate_does_not_connect(
    shop: Shop, age_days: int
) -> None:
    # case 6
    validity = Validity(system_clock() - age_days * DAY_MS, days=1)
    uri = TRUST_DOMAIN.key_uri(shop.alice.key_id)
    assert_no_handshake(shop, shop.house.pki.certificate_for(uri, validity=validity))


@pytest.mark.parametrize("days", [-2, 2])
def test_a_certificate_is_checked_again_on_every_request_of_an_open_connection(
    shop: Shop, days: int
) -> None:
    # case 6
    shop.line.place(shop.order())
    shop.house.clock.advance(days * DAY_MS)
    assert shop.line.refusal(shop.order()).code == Code.UNAUTHENTICATED
    assert "not valid now" in str(shop.house.refusals[-1].error)
    shop.house.clock.advance(-days * DAY_MS)
    shop.line.place(shop.order())


def test_one_clients_certificate_does_not_carry_anothers_requests(shop: Shop) -> None:
    # case 9
    bob = shop.house.enrol("bob")
    assert "belongs to another key" in refused_identity(shop, bob.tls)


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://other.example/key/{key_id}",
        "spiffe://test.example/key/{key_id}/",
        "spiffe://test.example/invitation/{key_id}",
        "SPIFFE://test.example/key/{key_id}",
        "https://test.example/key/{key_id}",
    ],
)
def test_a_certificate_with_a_similar_name_is_not_the_keys(shop: Shop, uri: str) -> None:
    # case 9
    tls = shop.house.pki.certificate_for(uri.format(key_id=shop.alice.key_id))
    assert "belongs to another key" in refused_identity(shop, tls)


def test_a_server_certificate_is_no_clients(shop: Shop) -> None:
    # case 11
    assert_no_handshake(shop, shop.house.pki.server())


def certificate_with(
    pki: Pki, names: list[x509.GeneralName], usages: list[x509.ObjectIdentifier]
) -> TlsIdentity:
    """Return an identity that the CA issued with any names and usages."""
    key, authority = new_tls_key(), pki.authority
    validity = Validity(system_clock(), days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.start)
        .not_valid_after(validity.end)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return TlsIdentity(certificate_pem(certificate), tls_key_pem(key))


CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH


def test_a_certificate_must_have_exactly_one_uri_name(shop: Shop) -> None:
    # case 11
    own = x509.UniformResourceIdentifier(TRUST_DOMAIN.key_uri(shop.alice.key_id))
    other = x509.UniformResourceIdentifier("spiffe://test.example/key/other")
    pki = shop.house.pki
    two = certificate_with(pki, [own, other], [CLIENT_AUTH])
    assert "exactly one URI" in refused_identity(shop, two)
    none = certificate_with(pki, [x509.DNSName("alice")], [CLIENT_AUTH])
    assert "exactly one URI" in refused_identity(shop, none)
    unnamed = certificate_with(pki, [], [CLIENT_AUTH])
    assert "not a Sealwire client's" in refused_identity(shop, unnamed)


def test_a_certificate_must_say_that_it_is_for_clients(shop: Shop) -> None:
    # case 11
    own = x509.UniformResourceIdentifier(TRUST_DOMAIN.key_uri(shop.alice.key_id))
    unsaid = certificate_with(shop.house.pki, [own], [])
    assert "not a Sealwire client's" in refused_identity(shop, unsaid)


@dataclass(frozen=True)
class Connected:
    """A connection that TLS let through with these properties."""

    properties: dict[str, list[bytes]]

    def auth_context(self) -> dict[str, list[bytes]]:
        return self.properties


@pytest.mark.parametrize(
    ("version", "certificates", "reason"),
    [
        ([b"TLSv1.2"], 1, "not TLS 1.3"),
        ([], 1, "not TLS 1.3"),
        ([b"TLSv1.3", b"TLSv1.2"], 1, "not TLS 1.3"),
        ([b"TLSv1.3"], 0, "no client certificate"),
        ([b"TLSv1.3"], 2, "no client certificate"),
        ([b"TLSv1.3"], 1, "not meant for clients"),
    ],
)
def test_the_transport_step_does_not_lean_on_tls_alone(
    pki: Pki, version: list[bytes], certificates: int, reason: str
) -> None:
    # case 11
    server = pki.server().certificate_pem
    properties = {"ssl_tls_version": version, "x509_pem_cert": [server] * certificates}
    with pytest.raises(AuthenticationError, match=reason):
        authenticate_transport(Connected(properties), now=system_clock())


def test_a_client_refuses_a_server_with_another_name(house: House) -> None:
    # case 12
    assert_client_refuses(house, house.pki.server("elsewhere.example"))


def test_a_client_refuses_a_server_of_another_ca(house: House) -> None:
    # case 12
    assert_client_refuses(house, Pki.create().server())


def test_a_client_refuses_a_client_that_poses_as_the_server(house: House) -> None:
    # case 12
    uri = x509.UniformResourceIdentifier("spiffe://test.example/key/mallory")
    address = x509.DNSName("localhost")
    assert_client_refuses(house, certificate_with(house.pki, [uri, address], [CLIENT_AUTH]))


def assert_client_refuses(house: House, tls: TlsIdentity) -> None:
    """Assert that nothing is sent to a server with this identity."""
    with open_shop(house, tls=tls) as shop:
        with pytest.raises(TransportError, match="UNAVAILABLE"):
            shop.stub.PlaceOrder(PlaceOrderRequest(item=APPLES))
        assert shop.service.entered == 0


PATHS = [
    "",
    "/",
    "//shop.v1.OrderService/PlaceOrder",
    "/shop.v1.OrderService//PlaceOrder",
    "/shop.v1.OrderService/PlaceOrder/",
    "/shop.v1.OrderService/PlaceOrder?x",
    "/shop.v1.OrderService/PlaceOrder?",
    "/shop.v1.OrderService/PlaceOrder#x",
    "/shop.v1.OrderService/PlaceOrder%00",
    "/shop.v1.OrderService/%50laceOrder",
    "/shop.v1.OrderService/./PlaceOrder",
    "/shop.v1.OrderService/../shop.v1.OrderService/PlaceOrder",
    "/shop.v1.OrderService/placeOrder",
    "/shop.v1.OrderService/PLACEORDER",
    "/Shop.v1.OrderService/PlaceOrder",
    "/shop.v1.OrderService/PlaceOrder ",
    "/shop.v1.OrderService/PlaceOrder;x",
    "/shop.v1.OrderService",
    "/shop.v1.OrderService/",
    "/OrderService/PlaceOrder",
    "/.shop.v1.OrderService/PlaceOrder",
    "shop.v1.OrderService/PlaceOrder",
    "https://localhost/shop.v1.OrderService/PlaceOrder",
    "*",
    "/shop.v1.OrderService/PlaceÖrder",
    "/" + "x" * 4_000,
]


def test_only_the_exact_path_of_a_method_is_served(shop: Shop, tmp_path: Path) -> None:
    # case 13
    context = client_context(tmp_path, shop.alice.tls)
    for path in PATHS:
        with tls_connection(shop.house.port, context) as connection:
            answer = Http2Client(connection).call(path, shop.order().SerializeToString())
        assert answer.reset or answer.grpc_status == Code.UNIMPLEMENTED, path
    with tls_connection(shop.house.port, context) as connection:
        assert Http2Client(connection).call(PLACE, shop.order().SerializeToString()).data
    assert shop.service.entered == 1


def test_a_request_without_a_path_is_not_served(shop: Shop, tmp_path: Path) -> None:
    # case 13
    context = client_context(tmp_path, shop.alice.tls)
    with tls_connection(shop.house.port, context) as connection:
        answer = Http2Client(connection).call(None, shop.order().SerializeToString())
    assert answer.reset or answer.grpc_status not in {None, Code.OK}
    assert shop.service.entered == 0


def test_the_refusal_of_an_unknown_path_is_signed(shop: Shop) -> None:
    # case 13
    for path in ("/shop.v1.OrderService/Refund", "/nothing/at/all", PLACE + "/"):
        status = shop.line.refusal(shop.order(), path=path)
        assert (status.code, status.reason) == (Code.UNIMPLEMENTED, "UNKNOWN_METHOD")
    assert shop.line.refusal(b"", path="/x/y").code == Code.UNIMPLEMENTED


def test_an_unenrolled_client_of_the_ca_learns_nothing_else(shop: Shop) -> None:
    stranger = shop.house.pki.client()
    signed = shop.house.requests(stranger).unary(PLACE, b"")
    with shop.line_of(stranger) as line:
        assert line.refusal(signed).code == Code.UNAUTHENTICATED
    assert shop.service.entered == 0
