"""What a record may be called, and how much it holds: one text, one name, never an alias.

Refused rather than normalized: a server that silently changes a name lets two names meet.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from sealwire.core.errors import MalformedError
from sealwire.core.keys import is_key_id

MAX_NAME_BYTES: Final = 512
MAX_VALUE_BYTES: Final = 1024 * 1024
"""How much one record holds."""
GROUP_PREFIX: Final = "group:"
"""What marks a group where an identity's name could stand."""
# What passes every check below: most names do, and a batch has a thousand.
_SIMPLE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def check_namespace(text: str) -> str:
    """Return `text` if it has the form of a namespace; MalformedError otherwise."""
    return _check(text, "namespace")


def check_record_name(text: str) -> str:
    """Return `text` if it has the form of a record name; MalformedError otherwise."""
    return _check(text, "record name")


def check_identity_name(text: str) -> str:
    """Return `text` if it has the form of an identity's or group's name; MalformedError otherwise.

    It is one segment, and can be mistaken neither for a key id nor for a group.
    """
    if "/" in text:
        raise MalformedError("The name of an identity or group holds no '/'.")
    if is_key_id(text):
        raise MalformedError("A name of 43 letters, digits, '-' and '_' could be a key id.")
    if text.startswith(GROUP_PREFIX):
        raise MalformedError(f"The name of an identity or group does not begin with {GROUP_PREFIX}")
    return _check(text, "name")


def ancestors(namespace: str) -> list[str]:
    """Return the namespaces that hold this one: of "a/b/c", "a" and "a/b"."""
    segments = namespace.split("/")
    return ["/".join(segments[:count]) for count in range(1, len(segments))]


def subtree_bounds(namespace: str) -> tuple[str, str]:
    """Return bounds of the names below this one: at least the first, less than the second."""
    return f"{namespace}/", f"{namespace}0"  # "0" follows "/" in UTF-8


def is_plain_text(text: str) -> bool:
    """Tell whether every character of a text shows: none controls, formats or is unassigned."""
    if text.isascii():  # the quick answer for most names
        return text.isprintable()
    return not any(unicodedata.category(character) in _HIDDEN for character in text)


def _check(text: str, what: str) -> str:
    if len(text) <= MAX_NAME_BYTES and _SIMPLE.fullmatch(text):
        return text
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise MalformedError(f"This {what} holds a lone surrogate, so it is no text.") from None
    if not 1 <= size <= MAX_NAME_BYTES:
        raise MalformedError(f"A {what} has 1 to {MAX_NAME_BYTES} bytes of UTF-8; this has {size}.")
    if not unicodedata.is_normalized("NFC", text):
        raise MalformedError(f"This {what} is not in Unicode normalization form C.")
    if not is_plain_text(text):
        raise MalformedError(f"This {what} holds a control, formatting or unassigned character.")
    if any(segment in {"", ".", ".."} for segment in text.split("/")):
        raise MalformedError(f"A segment of this {what} is empty, '.' or '..'.")
    return text
