"""The two-minute tour: a real server and clients, shared records, versions, a new key, attacks.

Everything happens in a temporary directory and on loopback. Exits 0 only if each step did what
it says.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import grpc
from rich.console import Console

from sealwire.client.connection import open_channel
from sealwire.client.profiles import Profile, Profiles
from sealwire.core.clock import system_clock
from sealwire.core.requests import RequestFactory
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.records_pb2 import GetRecordRequest
from sealwire.v1.records_pb2_grpc import RecordServiceStub

BIN = Path(sys.executable).parent
GET_RECORD = "/sealwire.v1.RecordService/GetRecord"
REAL_FILE = Path(__file__).resolve()
ECHO = ("sh", "-c", 'echo "$TOKEN"')
SECRET = b"correct horse battery staple"

console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A step did not do what it says."""


class Tour:
    """The places and programs of one run."""

    def __init__(self, home: Path) -> None:
        """Keep everything under `home`."""
        self.home = home
        self.deployment = home / "deployment"
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(home / "config")}
        self.profiles = Profiles(home / "config" / "sealwire")

    def run(self, program: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one of our programs, show its command line, and return what it printed."""
        words = [word.replace(f"{self.home}/", "") for word in arguments]
        words = [Path(word).name if Path(word).is_absolute() else word for word in words]
        console.print(f"  [bold]$ {program} {' '.join(words)}[/]")
        done = self._run(program, arguments, stdin)
        if done.returncode != 0:
            raise DemoError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def refused(self, *arguments: str) -> None:
        """Run a command of the client's that the server must refuse, and show how it says so."""
        console.print(f"  [bold]$ sealwire {' '.join(arguments)}[/]")
        done = self._run("sealwire", arguments, b"")
        require(done.returncode == 2 and not done.stdout, "the server did not refuse it")
        console.print(f"  [red]{done.stderr.decode().strip()}[/]")

    def _run(
        self, program: str, arguments: Sequence[str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [BIN / program, *arguments],
            input=stdin,
            env=self.environment,
            capture_output=True,
            check=False,
        )

    def start_server(self) -> subprocess.Popen[bytes]:
        """Start the server and return once it answers."""
        console.print("  [bold]$ sealwire-server serve deployment &[/]")
        server = subprocess.Popen(
            [BIN / "sealwire-server", "serve", self.deployment],
            stdout=subprocess.PIPE,
            stderr=(self.home / "server.log").open("wb"),
        )
        line = server.stdout.readline() if server.stdout else b""
        require(b"serving on" in line, "the server did not start")
        console.print(f"  {line.decode().strip()}")
        return server


def main() -> int:
    """Run the tour; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="sealwire-demo-") as temporary:
        tour = Tour(Path(temporary))
        server: subprocess.Popen[bytes] | None = None
        try:
            console.rule("[bold]Sealwire: signed on the wire, sealed on disk")
            make_deployment(tour)
            server = tour.start_server()
            enrol(tour)
            store_and_read(tour)
            share(tour)
            versions(tour)
            rotate(tour)
            show_sealed(tour)
            attack(tour)
            stop(server)
        except DemoError as failure:
            console.print(f"[bold red]✗ {failure}[/]")
            return 1
        finally:
            if server is not None and server.poll() is None:
                server.kill()
    console.rule("[bold green]Every step did what it says")
    return 0


def make_deployment(tour: Tour) -> None:
    """Make a deployment on a free port."""
    title("1", "A deployment: CA, certificates, keys and an embedded database, in one directory")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tour.run("sealwire-server", "init", str(tour.deployment), "--listen", f"127.0.0.1:{port}")
    done("made; every secret in it is readable by you alone")


def enrol(tour: Tour) -> None:
    """Enrol an admin by the operator's invitation, and two clients by the admin's."""
    title("2", "An admin and two clients join: each makes its keys itself and proves possession")
    root = str(tour.home / "root.invitation")
    invite = ("invite", str(tour.deployment), "root", "--role", "admin", "--out", root)
    tour.run("sealwire-server", *invite)
    tour.run("sealwire", "join", root, "--profile", "root")
    for name in ("alice", "bob"):
        invitation = str(tour.home / f"{name}.invitation")
        tour.run("sealwire", "identity", "invite", name, "--out", invitation, "--profile", "root")
        tour.run("sealwire", "join", invitation, "--profile", name)
    keys = {name: tour.profiles.load(name).public_key_id for name in ("alice", "bob")}
    require(len(set(keys.values())) == 2, "the two clients have one key")
    for name, key_id in keys.items():
        done(f"{name} is known by the key id {key_id}")


def store_and_read(tour: Tour) -> None:
    """Store a file and a secret, and read both back."""
    title("3", "Records go in and come back, every request and every answer signed")
    alice = ("--profile", "alice")
    tour.run("sealwire", "put", "demo", "files/demo.py", str(REAL_FILE), *alice)
    tour.run("sealwire", "put", "demo", "password", "-", *alice, stdin=SECRET)
    copy = tour.home / "copy"
    tour.run("sealwire", "get", "demo", "files/demo.py", "--out", str(copy), *alice)
    require(copy.read_bytes() == REAL_FILE.read_bytes(), "the file came back changed")
    done(f"the file came back, all {REAL_FILE.stat().st_size:,} bytes of it")
    require(tour.run("sealwire", "get", "demo", "password", *alice) == SECRET, "the secret changed")
    done("the secret from standard input came back")
    listing = tour.run("sealwire", "list", "demo", *alice).decode()
    console.print("\n".join(f"    {line}" for line in listing.splitlines()), markup=False)


def share(tour: Tour) -> None:
    """Let bob read, see why he may, and take it back."""
    title("4", "Nobody else gets in, until they are let in; and it can be taken back")
    alice, bob = ("--profile", "alice"), ("--profile", "bob")
    read = ("get", "demo", "password", *bob)
    tour.refused(*read)
    tour.run("sealwire", "grant", "bob", "read", "demo", "--expires", "12h", *alice)
    require(tour.run("sealwire", *read) == SECRET, "bob read something else")
    done("bob reads what alice stored")
    why = tour.run("sealwire", "can", "bob", "read", "demo", "--explain", *bob).decode()
    console.print("\n".join(f"    {line}" for line in why.splitlines()), markup=False)
    tour.run("sealwire", "ungrant", "bob", "read", "demo", *alice)
    tour.refused(*read)
    done("the grant was taken back, and the very next request was refused")


def versions(tour: Tour) -> None:
    """Write only over what was read, look back, and take a deletion back."""
    title("5", "Every put is a version: nobody overwrites what they have not seen")
    alice = ("--profile", "alice")
    change = ("put", "demo", "token", "-", *alice)
    tour.run("sealwire", *change, "--if-version", "0", stdin=b"first")
    tour.run("sealwire", *change, "--if-version", "1", stdin=b"second")
    tour.refused(*change, "--if-version", "1")
    first = tour.run("sealwire", "get", "demo", "token", "--version", "1", *alice)
    require(first == b"first", "version 1 changed")
    done("the late writer was refused, and version 1 is still there")
    tour.run("sealwire", "delete", "demo", "token", *alice)
    tour.refused("get", "demo", "token", *alice)
    tour.run("sealwire", "undelete", "demo", "token", *alice)
    printed = tour.run("sealwire", "run", "demo", *alice, "--env", "TOKEN=token", "--", *ECHO)
    require(printed.strip() == b"second", "the program was given something else")
    done("deleted, brought back, and handed to a program that needs it, without touching the disk")


def rotate(tour: Tour) -> None:
    """Give alice a new key; grants and records stay."""
    title("6", "Alice rotates her key: both keys sign, and nothing else changes")
    before = tour.profiles.load("alice")
    tour.run("sealwire", "key", "rotate", "--profile", "alice")
    read = tour.run("sealwire", "get", "demo", "password", "--profile", "alice")
    require(read == SECRET, "the secret changed")
    done("the new key reads what was sealed to the old")
    with open_channel(before.server, before.tls) as channel:
        refused(RecordServiceStub(channel).GetRecord, signed_get(before), "the old key")
    tour.run("sealwire-server", "reseal", str(tour.deployment))
    done("and what was sealed to the old key is now sealed to the new")


def show_sealed(tour: Tour) -> None:
    """Show what the database holds in place of the secret."""
    title("7", "In the database there is only ciphertext")
    with sqlite3.connect(tour.deployment / "sealwire.db") as database:
        select = "SELECT blob FROM record_versions WHERE name = 'password'"
        (blob,) = database.execute(select).fetchone()
    for start in range(0, len(blob), 24):
        console.print(f"    [dim]{start:4}[/]  {blob[start : start + 24].hex(' ', 4)}")
    stored = b"".join(path.read_bytes() for path in tour.deployment.glob("sealwire.db*"))
    require(SECRET not in stored, "the secret is in the database files")
    done(
        f"{len(SECRET)} bytes sealed into {len(blob)}; the secret is nowhere in the database files"
    )


def attack(tour: Tour) -> None:
    """Try a flipped bit, a replay, and the other client's key."""
    title("8", "Three attacks")
    alice, bob = tour.profiles.load("alice"), tour.profiles.load("bob")
    with open_channel(alice.server, alice.tls) as channel:
        call: Callable[..., object] = RecordServiceStub(channel).GetRecord
        flipped = signed_get(alice)
        flipped.payload = flip_last_bit(flipped.payload)
        refused(call, flipped, "a flipped bit in a signed request")
        honest = signed_get(alice)
        call(honest, timeout=10)
        refused(call, honest, "the same signed request, sent twice")
        refused(call, signed_get(bob), "bob's key on alice's connection")


def signed_get(profile: Profile) -> SignedMessage:
    """Return a signed request for the secret."""
    factory = RequestFactory(profile.signer, profile.server.audience, system_clock, os.urandom)
    body = GetRecordRequest(namespace="demo", name="password").SerializeToString()
    return factory.unary(GET_RECORD, body)


def flip_last_bit(data: bytes) -> bytes:
    """Return `data` with its last bit changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


def refused(call: Callable[..., object], message: SignedMessage, what: str) -> None:
    """Send a message that must be refused as unauthenticated."""
    try:
        call(message, timeout=10)
    except grpc.RpcError as error:
        code = cast("grpc.Call", error).code()
        require(code is grpc.StatusCode.UNAUTHENTICATED, f"{what} gave {code}")
        console.print(f"  [green]✓[/] {what}: [red]refused[/], UNAUTHENTICATED")
        return
    raise DemoError(f"{what} was accepted")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server as an operator would."""
    title("9", "The server stops when it is told to, and leaves nothing half done")
    server.send_signal(signal.SIGTERM)
    require(server.wait(timeout=30) == 0, "the server did not exit with 0")
    done("SIGTERM, exit code 0")


def title(number: str, text: str) -> None:
    """Print the heading of a step."""
    console.print(f"\n[bold cyan]{number}  {text}[/]")


def done(text: str) -> None:
    """Print what was seen to be true."""
    console.print(f"  [green]✓[/] {text}")


def require(condition: bool, otherwise: str) -> None:
    """Fail the demo unless `condition` holds."""
    if not condition:
        raise DemoError(otherwise)


if __name__ == "__main__":
    sys.exit(main())
