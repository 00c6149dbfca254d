"""Verification: everything that is stored is read, opened, and compared with all else.

It changes nothing, and may run beside a server. Each unit is a transaction of its own, of bounded
size, but for the first two, which SQLite can't do in parts: readers and writers go on, and the log
grows meanwhile. What was put, deleted or erased between two units is no damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sealwire.core.errors import SealError
from sealwire.storage.findings import Damage, Finding
from sealwire.storage.patience import patiently
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction
from sealwire.storage.verified_changes import CHANGES, verify_changes
from sealwire.storage.verified_tables import ROWS, SALTS, verify_salts, verify_tables
from sealwire.storage.verified_versions import ANSWERS, VERSIONS, verify_answers, verify_versions

FILE: Final = "file"


def verify(store: Store) -> Iterator[Finding]:
    """Check everything, and yield after each unit of work what was found in it.

    Damage is named and passed over. Where the file itself can't be read on, the part that it
    belongs to ends there, and the next begins.

    Raises:
        UnavailableError: if the database or the salts can't be used for long.
    """
    for what, part in _PARTS.items():
        try:
            yield from part(store)
        except SealError as error:
            problem = f"Not all of it can be read. {error}"
            yield Finding(what, 0, (Damage("file", {"part": what}, problem),))


def count_verified(tx: Transaction) -> int:
    """Return how many things `verify` looks at, as of now."""
    return tx.inspection.count()


def _verify_file(store: Store) -> Iterator[Finding]:
    for look in (_structure, _references):
        yield Finding(FILE, 0, tuple(patiently(store.read_blocking, look)))


def _structure(tx: Transaction) -> list[Damage]:
    return [Damage("file", {"part": FILE}, f"{fault}.") for fault in tx.inspection.faults()]


def _references(tx: Transaction) -> list[Damage]:
    return [
        Damage(
            f"row of {table}",
            {"rowid": rowid},
            f"It refers to a row of {parent} that is not there.",
        )
        for table, rowid, parent in tx.inspection.dangling()
    ]


_PARTS: Final[dict[str, Callable[[Store], Iterator[Finding]]]] = {
    FILE: _verify_file,
    ROWS: verify_tables,
    SALTS: verify_salts,
    VERSIONS: verify_versions,
    CHANGES: verify_changes,
    ANSWERS: verify_answers,
}
