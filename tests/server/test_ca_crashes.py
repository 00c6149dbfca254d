"""Changes of certificates that are killed at every step, or watched at every moment."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.core.pki import new_tls_key, tls_key_pem
from sealwire.core.secret_files import write_new_secret
from sealwire.server.certificate_changes import (
    renew_server_certificate,
    retire_authorities,
    rotate_authority,
)
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import load_deployment
from sealwire.server.tls_material import TlsMaterial, load_tls
from tests.server.dying import is_killed
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess
from tests.support.programs import PATIENCE


def rotate(directory: Path) -> None:
    rotate_authority(directory, clock=system_clock)


def renew(directory: Path) -> None:
    renew_server_certificate(directory, hosts=(), clock=system_clock, confirm=without_asking)


def retire(directory: Path) -> None:
    retire_authorities(directory, confirm=without_asking)


def prepared_for_retirement(directory: Path) -> None:
    rotate(directory)
    renew(directory)


Change = Callable[[Path], None]
COMMANDS: dict[str, tuple[list[str], Change, Change]] = {
    "ca rotate": (["ca", "rotate"], lambda _: None, rotate),
    "certificate renew": (["certificate", "renew"], lambda _: None, renew),
    "ca retire": (["ca", "retire", "--yes"], prepared_for_retirement, retire),
}


def killed_everywhere(
    original: Path, copies: Path, command: list[str]
) -> Iterator[tuple[Path, bool]]:
    """Give copies of a deployment, in each of which a command was killed a step later than before.

    In the last one it was not.
    """
    killed, step = True, 0
    while killed:
        directory = Path(shutil.copytree(original, copies / f"{step}"))
        killed, step = is_killed(directory, *command, directory, at=step), step + 1
        yield directory, killed


def certificates(material: TlsMaterial) -> tuple[tuple[x509.Certificate, ...], ...]:
    return material.authorities, material.server_chain


@pytest.mark.parametrize("what", COMMANDS)
def test_a_change_that_is_killed_at_any_step_has_happened_or_not(
    pristine: Path, tmp_path: Path, what: str
) -> None:
    command, prepare, again = COMMANDS[what]
    original = Path(shutil.copytree(pristine, tmp_path / "original"))
    prepare(original)
    before = certificates(load_tls(original))
    outcomes = []
    for directory, _ in killed_everywhere(original, tmp_path / "copies", command):
        deployment = load_deployment(directory)  # whole, at every step
        deployment.tls.require_servable(deployment.config, now=system_clock())
        outcomes.append(certificates(deployment.tls) != before)
        again(directory)
        load_deployment(directory)
        assert not list(directory.glob("*.next.key"))
    # Nothing, until one step is reached, and all of it from then on.
    assert outcomes == sorted(outcomes)
    assert len(outcomes) > 3
    assert {False, True} == set(outcomes)


def killed_between_the_certificate_and_its_key(pristine: Path, tmp_path: Path) -> Path:
    """Return a deployment whose rotation got as far as that."""
    for directory, _ in killed_everywhere(pristine, tmp_path / "copies", ["ca", "rotate"]):
        if (directory / "ca.next.key").exists() and len(load_tls(directory).authorities) == 2:
            return directory
    raise AssertionError("there is no such step")


def test_a_server_goes_on_from_a_change_that_was_killed(pristine: Path, tmp_path: Path) -> None:
    # case 8
    directory = killed_between_the_certificate_and_its_key(pristine, tmp_path)
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        issuer = x509.load_pem_x509_certificate(alice.tls.certificate_pem).issuer
        assert issuer == load_tls(directory).authority.certificate.subject
        with alice.client() as client:
            assert client.whoami().name == "alice"


def test_a_second_change_that_is_killed_as_well_loses_nothing(
    pristine: Path, tmp_path: Path
) -> None:
    half = killed_between_the_certificate_and_its_key(pristine, tmp_path)
    for directory, killed in killed_everywhere(half, tmp_path / "again", ["ca", "rotate"]):
        assert len(load_tls(directory).authorities) in ({2, 3} if killed else {3})


@pytest.mark.parametrize("name", ["ca", "server"])
def test_a_key_that_was_made_for_a_change_that_never_was_is_not_used(
    directory: Path, name: str
) -> None:
    before = certificates(load_tls(directory))
    write_new_secret(directory / f"{name}.next.key", tls_key_pem(new_tls_key()))
    assert certificates(load_tls(directory)) == before
    rotate(directory)
    renew(directory)
    assert not list(directory.glob("*.next.key"))
    load_deployment(directory)


def test_a_next_key_that_others_can_read_is_not_used(directory: Path) -> None:
    (directory / "ca.key").rename(directory / "ca.next.key")
    (directory / "ca.next.key").chmod(0o644)
    write_new_secret(directory / "ca.key", tls_key_pem(new_tls_key()))
    with pytest.raises(ConfigurationError, match=r"ca\.next\.key is open to other users"):
        load_tls(directory)
    (directory / "ca.next.key").chmod(0o600)
    load_tls(directory)


def test_whoever_reads_during_changes_finds_a_set_that_fits_together(directory: Path) -> None:
    errors: list[BaseException] = []
    reads = threading.Semaphore(0)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                load_tls(directory)
            except ConfigurationError as error:
                errors.append(error)
            reads.release()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for change in [rotate, renew, retire] * 10:
            change(directory)
            while reads.acquire(blocking=False):
                pass
            assert reads.acquire(timeout=PATIENCE)
    finally:
        done.set()
        reader.join()
    assert errors == []
