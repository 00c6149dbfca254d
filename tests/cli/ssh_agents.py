"""A real ssh-agent, with the programs that come with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssh = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh-agent", "ssh-add", "ssh-keygen"))),
    reason="ssh-agent, ssh-add and ssh-keygen (openssh-client) are not all installed",
)
_NOBODY = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}


@dataclass(frozen=True)
class SshAgent:
    """An agent that runs; whoever it should ask for a confirmation declines."""

    directory: Path

    @property
    def socket(self) -> str:
        return str(self.directory / "socket")

    def new_key(self, name: str, *options: str, kind: str = "ed25519") -> Path:
        """Make a key with ssh-keygen, and give it to the agent; return the public key file."""
        path = self.directory / name
        make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(make, check=True)
        self.add(*options, str(path))
        path.unlink()
        return path.with_suffix(".pub")

    def add(self, *arguments: str, stdin: bytes = b"") -> None:
        """Run ssh-add."""
        subprocess.run(
            ["ssh-add", "-q", *arguments],
            env={**os.environ, "SSH_AUTH_SOCK": self.socket},
            input=stdin,
            capture_output=True,
            check=True,
            start_new_session=True,
        )

    def lock(self) -> None:
        self.add("-x", stdin=b"secret\nsecret\n")

    def unlock(self) -> None:
        self.add("-X", stdin=b"secret\n")


@contextlib.contextmanager
def running_agent() -> Iterator[SshAgent]:
    """Run an agent whose socket has a path that is short enough for one."""
    with tempfile.TemporaryDirectory(prefix="ssh-") as directory:
        agent = SshAgent(Path(directory))
        with subprocess.Popen(
            ["ssh-agent", "-D", "-a", agent.socket],
            env={**os.environ, **_NOBODY},
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it listens once it says where
            try:
                yield agent
            finally:
                process.terminate()


def fingerprint(public_key_file: Path) -> str:
    """Return what ssh-keygen shows of a key: SHA256 and so on."""
    command = ["ssh-keygen", "-l", "-f", str(public_key_file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]
