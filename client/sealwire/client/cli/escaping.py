r"""Text from elsewhere, made safe for a terminal: what can't be seen is shown as an escape.

A terminal obeys ESC and OSC sequences, and a bidirectional override changes what is read. Control,
format, surrogate, private-use and unassigned characters, and line and paragraph separators, become
`\x1b`, `\u202e` or `\U000e0001`.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ONE_BYTE: Final = 0xFF
_TWO_BYTES: Final = 0xFFFF


def visible_name(text: str) -> str:
    """Return a name on one line; its backslashes are doubled, so no two names look alike."""
    return visible_line(text.replace("\\", "\\\\"))


def visible_line(text: str) -> str:
    """Return `text` on one line."""
    return "".join(map(_visible, text))


def visible_lines(text: str) -> str:
    """Return `text` with its line feeds and tabs as they are."""
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    number = ord(char)
    if number <= _ONE_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _TWO_BYTES else f"\\U{number:08x}"
