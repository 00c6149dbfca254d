"""The orders example as a newcomer runs it: from a shell, away from the store and the server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "orders" / "README.md"

IMPORTED = """
import sys
import examples.orders.tour
print(*sys.modules)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_example_does_what_its_readme_shows() -> None:
    done = run("-m", "examples.orders")
    assert done.returncode == 0, done.stderr
    block = re.search(r"\$ python -m examples\.orders\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    shown = [line.removesuffix("…").rstrip() for line in block[1].splitlines()]
    printed = done.stdout.splitlines()
    assert len(shown) == len(printed)
    for expected, line in zip(shown, printed, strict=True):
        assert line.startswith(expected)


def test_the_example_needs_neither_the_store_nor_the_server() -> None:
    done = run("-c", IMPORTED)
    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert "sealwire.interceptors" in modules
    unwanted = ("sealwire.storage", "sealwire.server", "sqlalchemy", "alembic", "structlog")
    assert [name for name in modules if name.startswith(unwanted)] == []


def test_the_example_prints_no_secret() -> None:
    done = run("-m", "examples.orders")
    assert "PRIVATE KEY" not in done.stdout + done.stderr
