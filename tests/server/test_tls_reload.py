"""Certificates that change on the disk: used if they are fit for use, else reported and left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog.testing
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client import UnauthenticatedError
from sealwire.core.clock import system_clock
from sealwire.core.pki import (
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.secret_files import replace_secret
from sealwire.server.certificate_changes import renew_server_certificate
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import load_deployment
from sealwire.server.tls_reload import LiveDeployment
from tests.server.changing import Changing, changing
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess, operate
from tests.server.served import HOST
from tests.server.test_serving import wait_for
from tests.support.event_loops import LoopThread
from tests.support.pki import Pki

TLS_FILES = ["ca.crt", "ca.key", "server.crt", "server.key"]


@pytest.fixture
def deployment(tmp_path: Path, loop: LoopThread) -> Iterator[Changing]:
    with changing(tmp_path / "deployment", loop) as running:
        yield running


def whoami(member: Member) -> str:
    with member.client() as client:
        return client.whoami().name


def names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_new_server_certificate_is_shown_without_a_restart(deployment: Changing) -> None:
    alice = deployment.house.enrol("alice")
    before = deployment.shown(alice)
    with alice.client() as client:
        client.whoami()
        deployment.renew()
        after = deployment.shown(alice)
        assert names(after) == names(before)
        assert after.serial_number != before.serial_number
        assert after.public_key() != before.public_key()
        assert client.whoami().name == whoami(alice) == "alice"


def test_files_that_have_not_changed_change_nothing(deployment: Changing) -> None:
    alice = deployment.house.enrol("alice")
    before = deployment.shown(alice)
    assert deployment.reload() == "certificates_unchanged: "
    assert deployment.shown(alice) == before


def test_a_handshake_reads_no_file(deployment: Changing) -> None:
    alice = deployment.house.enrol("alice")
    deployment.renew()
    for name in TLS_FILES:
        (deployment.directory / name).unlink()
    assert whoami(alice) == "alice"


def issue(directory: Path, *hosts: str, validity: Validity | None = None) -> None:
    """Put a server certificate of the deployment's CA in place."""
    key = new_tls_key()
    certificate = load_deployment(directory).authority.issue_server(
        key.public_key(), hosts or (HOST,), validity=validity or Validity(system_clock(), days=1)
    )
    (directory / "server.crt").write_bytes(certificate_pem(certificate))
    replace_secret(directory / "server.key", tls_key_pem(key))


def ended(directory: Path) -> None:
    issue(directory, validity=Validity(system_clock() - 3 * 24 * 3600 * 1000, days=1))


def not_begun(directory: Path) -> None:
    issue(directory, validity=Validity(system_clock() + 24 * 3600 * 1000, days=1))


def other_curve(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = load_deployment(directory).authority.issue_server(
        key.public_key(), (HOST,), validity=Validity(system_clock(), days=1)
    )
    (directory / "server.crt").write_bytes(certificate_pem(certificate))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    replace_secret(directory / "server.key", pem)


def other_ca(directory: Path) -> None:
    other = Pki.create()
    (directory / "ca.crt").write_bytes(other.ca_pem)
    replace_secret(directory / "ca.key", tls_key_pem(other.authority.key))


def leaf_among_the_cas(directory: Path) -> None:
    with (directory / "ca.crt").open("ab") as bundle:
        bundle.write((directory / "server.crt").read_bytes())


def foreign(directory: Path) -> None:
    identity = Pki.create().server()
    (directory / "server.crt").write_bytes(identity.certificate_pem)
    replace_secret(directory / "server.key", identity.key_pem)


def write(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_bytes(data)


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no server certificate": (write("server.crt", b""), "server.crt does not hold certificates"),
    "a CA file that is none": (write("ca.crt", b"junk"), "ca.crt does not hold certificates"),
    "half a certificate": (
        lambda directory: (directory / "ca.crt").write_bytes(
            (directory / "ca.crt").read_bytes()[:-40]
        ),
        "ca.crt does not hold certificates",
    ),
    "another server key": (
        lambda directory: replace_secret(directory / "server.key", tls_key_pem(new_tls_key())),
        "server.key is not the key of",
    ),
    "another CA key": (
        lambda directory: replace_secret(directory / "ca.key", tls_key_pem(new_tls_key())),
        "ca.key is not the key of",
    ),
    "a key that is missing": (
        lambda directory: (directory / "server.key").unlink(),
        "server.key does not exist",
    ),
    "a certificate that is missing": (
        lambda directory: (directory / "ca.crt").unlink(),
        "ca.crt can't be read: No such file",
    ),
    "a key that others can read": (
        lambda directory: (directory / "server.key").chmod(0o644),
        "server.key is open to other users",
    ),
    "another CA": (other_ca, "server.crt was not issued by a CA that is in"),
    "a server of another CA": (foreign, "server.crt was not issued by a CA that is in"),
    "a leaf among the CAs": (leaf_among_the_cas, "Certificate 2 in"),
    "a certificate that has ended": (ended, "CN=sealwire-server ended on"),
    "a certificate that is not valid yet": (not_begun, "CN=sealwire-server is not valid before"),
    "a certificate for another host": (
        lambda directory: issue(directory, "elsewhere.example", "127.0.0.2"),
        f"server.crt is not for {HOST}, the host of address",
    ),
    "a certificate on another curve": (other_curve, "server.key is not on the curve P-256"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_is_not_fit_for_use_is_said_in_the_log_and_not_used(
    deployment: Changing, what: str
) -> None:
    # case 8
    alice = deployment.house.enrol("alice")
    before = deployment.shown(alice)
    good = {name: (deployment.directory / name).read_bytes() for name in TLS_FILES}
    spoil, reason = UNFIT[what]
    spoil(deployment.directory)
    said = deployment.reload()
    assert said.startswith("certificates_not_reloaded: ")
    assert reason in said
    assert deployment.shown(alice) == before
    assert whoami(alice) == "alice"
    for name, data in good.items():
        replace_secret(deployment.directory / name, data)
    assert deployment.reload() == "certificates_unchanged: "
    deployment.renew()
    assert deployment.shown(alice) != before


def test_a_change_is_noticed_without_anybody_asking(tmp_path: Path, loop: LoopThread) -> None:
    with changing(tmp_path / "deployment", loop, check_seconds=0.01) as deployment:
        alice = deployment.house.enrol("alice")
        before = deployment.shown(alice)
        issue(deployment.directory)
        wait_for(lambda: deployment.shown(alice) != before, "the new certificate is shown")
        assert whoami(alice) == "alice"


async def looks(count: int) -> None:
    """Give a watcher that never waits the time for so many looks at the files."""
    for _ in range(count):
        await asyncio.to_thread(os.sched_yield)


async def test_what_is_wrong_is_said_once_and_not_at_every_look(directory: Path) -> None:
    live = LiveDeployment(load_deployment(directory), clock=system_clock, check_seconds=0)
    with structlog.testing.capture_logs() as log:
        live.start()
        for number, damage in enumerate([b"one", b"another"], start=1):
            (directory / "server.crt").write_bytes(damage)
            while len(log) < number:
                await looks(1)
            await looks(100)
            assert [line["event"] for line in log] == ["certificates_not_reloaded"] * number
        renew_server_certificate(
            directory, hosts=[HOST], clock=system_clock, confirm=without_asking
        )
        while len(log) < 3:
            await looks(1)
        await live.stop()
    assert log[-1]["event"] == "certificates_reloaded"
    assert not live.current.tls.differs_from(load_deployment(directory).tls)


def test_a_bundle_that_an_operator_wrote_by_hand_is_used(deployment: Changing) -> None:
    # case 8
    other = Pki.create()
    with (deployment.directory / "ca.crt").open("ab") as bundle:
        bundle.write(b"\n# The CA before this one\n" + other.ca_pem)
    alice = deployment.house.enrol("alice")
    deployment.reloaded()
    uri = deployment.house.deployment.trust_domain.key_uri(alice.key.public_key.key_id)
    outside = Member(
        alice.identity, alice.key, other.certificate_for(uri), alice.server, alice.clock
    )
    assert whoami(outside) == whoami(alice) == "alice"
    (deployment.directory / "ca.crt").write_bytes(deployment.house.identity.ca_pem.encode())
    with outside.client() as client:
        assert client.whoami().name == "alice"
        deployment.reloaded()
        with pytest.raises(UnauthenticatedError):
            client.whoami()
    assert whoami(alice) == "alice"


def test_a_server_certificate_of_an_intermediate_ca_is_used(deployment: Changing) -> None:
    issuing = Pki.under(load_deployment(deployment.directory).authority)
    identity = issuing.server()
    chain = identity.certificate_pem + issuing.ca_pem
    (deployment.directory / "server.crt").write_bytes(chain)
    replace_secret(deployment.directory / "server.key", identity.key_pem)
    alice = deployment.house.enrol("alice")
    deployment.reloaded()
    assert whoami(alice) == "alice"


# The program.


def lines(server: ServerProcess, event: str) -> list[dict[str, object]]:
    return [line for line in server.log() if line["event"] == event]


def test_sighup_has_the_files_read_at_once_and_ends_nothing(directory: Path) -> None:
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.whoami()
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: bool(lines(server, "certificates_unchanged")), "nothing is new")
            assert operate("certificate", "renew", directory).code == 0
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: bool(lines(server, "certificates_reloaded")), "it is reloaded")
            assert client.whoami().name == whoami(alice) == "alice"
            (directory / "server.crt").write_bytes(b"")
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: bool(lines(server, "certificates_not_reloaded")), "it is refused")
            assert client.whoami().name == whoami(alice) == "alice"
        (line,) = lines(server, "certificates_not_reloaded")
        assert line["level"] == "warning"
        assert "server.crt does not hold certificates" in str(line["detail"])
        assert "Traceback" not in server.log_file.read_text()
        assert server.terminate().code == 0


@pytest.mark.parametrize("spoil", [ended, not_begun])
def test_a_server_does_not_start_with_a_certificate_that_no_client_accepts(
    directory: Path, spoil: Callable[[Path], None]
) -> None:
    # case 6
    spoil(directory)
    operate("serve", directory).assert_refused("The certificate of CN=sealwire-server")
    assert operate("certificate", "renew", directory).code == 0
    with ServerProcess(directory) as server:
        assert server.terminate().code == 0


def test_a_server_does_not_start_with_a_certificate_for_another_host(directory: Path) -> None:
    # case 12
    issue(directory, "elsewhere.example")
    done = operate("serve", directory)
    done.assert_refused(f"make one with: sealwire-server certificate renew DIR --host {HOST}")
