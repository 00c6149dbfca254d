"""A terminal in which the documents' commands are typed."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [found[2] for found in _BLOCK.finditer(text) if found[1] == language]


def commands(text: str) -> list[str]:
    """Return the lines of the console blocks; `make` builds and tests the project itself."""
    lines = [line.strip() for block in blocks(text, "console") for line in block.splitlines()]
    return [line for line in lines if not line.startswith("make ")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Shell:
    """A terminal with the installed programs, a home of its own, and maybe a running server."""

    home: Path
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    served: str = ""

    @property
    def environment(self) -> dict[str, str]:
        scripts = sysconfig.get_path("scripts")
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("SEALWIRE_", "GRPC_"))}
        return {
            **kept,
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }

    def type(self, line: str) -> str:
        """Do what a line says, and return what it prints; a server goes to the background."""
        if line.startswith("sealwire-server init "):
            # The one change to what is documented: the default port may be in use here.
            line += f" --listen 127.0.0.1:{free_port()}"
        if line.startswith("sealwire-server serve "):
            self.served = line.removesuffix("&")
            return self._start()
        if line.startswith("systemctl "):
            return self._supervise(line.split()[1])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout

    def run_python(self, source: str, *arguments: str | Path) -> bytes:
        """Run a program of the documents."""
        done = subprocess.run(
            [sys.executable, "-c", source, *arguments],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def close(self) -> None:
        """Stop the servers as an operator would."""
        try:
            for server in self.servers:
                server.send_signal(signal.SIGTERM)
                server.communicate(timeout=PATIENCE)
                assert server.returncode == 0
        finally:
            for server in self.servers:
                server.kill()

    def _supervise(self, verb: str) -> str:
        """Do to the server what a supervisor does when it is told to."""
        if verb == "reload":
            return self._reload()
        if verb in {"stop", "restart"}:
            self.close()
            self.servers.clear()
        return self._start() if verb in {"start", "restart"} else ""

    def _reload(self) -> str:
        """Have the server read its certificates again, and wait for it to say that it has."""
        log = self.home / "server.log"
        with log.open() as lines:
            lines.seek(0, os.SEEK_END)
            self.servers[-1].send_signal(signal.SIGHUP)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                line = lines.readline()
                if "certificates_" in line:
                    return line
        raise AssertionError(log.read_text())

    def _start(self) -> str:
        with (self.home / "server.log").open("ab") as log:
            server = subprocess.Popen(
                shlex.split(self.served),
                cwd=self.home,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.servers.append(server)
        assert server.stdout is not None
        ready, _, _ = select.select([server.stdout], [], [], PATIENCE)
        announced = server.stdout.readline() if ready else ""
        assert "serving on" in announced, (self.home / "server.log").read_text()
        return announced
