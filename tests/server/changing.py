"""A served deployment whose certificates change, and how that looks from outside."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog.testing
from cryptography import x509

from sealwire.client import SigningChannel, TlsIdentity
from sealwire.client.connection import open_channel
from sealwire.core.pki import certificate_pem, certificate_request, new_tls_key, tls_key_pem
from sealwire.server.app import Server, build_server
from sealwire.server.certificate_changes import (
    renew_server_certificate,
    retire_authorities,
    rotate_authority,
)
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import init_deployment
from sealwire.v1.keys_pb2 import RenewCertificateRequest, RenewCertificateResponse
from sealwire.v1.keys_pb2_grpc import KeyServiceStub
from tests.server.members import Member
from tests.server.served import HOST, Served, reached_at
from tests.support.clocks import AdjustableClock
from tests.support.event_loops import LoopThread
from tests.support.http2 import client_context, tls_connection


@dataclass(frozen=True, slots=True)
class Changing:
    """The server, and what an operator does beside it."""

    house: Served
    server: Server

    @property
    def directory(self) -> Path:
        """Where the deployment is."""
        return self.house.deployment.directory

    def reload(self) -> str:
        """Have the files read, and return the log's word for what became of it."""
        with structlog.testing.capture_logs() as log:
            self.house.loop.run(self.server.live.reload())
        (line,) = log
        return f"{line['event']}: {line.get('detail', '')}"

    def reloaded(self) -> None:
        """Have the files read; they must be fit for use, and new."""
        assert self.reload() == "certificates_reloaded: "

    def rotate(self) -> None:
        """Make a new CA."""
        rotate_authority(self.directory, clock=self.house.clock)
        self.reloaded()

    def renew(self) -> None:
        """Make a new server certificate."""
        renew_server_certificate(
            self.directory, hosts=(), clock=self.house.clock, confirm=without_asking
        )
        self.reloaded()

    def retire(self) -> None:
        """Drop the old CAs."""
        assert retire_authorities(self.directory, confirm=without_asking)
        self.reloaded()

    def shown(self, member: Member) -> x509.Certificate:
        """Return the certificate that the server shows at a new handshake."""
        scratch = self.directory.with_name("scratch")
        scratch.mkdir(exist_ok=True)
        context = client_context(scratch, member.tls)
        with tls_connection(self.server.port, context) as connection:
            der = connection.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)


@contextlib.contextmanager
def changing(
    directory: Path,
    loop: LoopThread,
    *,
    check_seconds: float = 3600,
    client_certificates: str = "strict",
) -> Iterator[Changing]:
    """Serve a new deployment, whose files are looked at that often, until the block ends."""
    clock = AdjustableClock()
    deployment = init_deployment(
        directory, hosts=[HOST], listen=f"{HOST}:0", clock=clock, random=os.urandom
    )
    config = dataclasses.replace(deployment.config, client_certificates=client_certificates)
    deployment = dataclasses.replace(deployment, config=config)
    house = Served(deployment, loop, clock)

    async def start() -> Server:
        server = build_server(
            deployment, clock=clock, monotonic=house.monotonic, check_seconds=check_seconds
        )
        await server.start()
        return server

    server = loop.run(start())
    house.deployment = reached_at(deployment, f"{HOST}:{server.port}")
    try:
        yield Changing(house, server)
    finally:
        loop.run(server.stop())


def issuer_of(certificate_pem: bytes) -> str:
    """Return the name of who issued the first certificate in a PEM text."""
    issuer = x509.load_pem_x509_certificate(certificate_pem).issuer
    return issuer.rfc4514_string()


def renewed(member: Member) -> Member:
    """Return a member with a new certificate, and the CAs that came with it."""
    key = new_tls_key()
    with open_channel(member.server, member.tls) as channel:
        answer = _renew(channel, member, certificate_request(key))
    certificate = x509.load_der_x509_certificate(answer.certificate)
    server = dataclasses.replace(member.server, ca_pem=answer.ca_certificates)
    tls = TlsIdentity(certificate_pem(certificate), tls_key_pem(key))
    return dataclasses.replace(member, tls=tls, server=server)


def _renew(channel: grpc.Channel, member: Member, request: bytes) -> RenewCertificateResponse:
    signing = SigningChannel(
        channel,
        member.key,
        audience=member.server.audience,
        server_key=member.server.public_key,
        clock=member.clock,
    )
    answer: RenewCertificateResponse = KeyServiceStub(signing).RenewCertificate(
        RenewCertificateRequest(certificate_request=request)
    )
    return answer
