"""All that `sealwire-server reseal` moves: versions of records, name keys, answers, tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealwire.storage import (
    Store,
    count_stale_tags,
    reseal_others,
    reseal_records,
    retag_rows,
)

Progress = Callable[[int, int], None]
"""Given how much is done, and how much there is to do."""

Complain = Callable[[str], None]
"""Given a sentence about something that was left as it is."""


@dataclass(slots=True)
class Resealed:
    """What was done: versions of records looked at, resealed and not to be opened, and so on.

    `others` are name keys and answers; `altered` are they and tagged rows that are not as the
    server wrote them.
    """

    records: int = 0
    resealed: int = 0
    damaged: int = 0
    others: int = 0
    retagged: int = 0
    altered: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing had to be left as it is."""
        return not (self.damaged or self.altered)


def reseal_everything(store: Store, *, progress: Progress, complain: Complain) -> Resealed:
    """Move everything to the newest keys; what can't be moved is named, and left as it is.

    It may be killed at any moment, and run again.

    Raises:
        UnavailableError: if the database can't be used for long.
        SealError: if the file itself is damaged.
    """
    done = Resealed()
    total = store.read_blocking(lambda tx: tx.headers.count() + count_stale_tags(tx))
    for step in reseal_records(store):
        for blob in step.damaged:
            # As JSON: whoever could write to the database chose the names.
            place = f"{json.dumps(blob.position.name)} in {json.dumps(blob.namespace)}"
            complain(f"The record {place} does not open, and was left as it is.")
        done.records += step.looked_at
        done.resealed += step.resealed
        done.damaged += len(step.damaged)
        progress(done.records, max(done.records, total))
    # Name keys before tags: a row whose name key is sealed anew is tagged anew with it.
    for other in reseal_others(store):
        done.others += other.moved
        _name(other.damaged, done, complain)
    for tags in retag_rows(store):
        done.retagged += tags.moved
        _name(tags.damaged, done, complain)
        progress(done.records + done.retagged, max(done.records + done.retagged, total))
    return done


def _name(rows: Sequence[tuple[str, int]], done: Resealed, complain: Complain) -> None:
    for table, rowid in rows:
        complain(f"Row {rowid} of {table} was altered, and was left as it is.")
    done.altered += len(rows)
