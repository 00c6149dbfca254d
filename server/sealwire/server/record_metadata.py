"""What a record says of itself besides its value, as the bytes that are sealed: canonical JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from sealwire.core.errors import MalformedError
from sealwire.core.names import is_plain_text

MAX_CONTENT_TYPE_BYTES: Final = 256
MAX_LABELS: Final = 64
MAX_LABEL_KEY_BYTES: Final = 128
MAX_LABEL_VALUE_BYTES: Final = 256


class Metadata(NamedTuple):
    """A media type, if any, and labels."""

    content_type: str
    labels: Mapping[str, str]


def encoded(content_type: str, labels: Mapping[str, str]) -> bytes:
    """Return the bytes of metadata; none if there is nothing to say.

    Raises:
        MalformedError: if a text is too long, or holds characters that do not show.
    """
    if not content_type and not labels:
        return b""
    _check(content_type, MAX_CONTENT_TYPE_BYTES, "content type")
    if len(labels) > MAX_LABELS or "" in labels:
        raise MalformedError(f"A record has at most {MAX_LABELS} labels, each with a key.")
    for key, value in labels.items():
        _check(key, MAX_LABEL_KEY_BYTES, "label's key")
        _check(value, MAX_LABEL_VALUE_BYTES, "label's value")
    document = {"content_type": content_type, "labels": dict(labels)}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def decoded(metadata: bytes) -> Metadata:
    """Return what `encoded` put into bytes."""
    if not metadata:
        return Metadata("", {})
    document = json.loads(metadata)
    return Metadata(document["content_type"], document["labels"])


def _check(text: str, limit: int, what: str) -> None:
    if len(text.encode()) > limit:
        raise MalformedError(f"A {what} has at most {limit} bytes.")
    if not is_plain_text(text):
        raise MalformedError(f"A {what} holds a control, formatting or unassigned character.")
