"""`sealwire-server ca` and `certificate`: what they say, what they ask, and what they refuse."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from sealwire.core.clock import system_clock
from sealwire.core.pki import CertificateAuthority, Validity, parse_bundle, tls_key_pem
from sealwire.core.secret_files import replace_secret
from sealwire.server.certificate_changes import renew_server_certificate, rotate_authority
from sealwire.server.confirmation import without_asking
from sealwire.server.deployment import init_deployment, load_deployment
from sealwire.server.tls_material import hosts_of
from tests.server.processes import Done, ServerProcess, operate, operate_at_terminal
from tests.server.served import HOST
from tests.support.pki import Pki

TLS_FILES = ["ca.crt", "ca.key", "server.crt", "server.key"]
DAY_MS = 24 * 60 * 60 * 1000


def contents(directory: Path) -> dict[str, bytes]:
    """Return what the certificates' files hold; there must be no others beside them."""
    assert not list(directory.glob("*.next.key"))
    assert not list(directory.glob(".*.tmp"))
    return {name: (directory / name).read_bytes() for name in TLS_FILES}


def done(directory: Path, *arguments: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    ran = operate(*arguments[:2], directory, *arguments[2:])
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


def names(directory: Path) -> list[str]:
    """Return the names of the CAs, the one that issues first."""
    authorities = load_deployment(directory).tls.authorities
    return [authority.subject.rfc4514_string() for authority in authorities]


def server_certificate(directory: Path) -> x509.Certificate:
    return load_deployment(directory).tls.server_chain[0]


def rotate(directory: Path) -> dict[str, bytes]:
    """Make a new CA, and return the files."""
    rotate_authority(directory, clock=system_clock)
    return contents(directory)


def renew(directory: Path) -> dict[str, bytes]:
    """Make a new server certificate, and return the files."""
    renew_server_certificate(directory, hosts=(), clock=system_clock, confirm=without_asking)
    return contents(directory)


def test_rotate_makes_a_new_ca_and_says_how_to_go_on(directory: Path) -> None:
    before = contents(directory)
    out = done(directory, "ca", "rotate")
    after = contents(directory)
    new, old = names(directory)
    assert old == "CN=Sealwire CA" != new
    assert after["ca.crt"].endswith(before["ca.crt"])
    assert after["ca.key"] != before["ca.key"]
    assert (after["server.crt"], after["server.key"]) == (
        before["server.crt"],
        before["server.key"],
    )
    assert out.startswith(f"{new} issues from now on.\nCAs trusted beside it: 1.\n")
    assert f"sealwire-server certificate renew {directory}\n" in out
    assert out.endswith(f"sealwire-server ca retire {directory}\n")


def test_the_files_have_their_modes_under_any_umask(directory: Path) -> None:
    # case 95
    for command in (["ca", "rotate"], ["certificate", "renew", "--yes"]):
        ran = operate(*command[:2], directory, *command[2:], umask=0)
        assert ran.code == 0, ran
    modes = {name: (directory / name).stat().st_mode & 0o777 for name in TLS_FILES}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}


def test_retire_drops_every_ca_but_the_first(directory: Path) -> None:
    rotate(directory)
    rotate(directory)
    renew(directory)
    newest, *dropped = names(directory)
    out = done(directory, "ca", "retire", "--yes")
    assert names(directory) == [newest]
    assert [line for line in out.splitlines() if line.endswith("is not trusted any more.")] == [
        f"{name} is not trusted any more." for name in dropped
    ]
    assert "There is one CA only; nothing was changed." in done(directory, "ca", "retire")


def test_retire_refuses_while_the_server_needs_what_would_be_dropped(directory: Path) -> None:
    before = rotate(directory)
    refused = operate("ca", "retire", directory, "--yes")
    refused.assert_refused(f"first run: sealwire-server certificate renew {directory}")
    assert contents(directory) == before


def test_retire_without_anybody_to_ask_changes_nothing(directory: Path) -> None:
    rotate(directory)
    before = renew(directory)
    operate("ca", "retire", directory).assert_refused("add --yes")
    assert contents(directory) == before


def on_a_terminal(answer: str, arguments: Sequence[str | Path]) -> Done:
    """Run a command on a terminal, with a person who answers its question."""
    return operate_at_terminal(f"{answer}\n".encode(), *arguments)


@pytest.mark.parametrize("answer", ["n", "", "nonsense\nn"])
def test_retire_asks_and_takes_no_for_an_answer(directory: Path, answer: str) -> None:
    rotate(directory)
    before = renew(directory)
    asked = on_a_terminal(answer, ["ca", "retire", directory])
    assert asked.code == 130
    assert "Clients with certificates of CN=Sealwire CA will be refused" in asked.out + asked.err
    assert contents(directory) == before


def test_retire_asks_and_takes_yes_for_an_answer(directory: Path) -> None:
    rotate(directory)
    renew(directory)
    assert on_a_terminal("y", ["ca", "retire", directory]).code == 0
    assert len(names(directory)) == 1


def test_renew_makes_a_new_pair_for_the_same_hosts(tmp_path: Path) -> None:
    hosts = ["db.example.com", "db", "10.1.2.3", "::1"]
    directory = tmp_path / "deployment"
    init_deployment(directory, hosts=hosts, listen="[::]:7", clock=system_clock, random=os.urandom)
    before, old = contents(directory), server_certificate(directory)
    assert "valid until 20" in done(directory, "certificate", "renew")
    after, new = contents(directory), server_certificate(directory)
    assert hosts_of(new) == hosts_of(old) == hosts
    assert new.public_key() != old.public_key()
    assert {name for name in TLS_FILES if after[name] != before[name]} == {
        "server.crt",
        "server.key",
    }


def test_renew_takes_other_hosts_if_the_one_that_clients_dial_is_among_them(
    directory: Path,
) -> None:
    done(directory, "certificate", "renew", "--host", "db.example.com", "--host", HOST)
    assert hosts_of(server_certificate(directory)) == ["db.example.com", HOST]
    before = contents(directory)
    refused = operate("certificate", "renew", directory, "--host", "db.example.com")
    refused.assert_refused(f"Clients dial {HOST} (address in sealwire.toml), which is not among")
    refused = operate("certificate", "renew", directory, "--host", HOST, "--host", "a b")
    refused.assert_refused("'a b' is neither a DNS name")
    assert contents(directory) == before


def test_renew_asks_when_clients_may_not_know_the_ca_yet(directory: Path) -> None:
    before = rotate(directory)
    new = names(directory)[0]
    operate("certificate", "renew", directory).assert_refused(f"{new} is new: clients that have")
    assert on_a_terminal("n", ["certificate", "renew", directory]).code == 130
    assert contents(directory) == before
    assert on_a_terminal("y", ["certificate", "renew", directory]).code == 0
    assert server_certificate(directory).issuer.rfc4514_string() == new
    done(directory, "certificate", "renew")  # the same CA again, so nothing to ask


@pytest.mark.parametrize(("days", "asked"), [(6.9, True), (7.1, False)])
def test_renew_asks_only_until_every_client_must_have_renewed(
    directory: Path, days: float, asked: bool
) -> None:
    # The clients' certificates last for 7 days, and whoever renewed since has learned of the CA.
    questions: list[str] = []
    rotate_authority(directory, clock=system_clock)

    def later() -> int:
        return system_clock() + int(days * DAY_MS)

    renew_server_certificate(directory, hosts=(), clock=later, confirm=questions.append)
    assert bool(questions) is asked


@pytest.mark.parametrize("damage", ["missing", "junk", "another CA's"])
def test_renew_mends_a_server_certificate_that_can_not_be_used(
    directory: Path, damage: str
) -> None:
    path = directory / "server.crt"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"junk" if damage == "junk" else Pki.create().server().certificate_pem)
    assert operate("serve", directory).code == 1
    done(directory, "certificate", "renew", "--host", HOST)
    with ServerProcess(directory) as server:
        assert server.terminate().code == 0


def test_renew_without_hosts_needs_a_certificate_to_take_them_from(directory: Path) -> None:
    (directory / "server.crt").unlink()
    refused = operate("certificate", "renew", directory)
    refused.assert_refused(f"which is not among the hosts; add --host {HOST}")


def test_a_ca_that_has_ended_issues_nothing(directory: Path) -> None:
    validity = Validity(system_clock() - 3 * DAY_MS, days=1)
    ended = CertificateAuthority.create("Old CA", validity=validity)
    (directory / "ca.crt").write_bytes(Pki(ended).ca_pem)
    replace_secret(directory / "ca.key", tls_key_pem(ended.key))
    refused = operate("certificate", "renew", directory)
    refused.assert_refused("CN=Old CA, the CA that issues, has ended; first run: sealwire-server")


def test_show_tells_whose_and_until_when_they_are(directory: Path) -> None:
    rotate(directory)
    out = done(directory, "certificate", "show")
    new, old = names(directory)
    server = server_certificate(directory)
    authorities = parse_bundle((directory / "ca.crt").read_bytes())
    assert out.splitlines() == [
        "server.crt",
        f"  hosts   {HOST}",
        f"  issuer  {old}",
        f"  ends    {server.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        "ca.crt: issues",
        f"  name    {new}",
        f"  ends    {authorities[0].not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        "ca.crt: trusted",
        f"  name    {old}",
        f"  ends    {authorities[1].not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
    ]


COMMANDS = [["ca", "rotate"], ["ca", "retire", "--yes"], ["certificate", "renew", "--yes"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_one_change_at_a_time(directory: Path, command: list[str]) -> None:
    before = contents(directory)
    with (directory / "sealwire.toml").open("rb") as settings:
        fcntl.flock(settings, fcntl.LOCK_EX)
        refused = operate(*command[:2], directory, *command[2:])
        refused.assert_refused(
            f"Another command is changing the keys or certificates in {directory}"
        )
    assert contents(directory) == before
    assert operate(*command[:2], directory, *command[2:]).code == 0


@pytest.mark.parametrize("command", [*COMMANDS, ["certificate", "show"]], ids=" ".join)
def test_what_is_no_deployment_is_refused_and_left_as_it_is(
    tmp_path: Path, command: list[str]
) -> None:
    refused = operate(*command[:2], tmp_path, *command[2:])
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("sealwire-server: ")
    assert "a fault in Sealwire itself" not in refused.err
    assert list(tmp_path.iterdir()) == []
