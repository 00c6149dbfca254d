"""Key ids on the command line: one in 64 begins with "-", and must not be taken for an option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MARK: Final = "id:"
"""What may stand before a key id, so that it does not look like an option."""
_TAKE_KEY_IDS: Final = {"key", "identity", "group", "grant", "ungrant", "grants", "can", "cert"}
_LIKE_AN_OPTION: Final = re.compile(r"-[A-Za-z0-9_-]{42}")


def marked(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments, the key ids among them marked that begin with "-"."""
    if not arguments or arguments[0] not in _TAKE_KEY_IDS:
        return list(arguments)
    return [MARK + word if _LIKE_AN_OPTION.fullmatch(word) else word for word in arguments]


def unmarked(word: str) -> str:
    """Return a key id, or whatever else a word may be, without the mark."""
    return word.removeprefix(MARK)
