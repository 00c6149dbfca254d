"""A server that takes the certificates of an outside PKI, and that PKI."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sealwire.client import Client, TlsIdentity
from sealwire.core.clock import system_clock
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import CertificateAuthority, Validity
from tests.server.cast import Cast
from tests.server.changing import Changing, changing
from tests.server.keyring import new_key
from tests.server.members import TIMEOUT, Member
from tests.server.served import Served
from tests.support.event_loops import LoopThread
from tests.support.pki import Pki

URI = "spiffe://example.org/ns/shop/sa/orders"


@dataclass(frozen=True, slots=True)
class Outside:
    """The server, with room for members, and the outside PKI's issuing CA, below its root."""

    running: Changing
    cast: Cast
    issuing: Pki

    @property
    def house(self) -> Served:
        """The server."""
        return self.running.house

    def certificate(self, uri: str = URI) -> TlsIdentity:
        """Return a TLS identity of the outside PKI, with the certificates above it."""
        leaf = self.issuing.certificate_for(uri)
        return TlsIdentity(leaf.certificate_pem + self.issuing.ca_pem, leaf.key_pem)

    def join(
        self, invitation: Invitation, tls: TlsIdentity, *, key: PrivateKey | None = None
    ) -> Member:
        """Return the member that an invitation becomes, over a connection of somebody's own."""
        key, house = key or new_key(), self.house
        with Client(invitation.server, key, tls, clock=house.clock, timeout=TIMEOUT) as client:
            answer = client.enroll(invitation, b"")
        assert answer.certificate == b""
        return Member(answer.identity, key, tls, invitation.server, house.clock)


@contextlib.contextmanager
def outside(directory: Path, loop: LoopThread) -> Iterator[Outside]:
    """Serve a new deployment that takes an outside root's clients, until the block ends."""
    root = CertificateAuthority.create("Outside root", validity=Validity(system_clock(), days=1))
    with (
        changing(directory, loop, client_certificates="registered") as running,
        contextlib.ExitStack() as stack,
    ):
        (directory / "client-ca.crt").write_bytes(Pki(root).ca_pem)
        running.reloaded()
        yield Outside(running, Cast(running.house, stack), Pki.under(root))
