"""`sealwire-server init`: a whole deployment that is private, or nothing."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from cryptography import x509

from sealwire.core.clock import system_clock
from sealwire.core.errors import ConfigurationError
from sealwire.server.deployment import init_deployment, load_deployment
from tests.server.processes import operate
from tests.support.programs import PATIENCE

INSTALLED = Path(sysconfig.get_path("scripts")) / "sealwire-server"
SECRETS = {"ca.key", "server.key", "signing.key", "roots/1.key", "sealwire.db"}
# Not a preexec_fn: code between fork and exec may not run beside gRPC's threads.
LIMITED = """\
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""
FILES = SECRETS | {"ca.crt", "server.crt", "sealwire.toml", "replay/current", "replay/older"}


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def refused(
    directory: Path, *, hosts: tuple[str, ...] = ("localhost",), listen: str = "a:1"
) -> str:
    """Return the sentence with which `init` refuses."""
    with pytest.raises(ConfigurationError) as refusal:
        init_deployment(
            directory, hosts=hosts, listen=listen, clock=system_clock, random=os.urandom
        )
    return str(refusal.value)


def test_it_makes_a_complete_deployment_and_says_how_to_go_on(tmp_path: Path) -> None:
    done = operate("init", tmp_path / "deployment")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"Start it with: sealwire-server serve {tmp_path / 'deployment'}\n")
    assert tree(tmp_path / "deployment").keys() == FILES
    deployment = load_deployment(tmp_path / "deployment")
    assert deployment.signing_key.public_key.key_id in done.out
    assert deployment.config.listen == "127.0.0.1:7443"
    assert deployment.config.address == "localhost:7443"
    assert list(tmp_path.iterdir()) == [tmp_path / "deployment"]


# case 95
def test_every_secret_is_private_under_any_umask(tmp_path: Path) -> None:
    directory = tmp_path / "deployment"
    assert operate("init", directory, umask=0).code == 0
    modes = {name: (directory / name).stat().st_mode & 0o777 for name in SECRETS}
    assert set(modes.values()) == {0o600}
    for folder in (directory, *(directory / name for name in ("roots", "salts", "replay"))):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_two_deployments_share_no_secret_and_no_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert operate("init", tmp_path / name).code == 0
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    same = {name for name in FILES if one[name] == two[name]}
    assert same == {"replay/current", "replay/older"}


@pytest.mark.parametrize("content", ["file", "directory", "deployment"])
def test_a_directory_that_is_not_empty_is_refused_and_left_as_it_is(
    tmp_path: Path, pristine: Path, content: str
) -> None:
    directory = tmp_path / "deployment"
    if content == "deployment":
        directory.symlink_to(pristine)
    else:
        directory.mkdir()
        (directory / "mine").mkdir() if content == "directory" else (directory / "mine").touch()
    before = tree(directory)
    operate("init", directory).assert_refused("exists and is not empty; nothing was changed")
    assert tree(directory) == before
    assert list(tmp_path.iterdir()) == [directory]


def test_an_empty_directory_and_the_current_one_are_taken(tmp_path: Path) -> None:
    done = subprocess.run(
        [INSTALLED, "init", "."], cwd=tmp_path, capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path).keys() == FILES


def test_every_host_is_in_the_certificate_and_the_first_is_dialled(tmp_path: Path) -> None:
    hosts = ("db.example.com", "10.1.2.3", "::1", "db")
    deployment = init_deployment(
        tmp_path / "d", hosts=hosts, listen="0.0.0.0:99", clock=system_clock, random=os.urandom
    )
    certificate = x509.load_pem_x509_certificate(deployment.tls.server_certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["db.example.com", "db"]
    addresses = [ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses
    assert deployment.config.address == "db.example.com:99"


def test_an_ipv6_host_is_dialled_in_brackets(tmp_path: Path) -> None:
    deployment = init_deployment(
        tmp_path / "d", hosts=["::1"], listen="[::]:99", clock=system_clock, random=os.urandom
    )
    assert deployment.config.address == "[::1]:99"


@pytest.mark.parametrize(
    "listen",
    [
        "",
        "7443",
        "localhost",
        ":7443",
        "a:",
        "a:b",
        "a:65536",
        "a:-1",
        "a:٣",
        "::1:7443",
        "a b:1",
        'x"y:1',
        "x\ny:1",
        "a:" + "9" * 5000,
    ],
    ids=lambda text: text[:10],
)
def test_what_is_no_address_is_refused_and_nothing_is_made(tmp_path: Path, listen: str) -> None:
    assert "which is not HOST:PORT" in refused(tmp_path / "d", listen=listen)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["", "a b", 'a"b', "a\nb", "grüße.de", "a..b", "a/b", "a:1", "*"])
@pytest.mark.parametrize("before", [(), ("localhost",)])
def test_what_is_no_host_is_refused_and_nothing_is_made(
    tmp_path: Path, host: str, before: tuple[str, ...]
) -> None:
    assert "neither a DNS name" in refused(tmp_path / "d", hosts=(*before, host))
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_the_command_is_a_sentence(tmp_path: Path) -> None:
    done = operate("init", tmp_path / "d", "--listen", "nonsense")
    done.assert_refused("listen is 'nonsense', which is not HOST:PORT.")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    operate("init", tmp_path / "file" / "d").assert_refused("can't be written: Not a directory.")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("limit", [0, 300, 40_000])
def test_a_failure_midway_leaves_nothing_behind(tmp_path: Path, limit: int) -> None:
    """No file may grow beyond the limit, as on a disk that is full."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), INSTALLED, "init", tmp_path / "d"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert "can't be written: File too large." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
