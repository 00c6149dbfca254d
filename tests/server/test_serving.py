"""A served deployment: one line when it answers, and an orderly end, also under load."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwire.client import AsyncClient, TransportError
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.support.event_loops import LoopThread
from tests.support.http2 import Http2Client, client_context, tls_connection
from tests.support.programs import PATIENCE

WRITERS = 8
NONCE_RECORD_BYTES = 40


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Look again and again until something outside of this process has happened."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        os.sched_yield()


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep every writer waiting, as a backup program may."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def is_listening(server: ServerProcess) -> bool:
    host, _, port = server.identity.address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


def test_it_prints_one_line_and_answers_from_then_on(directory: Path) -> None:
    with ServerProcess(directory) as server:
        assert is_listening(server)
        with enrol(invite(server.deployment, "alice")).client() as client:
            assert client.whoami().name == "alice"
        done = server.terminate()
    assert done.code == 0
    assert done.out == f"sealwire-server: serving on {server.identity.address}\n"
    assert done.err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_that_nobody_uses_with_0(
    directory: Path, number: signal.Signals
) -> None:
    with ServerProcess(directory) as server:
        server.process.send_signal(number)
        assert server.wait().code == 0


# case 70
def test_what_a_killed_writer_left_of_a_salt_is_gone_when_it_serves(directory: Path) -> None:
    left = directory / "salts" / f".{'0' * 36}.0123456789abcdef.tmp"
    left.write_bytes(bytes(range(32)))
    with ServerProcess(directory) as server:
        assert list(left.parent.iterdir()) == []
        assert server.terminate().code == 0


# case 96
def test_requests_under_way_when_it_is_told_to_stop_are_finished(directory: Path) -> None:
    journal = directory / "replay" / "current"
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client, ThreadPoolExecutor(WRITERS) as pool:
            with locked(directory / "sealwire.db"):
                wanted = journal.stat().st_size + WRITERS * NONCE_RECORD_BYTES
                puts = [
                    pool.submit(client.put, "team", f"record {number}", b"%d" % number)
                    for number in range(WRITERS)
                ]
                # Every nonce is claimed, so all of them are with their handlers.
                wait_for(lambda: journal.stat().st_size == wanted, "the puts are under way")
                server.process.terminate()
                wait_for(lambda: not is_listening(server), "the port is closed")
                assert_refused_unsigned(alice)
                assert not any(put.done() for put in puts)
            assert {put.result(timeout=PATIENCE).version for put in puts} == {1}
        assert server.wait().code == 0
    with ServerProcess(directory) as again, alice.at(again.identity).client() as client:
        for number in range(WRITERS):
            assert client.get("team", f"record {number}").value == b"%d" % number


def assert_refused_unsigned(member: Member) -> None:
    """A new request finds nobody; the client does not take that for an answer."""
    with member.client() as client, pytest.raises(TransportError, match="UNAVAILABLE"):
        client.whoami()


# case 96
def test_a_server_that_is_told_to_stop_under_load_loses_nothing_that_it_acknowledged(
    directory: Path, loop: LoopThread
) -> None:
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        acknowledged = loop.run(write_until_refused(alice, stop_after=200, stop=server))
        done = server.wait()
    assert (done.code, done.err) == (0, "")
    assert len(acknowledged) >= 200
    with ServerProcess(directory) as again, alice.at(again.identity).client() as client:
        stored = {record.name for record in client.list_records("team", page_size=1000)}
        assert acknowledged <= stored
        # What came too late was refused before it could have an effect, or took effect whole.
        assert len(stored) <= len(acknowledged) + WRITERS


async def write_until_refused(alice: Member, *, stop_after: int, stop: ServerProcess) -> set[str]:
    """Write from several connections, say stop midway, and return what was acknowledged."""
    acknowledged: set[str] = set()

    async def write(client: AsyncClient, writer: int) -> None:
        number = 0
        with contextlib.suppress(TransportError):
            while True:
                name = f"{writer}/{number}"
                await client.put("team", name, name.encode())
                acknowledged.add(name)
                number += 1
                if len(acknowledged) == stop_after:
                    stop.process.terminate()

    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(alice.async_client()) for _ in range(WRITERS)]
        await asyncio.gather(*(write(client, writer) for writer, client in enumerate(clients)))
    return acknowledged


def test_a_health_watcher_that_reads_nothing_does_not_keep_the_server(
    directory: Path, tmp_path: Path
) -> None:
    # case 96
    settings = directory / "sealwire.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("drain_seconds = 25", "drain_seconds = 1"), encoding="utf-8")
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        port = int(server.identity.address.rpartition(":")[2])
        with tls_connection(port, client_context(tmp_path, alice.tls)) as connection:
            Http2Client(connection).watch_without_reading("/grpc.health.v1.Health/Watch")
            server.process.send_signal(signal.SIGTERM)
            server.process.communicate(timeout=30)
        assert server.process.returncode == 0


def test_a_path_that_ends_grpc_ends_the_process_with_a_sentence(
    directory: Path, tmp_path: Path
) -> None:
    # case 13: grpc.aio itself fails over a path that is not UTF-8; a supervisor starts it again
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put("team", "kept", b"value")
        port = int(server.identity.address.rpartition(":")[2])
        context = client_context(tmp_path, alice.tls)
        with (
            contextlib.suppress(ConnectionError),
            tls_connection(port, context) as connection,
        ):
            Http2Client(connection).call(b"/\xff", b"")
        done = server.wait()
    assert done.code == 1
    assert "gRPC ended by itself" in done.err
    with ServerProcess(directory) as server, alice.at(server.identity).client() as client:
        assert client.get("team", "kept").value == b"value"
