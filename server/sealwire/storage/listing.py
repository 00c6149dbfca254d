"""Lists of records, by prefix, page by page, without opening values.

A page costs a seek for each record that it looks at, however many there are. Where names are
sealed, their order is not that of what is stored: then all names are opened for every page.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import OverloadedError
from sealwire.storage.rows import Namespace, RecordRow
from sealwire.storage.sealer import Opener
from sealwire.storage.versions import VersionRow, Versions

MAX_SEALED_NAMES: Final = 20_000
MAX_LOOKS: Final = 2_000
"""How many records one page looks at, shown or not."""
_DELIMITER: Final = "/"
_AFTER_DELIMITER: Final = "0"  # follows "/" in UTF-8
_FIRST_CHARACTER: Final = (
    "\0"  # no name holds it, so nothing lies between a name and this behind it
)

Head = tuple[str, VersionRow]
"""A record's name, and its latest version."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to list: names that begin with `prefix`, from `start` on, as a page's `next` said.

    With `one_level`, of the names that hold a "/" behind the prefix only the beginnings up to it.
    """

    prefix: str = ""
    start: str = ""
    limit: int = 100
    one_level: bool = False
    show_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a query found, in order; with `next`, there may be more from there."""

    rows: list[RecordRow]
    prefixes: list[str]
    next: str | None


class Listing:
    """The lists, as one transaction sees them."""

    def __init__(self, versions: Versions, opener: Opener) -> None:
        self._versions = versions
        self._opener = opener

    def page(self, namespace: Namespace, query: Query, *, now: int) -> Page:
        """Return the next page.

        Raises:
            SealError: if a name or metadata was altered.
            OverloadedError: if a namespace has too many sealed names to be listed.
        """
        seek, page = self._seeker(namespace), Page([], [], None)
        position = max(query.start, query.prefix)
        for _ in range(MAX_LOOKS):
            found = seek(position)
            if found is None or not found[0].startswith(query.prefix):
                return page
            if len(page.rows) + len(page.prefixes) == query.limit:
                break
            name, head = found
            position = name + _FIRST_CHARACTER
            if not _is_shown(head, query, now=now):
                continue
            level = _level(name, query)
            if level is None:
                page.rows.append(self._opener.facts(namespace, head))
            else:
                page.prefixes.append(level)
                position = level.removesuffix(_DELIMITER) + _AFTER_DELIMITER
        return Page(page.rows, page.prefixes, position)

    def _seeker(self, namespace: Namespace) -> Callable[[str], Head | None]:
        """Return what finds the first record whose name is not before a position."""
        if namespace.name_key is None:
            return lambda position: _named(
                self._versions.next_head(namespace.id, at_least=position)
            )
        heads = sorted(self._opened(namespace), key=lambda head: head[0])

        def seek(position: str) -> Head | None:
            index = bisect.bisect_left(heads, position, key=lambda head: head[0])
            return heads[index] if index < len(heads) else None

        return seek

    def _opened(self, namespace: Namespace) -> Iterator[Head]:
        position = ""
        for _ in range(MAX_SEALED_NAMES):
            head = self._versions.next_head(namespace.id, at_least=position)
            if head is None:
                return
            yield self._opener.name(namespace, head), head
            position = head.stored_name + _FIRST_CHARACTER
        raise OverloadedError(
            f"This namespace has more than {MAX_SEALED_NAMES} sealed names, too many to be listed; "
            "get its records by name."
        )


def _named(head: VersionRow | None) -> Head | None:
    return None if head is None else (head.stored_name, head)


def _is_shown(head: VersionRow, query: Query, *, now: int) -> bool:
    if query.show_deleted:
        return head._replace(deleted_at=None).is_live(now)
    return head.is_live(now)


def _level(name: str, query: Query) -> str | None:
    """Return the beginning that stands for a name, if the query wants that."""
    end = name.find(_DELIMITER, len(query.prefix)) if query.one_level else -1
    return None if end < 0 else name[: end + 1]
