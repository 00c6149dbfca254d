"""The client without our client: it reads a record, and believes only the pinned server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client.enrolment import join
from sealwire.client.profiles import Profiles
from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from tests.packaging.layout import ROOT
from tests.server.members import invite
from tests.server.processes import ServerProcess, init

VALUE = bytes(range(256))


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a profile with a record at a server that runs."""
    directory = tmp_path_factory.mktemp("hand-signed")
    with ServerProcess(init(directory / "deployment")) as server:
        profile = join(
            invite(server.deployment, "alice"),
            Profiles(directory / "config"),
            "default",
            clock=system_clock,
            random=os.urandom,
        )
        with profile.connect() as client:
            client.put("team", "record", VALUE)
        yield directory / "config" / "profiles" / "default"


@pytest.fixture
def profile(joined: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    return Path(shutil.copytree(joined, tmp_path / "profile"))


def get(profile: Path, name: str = "record") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "hand_signed_client.py", profile, "team", name],
        capture_output=True,
        check=False,
        timeout=60,
    )


def change(profile: Path, **fields: str) -> None:
    path = profile / "profile.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_it_prints_a_record(profile: Path) -> None:
    done = get(profile)
    assert (done.returncode, done.stdout, done.stderr) == (0, VALUE, b"")


def test_it_prints_nothing_of_a_server_with_another_key(profile: Path) -> None:
    other = PrivateKey.generate(os.urandom).public_key
    change(profile, server_public_key=other.text, server_key_id=other.key_id)
    done = get(profile)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"InvalidSignature" in done.stderr


def test_it_prints_nothing_where_there_is_nothing(profile: Path) -> None:
    done = get(profile, "missing")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"NOT_FOUND" in done.stderr


def test_what_it_signs_for_another_server_is_refused(profile: Path) -> None:
    change(profile, audience="another")
    done = get(profile)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"UNAUTHENTICATED" in done.stderr


def test_it_needs_nothing_of_sealwire_but_the_stubs() -> None:
    source = (ROOT / "examples" / "hand_signed_client.py").read_text()
    imported = {line.split()[1] for line in source.splitlines() if line.startswith("from sealwire")}
    assert {name.rpartition(".")[0] for name in imported} == {"sealwire.v1"}
