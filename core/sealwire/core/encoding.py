"""Encodings that leave no room for doubt: length-prefixed parts, base64url, one form of JSON."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping

from sealwire.core.errors import MalformedError

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def length_prefixed(label: str, *parts: bytes) -> bytes:
    """Return `label` and `parts`, each behind its length as 4 bytes, big-endian.

    No two different lists of parts give the same bytes, so a value can't slide from one
    part into the next.
    """
    return b"".join([prefixed(piece) for piece in (label.encode("ascii"), *parts)])


def prefixed(part: bytes) -> bytes:
    """Return one part behind its length, as `length_prefixed` writes it."""
    return len(part).to_bytes(4, "big") + part


def canonical_json(texts: Mapping[str, str]) -> str:
    """Return an object of texts as ASCII JSON, without spaces, its names in order."""
    return json.dumps(dict(texts), sort_keys=True, separators=(",", ":"))


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 4648 section 5, as RFC 7515 section 2 uses it)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Decode what `base64url` makes, and nothing else.

    Raises:
        MalformedError: for padding, other characters, or bits that an encoder leaves zero.
    """
    try:
        if not _BASE64URL.fullmatch(text):
            raise MalformedError("This is not base64url text.")
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise MalformedError("This is not base64url text.") from error
    if base64url(data) != text:
        raise MalformedError("This base64url text is not in canonical form.")
    return data
