"""What happened to identities, written in the transaction in which it happened."""

from __future__ import annotations

import dataclasses
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from sealwire.storage.rows import EventRow
from sealwire.storage.schema import events

_COLUMNS: Final = tuple(events.c[field.name] for field in dataclasses.fields(EventRow))
_INSERT: Final = insert(events)
_LATEST: Final = (
    select(*_COLUMNS)
    .where(events.c.identity_id == bindparam("about"))
    .order_by(events.c.id.desc())
    .limit(bindparam("most"))
)


class Events:
    """The events, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: EventRow) -> None:
        """Write down what this transaction does."""
        self._connection.execute(_INSERT, dataclasses.asdict(event))

    def latest(self, identity_id: str, *, limit: int) -> list[EventRow]:
        """Return up to `limit` events of an identity, newest first."""
        found = self._connection.execute(_LATEST, {"about": identity_id, "most": limit})
        return [EventRow(*row) for row in found]
