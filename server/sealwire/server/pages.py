"""Pages of long answers: how large they may be, and where the next one begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from google.protobuf.message import Message

from sealwire.core.encoding import base64url, from_base64url
from sealwire.core.errors import MalformedError

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1_000
_MAX_TOKEN_CHARACTERS: Final = 1_024
_MAX_PAGE_BYTES: Final = 3 * 1024 * 1024

M = TypeVar("M", bound=Message)


def page_size(asked: int) -> int:
    """Return how many items a page has at most; MalformedError if too many were asked for."""
    if asked > MAX_PAGE_SIZE:
        raise MalformedError(f"A page has at most {MAX_PAGE_SIZE} items.")
    return asked or DEFAULT_PAGE_SIZE


def page_token(position: str) -> str:
    """Return the token of a position in an order of texts. It grants nothing."""
    return base64url(position.encode())


def position(token: str) -> str:
    """Return the position that a token stands for; the empty text, before all, for no token.

    Raises:
        MalformedError: if it is none that `page_token` makes.
    """
    try:
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise MalformedError("The page token is too long.")
        return from_base64url(token).decode("utf-8")
    except (MalformedError, UnicodeDecodeError):
        raise MalformedError("The page token is not one that this server gave out.") from None


def fitting(items: Sequence[M]) -> Sequence[M]:
    """Return the first items, at least one of them, that go into one answer together."""
    size = 0
    for index, item in enumerate(items):
        size += item.ByteSize()
        if size > _MAX_PAGE_BYTES and index:
            return items[:index]
    return items
