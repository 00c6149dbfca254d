"""Example programs, shown in documents exactly as they are tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"


def hand_signed_client() -> str:
    """Return the program that signs by hand."""
    program = (EXAMPLES / "hand_signed_client.py").read_text(encoding="utf-8").strip()
    return f"```python\n{program}\n```"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {"hand-signed-client": hand_signed_client}
FILES: Final[Mapping[str, Callable[[], str]]] = {}
