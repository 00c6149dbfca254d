"""What no file of the project may hold, and what starting the client must not load."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.packaging.layout import ROOT, is_checkout, project_files

needs_checkout = pytest.mark.skipif(
    not is_checkout(), reason="only a checkout knows which files are the project's"
)

# How a file comes to name the place that packages were fetched from.
REGISTRY = re.compile(
    r"(?:extra[-_])?index[-_]url|/simpl[e]/|find[-_]links|[\"']resolved[\"']\s*:"
    r"|https?://[\w.-]*(?:pypi|npmjs|registry|artifactory|nexus|mirror)[\w.-]*",
    re.IGNORECASE,
)

# How a file comes to name the machine that it was written on: somebody's home or a work folder.
PRIVATE_PATH = re.compile(r"(?<![\w./~$})-])/(?:home|root|Users|work(?:space)?)/\w")

PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+-]+")


def offences(pattern: re.Pattern[str]) -> list[str]:
    """Return `file:line: match` for every match in the project's text files."""
    found = []
    for path in project_files():
        lines = (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            found += [f"{path}:{number}: {match[0]}" for match in pattern.finditer(line)]
    return found


@needs_checkout
def test_no_file_names_a_package_registry() -> None:
    assert offences(REGISTRY) == []


@needs_checkout
def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert offences(PRIVATE_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRY, "pip install --index" + "-url=x"),
        (REGISTRY, "see https://" + "pypi.org/project"),
        (REGISTRY, '"resolved"' + ': "x"'),
        (REGISTRY, "GET /sim" + "ple/grpcio"),
        (PRIVATE_PATH, "open('/ho" + "me/alice')"),
        (PRIVATE_PATH, "PATH=/Us" + "ers/alice"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@needs_checkout
def test_no_module_is_named_after_nothing() -> None:
    vague = {"util", "utils", "helper", "helpers", "misc"}
    assert [str(path) for path in project_files() if path.stem in vague] == []


@needs_checkout
def test_no_file_is_what_a_merge_or_an_editor_left_behind() -> None:
    left = re.compile(r"\.(?:orig|rej|bak)$|~$")
    assert [str(path) for path in project_files() if left.search(path.name)] == []


def test_every_constraint_is_one_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not PINNED.fullmatch(pin)] == []


def test_starting_the_client_loads_nothing_of_the_server() -> None:
    program = Path(sysconfig.get_path("scripts")) / "sealwire"
    started = subprocess.run(
        [sys.executable, "-X", "importtime", program, "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in started.stderr.splitlines()}
    assert "sealwire.client.cli" in loaded
    server_side = ("sealwire.server", "sealwire.storage", "sealwire.interceptors", "sqlalchemy")
    assert [name for name in sorted(loaded) if name.startswith(server_side)] == []
