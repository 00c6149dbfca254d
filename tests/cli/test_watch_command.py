"""`sealwire watch`: lines as things change, over cut connections, until it is interrupted."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import IO, Any

import pytest

from tests.cli.deployments import rewrite
from tests.cli.program import User
from tests.cli.server import Server
from tests.support.cutting import Cuttable, cuttable
from tests.support.event_loops import LoopThread


@pytest.fixture
def relay(server: Server, loop: LoopThread) -> Iterator[Cuttable]:
    with cuttable(loop, server.address) as relay:
        yield relay


def first_revision(user: User, namespace: str) -> str:
    """Put a record, and return the revision of that."""
    assert user.run("put", namespace, "first", stdin=b"").code == 0
    with user.start("watch", namespace, "--from", "1", "--output", "json") as watch:
        assert watch.stdout is not None
        revision = str(read(watch.stdout)["revision"])
        watch.send_signal(signal.SIGINT)
        watch.communicate()
    return revision


def read(lines: IO[bytes]) -> dict[str, Any]:
    change: dict[str, Any] = json.loads(lines.readline())
    return change


def test_every_change_is_a_line_and_an_interrupt_ends_it_quietly(
    member: User, namespace: str
) -> None:
    start = first_revision(member, namespace)
    member.run("put", f"{namespace}/below", "second", stdin=b"")
    for command in ("delete", "undelete"):
        member.run(command, namespace, "first")
    member.run("destroy", namespace, "first", "--version", "1", "--yes")
    with member.start("watch", namespace, "--from", start, "--output", "json") as watch:
        assert watch.stdout is not None
        changes = [read(watch.stdout) for _ in range(5)]
        watch.send_signal(signal.SIGINT)
        rest, err = watch.communicate()
        assert (watch.returncode, rest) == (130, b"")
        assert err.strip() == b""
    kinds = ["put", "put", "delete", "undelete", "destroy"]
    assert [change["kind"] for change in changes] == kinds
    assert [change["name"] for change in changes] == ["first", "second", "first", "first", "first"]
    assert changes[1]["namespace"] == f"{namespace}/below"
    revisions = [change["revision"] for change in changes]
    assert revisions == list(range(int(start), int(start) + 5))


def test_a_line_for_people_has_the_same_in_columns(member: User, namespace: str) -> None:
    start = first_revision(member, namespace)
    with member.start("watch", namespace, "--from", start) as watch:
        assert watch.stdout is not None
        cells = watch.stdout.readline().decode().split()
        watch.send_signal(signal.SIGINT)
        watch.communicate()
    assert (cells[0], *cells[2:]) == (start, "put", namespace, "1", "first")


def test_a_watch_outlives_its_connection(
    member: User, server: Server, relay: Cuttable, namespace: str
) -> None:
    start = first_revision(member, namespace)
    rewrite(
        member.profiles / "default" / "profile.json",
        lambda text: text.replace(server.address.encode(), relay.address.encode()),
    )
    with member.start("watch", namespace, "--from", start, "--output", "json") as watch:
        assert watch.stdout is not None
        assert read(watch.stdout)["name"] == "first"
        for number in range(3):
            relay.cut()
            member.run("put", namespace, f"record-{number}", stdin=b"")
            assert read(watch.stdout)["name"] == f"record-{number}"
        watch.send_signal(signal.SIGINT)
        watch.communicate()


def test_a_watch_that_the_server_refuses_says_why(
    member: User, admin: User, namespace: str
) -> None:
    assert admin.run("put", namespace, "record", stdin=b"").code == 0
    done = member.run("watch", namespace)
    assert (done.code, done.out) == (2, b"")
    assert "no right" in done.err
