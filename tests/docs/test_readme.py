"""What the documents tell people to type works as it stands, in a directory that holds nothing."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
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
from tests.docs.shell import Shell, blocks, commands
from tests.packaging.layout import ROOT, is_checkout, project_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


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
    assert_versions_are_kept(printed)
    client, _, hand_signed = blocks(README, "python")
    assert shell.run_python(client) == b"b's3cret'\n"
    profile = shell.home / "config" / "sealwire" / "profiles" / "default"
    by_hand = shell.run_python(hand_signed, profile, "team/payments", "api-key")
    assert by_hand == b"s3cret"


def assert_versions_are_kept(printed: dict[str, str]) -> None:
    """The readme's block on versions, many records and processes shows what its text says."""
    record = "team/payments database-password"
    assert columns(printed[f"sealwire versions {record}"], 0) == ["version", "2", "1"]
    assert printed[f"sealwire get {record} --version 1"] == "hunter2"
    assert re.search(r"^version +2$", printed[f"sealwire undelete {record}"], re.MULTILINE)
    everything = printed["sealwire list team/payments --recursive"]
    assert columns(everything, -1)[1:] == ["database-password", "jobs/1", "jobs/2"]
    (ran,) = (printed[line] for line in printed if line.startswith("sealwire run "))
    assert ran == f"{len('hunter3')} characters\n"
    (made,) = (printed[line] for line in printed if line.startswith("sealwire namespace create "))
    assert re.search(r"^sealed names +yes$", made, re.MULTILINE)


def columns(text: str, index: int) -> list[str]:
    """Return one column of a table, its heading included."""
    return [re.split(r" {2,}", line)[index] for line in text.splitlines()]


def test_no_other_document_has_commands_that_nobody_runs() -> None:
    run_here = {Path("README.md"), Path("docs/operations.md"), Path("docs/permissions.md")}
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
