"""Resealing: every version is sealed to its owner's newest key, under the current root key.

It looks at headers, and opens only what is sealed otherwise. Each unit is a transaction of its own,
so that other processes' writers wait for one unit at most. A unit that is killed has done nothing,
and what was done is not done again.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.headers import START, Blob, Position
from sealwire.storage.moving import Pause, rest
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction

PAGE_RECORDS: Final = 1_000
UNIT_RECORDS: Final = 100
UNIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    """What was done since the last step, and how long it took of the writers' time.

    `damaged` are records that do not open.
    """

    looked_at: int
    resealed: int = 0
    damaged: tuple[Blob, ...] = ()
    seconds: float = 0.0


def reseal_records(store: Store, *, pause: Pause = time.sleep) -> Iterator[Step]:
    """Reseal every record that needs it, and yield after each unit of work.

    A record that does not open is left as it is. Records put meanwhile are sealed as they should
    be by whoever puts them. Values are in memory only.

    Raises:
        UnavailableError: if the database can't be used for long.
        SealError: if the file itself is damaged.
    """
    after = START
    while page := patiently(store.read_blocking, functools.partial(_page, after=after)):
        stale = [blob for blob in page if not blob.is_current]
        yield Step(looked_at=len(page) - len(stale))
        for blobs in _units(stale):
            step = patiently(store.write_blocking, functools.partial(_reseal, blobs=blobs))
            yield step
            rest(step.seconds, pause)
        after = page[-1].position


def _page(tx: Transaction, *, after: Position) -> list[Blob]:
    return tx.headers.page(after=after, limit=PAGE_RECORDS)


def _units(blobs: Sequence[Blob]) -> Iterator[list[Blob]]:
    """Yield the blobs in groups that are neither many nor large; one blob may be large alone."""
    unit: list[Blob] = []
    for blob in blobs:
        if unit and sum(other.size for other in unit) + blob.size > UNIT_BYTES:
            yield unit
            unit = []
        unit.append(blob)
        if len(unit) == UNIT_RECORDS:
            yield unit
            unit = []
    if unit:
        yield unit


def _reseal(tx: Transaction, *, blobs: Sequence[Blob]) -> Step:
    began, resealed, damaged = time.monotonic(), 0, []
    for blob in blobs:
        try:
            namespace_id, stored, version = blob.position
            namespace = tx.namespaces.find_by_id(namespace_id)
            resealed += namespace is not None and tx.records.reseal(namespace, stored, version)
        except ErasedError:
            continue  # nothing opens it any more, and housekeeping will remove it
        except SealError:
            damaged.append(blob)
    return Step(len(blobs), resealed, tuple(damaged), time.monotonic() - began)
