"""Versions that their namespace does not keep any more, found by walking through all of them.

A put drops what is too many by number. What is too old, or too many since the namespace's setting
was changed, is dropped here. The walk reads only the primary key's index, so many rows cost little.
Where a record has more to drop than one unit may, the rest is left for the next walk, so that it
keeps no other record waiting.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, case, func, select, tuple_

from sealwire.core.errors import SealError
from sealwire.storage.housekeeping import Housekeeping
from sealwire.storage.namespaces import Namespaces
from sealwire.storage.portions import MAX_ROWS, Place, portion
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Namespace
from sealwire.storage.schema import record_versions
from sealwire.storage.versions import Versions

WALK_ROWS: Final = 2_000
"""How many versions one unit looks at."""

Position = tuple[int, str, int]
"""Where a walk has come: a namespace's id, a stored name, and a version."""

_START: Final[Position] = (0, "", 0)
_NUL: Final = "\0"  # no name holds it, so nothing lies between a name and the name with it behind

_columns = record_versions.c
_KEY = (_columns.namespace_id, _columns.name, _columns.version)
_RECORD = and_(
    _columns.namespace_id == bindparam("namespace_id"), _columns.name == bindparam("stored")
)
_WALK: Final = Prepared.of(
    select(*_KEY)
    .where(tuple_(*_KEY) >= tuple_(bindparam("at_id"), bindparam("at_name"), bindparam("at")))
    .order_by(*_KEY)
    .limit(WALK_ROWS)
)
_ENDS: Final = Prepared.of(
    select(
        func.max(_columns.version),
        func.max(case((_columns.updated_at <= bindparam("cutoff"), _columns.version))),
    ).where(_RECORD)
)
_UP_TO: Final = Prepared.of(
    select(*_KEY, _columns.size)
    .where(_RECORD, _columns.version <= bindparam("number"))
    .order_by(_columns.version)
    .limit(MAX_ROWS)
)


class Stage(NamedTuple):
    """What one unit found, and from where the next one walks on; None at the end."""

    places: list[Place]
    reached: Position | None


class Retention:
    """What is kept of records, as one transaction sees it."""

    def __init__(
        self, driver: sqlite3.Connection, *, namespaces: Namespaces, housekeeping: Housekeeping
    ) -> None:
        self._driver = driver
        self._versions = Versions(driver)
        self._namespaces = namespaces
        self._housekeeping = housekeeping

    def outgrown(self, position: Position | None, *, now: int) -> Stage:
        """Return versions that are not kept any more, from a position on; None is the beginning."""
        at_id, at_name, at = position or _START
        walked = list(_WALK.rows(self._driver, at_id=at_id, at_name=at_name, at=at))
        places = list(portion(self._outgrown(_superseded(walked), now=now)))
        if places:  # perhaps not all that there are: the walk goes on behind the last one's record
            last = places[-1]
            return Stage(places, (last.namespace_id, last.stored_name + _NUL, 0))
        return Stage([], walked[-1] if len(walked) == WALK_ROWS else None)

    def drop(self, places: Sequence[Place], *, now: int) -> None:
        """Remove versions that are not kept; no change says so, because none is a current one."""
        records = itertools.groupby(places, key=lambda place: place[:2])
        for (namespace_id, stored), versions in records:
            limit = self._limit(self._namespace(namespace_id), stored, now=now)
            for place in versions:
                if place.version <= limit:
                    self._versions.drop(*place[:3])
            self._housekeeping.drop_if_ended(namespace_id, stored)

    def _outgrown(self, records: Iterator[tuple[int, str]], *, now: int) -> Iterator[Place]:
        for namespace_id, group in itertools.groupby(records, key=lambda record: record[0]):
            namespace = self._namespace(namespace_id)
            for _, stored in group:
                if limit := self._limit(namespace, stored, now=now):
                    yield from map(Place._make, self._up_to(namespace_id, stored, limit))

    def _up_to(self, namespace_id: int, stored: str, limit: int) -> Iterator[tuple[object, ...]]:
        return _UP_TO.rows(self._driver, namespace_id=namespace_id, stored=stored, number=limit)

    def _limit(self, namespace: Namespace | None, stored: str, *, now: int) -> int:
        """Return the latest version of a record that is not kept; 0 for none."""
        if namespace is None:
            return 0
        head, settled = _ENDS.first(
            self._driver, namespace_id=namespace.id, stored=stored, cutoff=now - namespace.keep_ms
        ) or (None, None)
        by_number = (head or 0) - namespace.keep_versions if namespace.keep_versions else 0
        # The versions before one that has been there for so long had their successor by then.
        by_time = (settled or 0) - 1 if namespace.keep_ms else 0
        return max(by_number, by_time, 0)

    def _namespace(self, namespace_id: int) -> Namespace | None:
        """Return a namespace; None if its row was altered: everything in it is kept then."""
        try:
            return self._namespaces.find_by_id(namespace_id)
        except SealError:
            return None


def _superseded(walked: Sequence[tuple[int, str, int]]) -> Iterator[tuple[int, str]]:
    """Yield the records of which more than one version was walked through."""
    for record, versions in itertools.groupby(walked, key=lambda key: key[:2]):
        if next(itertools.islice(versions, 1, None), None) is not None:
            yield record
