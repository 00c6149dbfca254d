"""`make demo` does what it says, or says which step did not and fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from examples import demo
from sealwire.v1.envelope_pb2 import SignedMessage
from tests.packaging.layout import ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))
PATIENCE = 100.0

# Runs the demo with the programs of another directory.
WITH_PROGRAMS_IN = (
    "import sys; from pathlib import Path; from examples import demo;"
    "demo.BIN = Path(sys.argv[1]); sys.exit(demo.main())"
)

PROMISES = [
    "made; every secret in it is readable by you alone",
    "alice is known by the key id",
    "bob is known by the key id",
    "the file came back, all",
    "the secret from standard input came back",
    "bob reads what alice stored",
    "the grant was taken back, and the very next request was refused",
    "the new key reads what was sealed to the old",
    "the old key: refused, UNAUTHENTICATED",
    "and what was sealed to the old key is now sealed to the new",
    "the secret is nowhere in the database files",
    "a flipped bit in a signed request: refused, UNAUTHENTICATED",
    "the same signed request, sent twice: refused, UNAUTHENTICATED",
    "bob's key on alice's connection: refused, UNAUTHENTICATED",
    "SIGTERM, exit code 0",
]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def breaking(directory: Path, program: str, commands: str) -> Path:
    """Return a directory of our programs, one of which first runs shell commands of its own."""
    for name in ("sealwire", "sealwire-server"):
        script = directory / name
        own = commands if name == program else ""
        note = f'echo $$ >> "{directory}/pids"'
        script.write_text(f'#!/bin/sh\n{note}\n{own}\nexec "{SCRIPTS / name}" "$@"\n')
        script.chmod(0o755)
    return directory


def is_running(pid: str) -> bool:
    """Tell whether a process is neither gone nor dead and not yet reaped."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (Path("/proc") / pid / "cmdline").read_bytes() != b""
    return False


def test_every_step_does_what_it_says() -> None:
    done = run("examples/demo.py")
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    shown = [said.find(promise) for promise in PROMISES]
    assert -1 not in shown
    assert shown == sorted(shown)
    assert "Every step did what it says" in said
    assert demo.SECRET.decode() not in said


@pytest.mark.parametrize(
    ("program", "commands", "sentence"),
    [
        (
            "sealwire-server",
            'if [ "$1" = init ]; then echo "no disk" >&2; exit 1; fi',
            "sealwire-server failed: no disk",
        ),
        ("sealwire-server", 'if [ "$1" = serve ]; then exit 0; fi', "the server did not start"),
        (
            "sealwire",
            'if [ "$1$3" = getpassword ]; then printf forged; exit 0; fi',
            "the secret changed",
        ),
    ],
)
def test_a_step_that_fails_is_named_and_ends_the_demo_with_1(
    tmp_path: Path, program: str, commands: str, sentence: str
) -> None:
    done = run("-c", WITH_PROGRAMS_IN, breaking(tmp_path, program, commands))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"✗ {sentence}" in done.stdout
    assert "Every step did what it says" not in done.stdout
    assert not any(is_running(pid) for pid in (tmp_path / "pids").read_text().split())


def accept(message: object, timeout: float) -> None:
    """Stand in for a server that accepts everything."""


def lose(message: object, timeout: float) -> None:
    """Stand in for a server that is not there."""
    raise NotThereError


class NotThereError(grpc.RpcError):
    """An RPC's error, as far as the demo looks."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("call", [accept, lose])
def test_an_attack_that_is_not_refused_as_unauthenticated_fails_the_demo(
    call: Callable[..., object],
) -> None:
    with pytest.raises(demo.DemoError, match="the attack"):
        demo.refused(call, SignedMessage(), "the attack")
