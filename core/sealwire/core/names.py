"""What a record may be called, and how much it holds: one text, one name, never an alias.

Refused rather than normalized: a server that silently changes a name lets two names meet.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from sealwire.core.errors import MalformedError

MAX_NAME_BYTES: Final = 512
MAX_VALUE_BYTES: Final = 1024 * 1024
"""How much one record holds."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def check_namespace(text: str) -> str:
    """Return `text` if it has the form of a namespace; MalformedError otherwise."""
    return _check(text, "namespace")


def check_record_name(text: str) -> str:
    """Return `text` if it has the form of a record name; MalformedError otherwise."""
    return _check(text, "record name")


def check_identity_name(text: str) -> str:
    """Return `text` if it has the form of an identity's name; MalformedError otherwise."""
    if "/" in text:
        raise MalformedError("An identity's name holds no '/'.")
    return _check(text, "name")


def _check(text: str, what: str) -> str:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise MalformedError(f"This {what} holds a lone surrogate, so it is no text.") from None
    if not 1 <= size <= MAX_NAME_BYTES:
        raise MalformedError(f"A {what} has 1 to {MAX_NAME_BYTES} bytes of UTF-8; this has {size}.")
    if not unicodedata.is_normalized("NFC", text):
        raise MalformedError(f"This {what} is not in Unicode normalization form C.")
    if any(unicodedata.category(character) in _HIDDEN for character in text):
        raise MalformedError(f"This {what} holds a control, formatting or unassigned character.")
    if any(segment in {"", ".", ".."} for segment in text.split("/")):
        raise MalformedError(f"A segment of this {what} is empty, '.' or '..'.")
    return text
