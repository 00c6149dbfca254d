"""What the documents tell people to type works as it stands, in a directory that holds nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from shop.v1 import orders_pb2
from shop.v1.orders_pb2_grpc import OrderServiceStub

from examples.orders.people import HOST, TRUST_DOMAIN, Town
from examples.orders.server import Settings, build_server, listen
from examples.orders.service import OrderService
from sealwire.client import SigningChannel
from sealwire.client.connection import open_channel
from sealwire.interceptors import InMemoryKeyDirectory, create_journal
from tests.packaging.layout import ROOT, is_checkout, project_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE = 60.0
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def blocks(text: str, language: str) -> list[str]:
    return [found[2] for found in _BLOCK.finditer(text) if found[1] == language]


def commands(text: str) -> list[str]:
    """Return the lines of the console blocks; `make` builds and tests the project itself."""
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
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
            return self._start(line.removesuffix("&"))
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

    def _start(self, line: str) -> str:
        with (self.home / "server.log").open("ab") as log:
            server = subprocess.Popen(
                shlex.split(line),
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


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with contextlib.closing(Shell(tmp_path)) as opened:
        yield opened


def test_the_readmes_commands_and_programs_do_what_they_say(shell: Shell) -> None:
    (shell.home / "README.md").write_text(README)  # which the commands store
    printed = {line: shell.type(line) for line in commands(README)}
    assert len(printed) >= 10
    assert printed["sealwire get team/payments database-password"] == "hunter2"
    assert "README" in printed["sealwire list team/payments"]
    client, _, hand_signed = blocks(README, "python")
    assert shell.run_python(client) == b"b's3cret'\n"
    profile = shell.home / "config" / "sealwire" / "profiles" / "default"
    by_hand = shell.run_python(hand_signed, profile, "team/payments", "api-key")
    assert by_hand == b"s3cret"


def test_the_commands_of_the_operations_manual_work(shell: Shell) -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    shell.type("sealwire-server init deployment")  # the manual begins with a directory
    for line in commands(manual):
        shell.type(line)
    assert shell.servers
    shell.type("sealwire join alice.invitation")
    assert "alice" in shell.type("sealwire whoami")


def test_no_other_document_has_commands_that_nobody_runs() -> None:
    run_here = {Path("README.md"), Path("docs/operations.md")}
    others = {
        path
        for path in documents()
        if any(
            line.startswith(("sealwire ", "sealwire-server "))
            for line in commands((ROOT / path).read_text(encoding="utf-8"))
        )
    }
    assert others <= run_here


async def test_the_readmes_stub_gets_a_verified_answer_from_the_example(tmp_path: Path) -> None:
    _, snippet, _ = blocks(README, "python")
    town = Town.found()
    alice = town.customer("alice")
    create_journal(tmp_path / "replay")
    server = build_server(
        Settings(
            audience="orders",  # the snippet's
            trust_domain=TRUST_DOMAIN,
            signing_key=town.shop_key,
            keys=InMemoryKeyDirectory.of(alice.enrolled_key),
            journal=tmp_path / "replay",
        ),
        OrderService({"alice": frozenset({"orders.place"})}),
    )
    tls = town.shop_tls()
    port = listen(
        server,
        f"{HOST}:0",
        certificate_pem=tls.certificate_pem,
        key_pem=tls.key_pem,
        client_ca_pem=town.ca_pem,
    )
    await server.start()
    try:
        with open_channel(town.shop_identity(port), alice.tls) as channel:
            names: dict[str, Any] = {
                **vars(orders_pb2),
                "OrderServiceStub": OrderServiceStub,
                "SigningChannel": SigningChannel,
                "channel": channel,
                "key": alice.key,
                "server_key": town.shop_key.public_key,
            }
            await asyncio.to_thread(exec, snippet, names)
    finally:
        await server.stop(0)
    assert names["response"].order.customer == "alice"


def documents() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md"]


def anchor(heading: str) -> str:
    """Return what a heading is linked as."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.skipif(not is_checkout(), reason="only a checkout knows which files are the project's")
def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for document in documents():
        text = (ROOT / document).read_text(encoding="utf-8")
        for link in _LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, fragment = unquote(link).partition("#")
            target = (ROOT / document).parent / name if name else ROOT / document
            if not target.exists():
                broken.append(f"{document}: {link}")
            elif fragment and fragment not in map(anchor, _HEADING.findall(target.read_text())):
                broken.append(f"{document}: {link}: no such heading")
    assert broken == []
