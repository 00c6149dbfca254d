"""Rows that decide something have their tags, and what they lead to is there: keys, salts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.findings import (
    UNIT_ROWS,
    Damage,
    Finding,
    behind_page,
    examined,
    portions,
    whole,
)
from sealwire.storage.inspection import FIRST_ROWID, Inspected
from sealwire.storage.keys import stored_key
from sealwire.storage.patience import patiently
from sealwire.storage.rows import IdentityState, KeyState, Namespace
from sealwire.storage.store import Store
from sealwire.storage.tagging import IDENTITIES, KEYS, NAMESPACES, TAGGED, Row, TaggedTable
from sealwire.storage.transaction import Transaction

ROWS: Final = "rows"
SALTS: Final = "salts"


def verify_tables(store: Store) -> Iterator[Finding]:
    """Check every row that has a tag, and what it leads to, a few in each unit.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    yield Finding(ROWS, 0, tuple(patiently(store.read_blocking, whole(_authority))))
    for table in TAGGED:
        yield from portions(store, functools.partial(_tagged, table), FIRST_ROWID)


def verify_salts(store: Store) -> Iterator[Finding]:
    """Check that every identity has its salt, and that those have none which were erased.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    position: int | None = FIRST_ROWID
    while position is not None:
        unit = whole(functools.partial(_salts, position))
        finding, position = patiently(store.read_blocking, unit)
        if finding.damage:  # an erasure may have come between: look again, at a newer state
            finding, _ = patiently(store.read_blocking, unit)
        yield finding


def _authority(tx: Transaction) -> list[Damage]:
    def look() -> list[Damage]:
        tx.authority.version()
        return []

    return examined("row of authority", {}, look)


def _tagged(table: TaggedTable, first: int, tx: Transaction) -> tuple[Finding, int | None]:
    page = tx.inspection.tagged(table, first=first, limit=UNIT_ROWS)
    damage: list[Damage] = []
    for row in page:
        look = functools.partial(_of_row, tx, table, row)
        damage += examined(_kind(table), row.key, look)
    return Finding(ROWS, len(page), tuple(damage)), behind_page(page)


def _of_row(tx: Transaction, table: TaggedTable, row: Inspected) -> Iterator[Damage]:
    found = tx.authority.checked(table, row.found)
    problem = _FURTHER.get(table.table.name, _nothing)(tx, found)
    if problem is not None:
        yield Damage(_kind(table), row.key, problem)


def _kind(table: TaggedTable) -> str:
    return f"row of {table.table.name}"


def _salts(first: int, tx: Transaction) -> tuple[Finding, int | None]:
    page = tx.inspection.tagged(IDENTITIES, first=first, limit=UNIT_ROWS)
    damage: list[Damage] = []
    for row in page:
        damage += examined("salt", row.key, functools.partial(_of_salt, tx, row))
    return Finding(SALTS, 0, tuple(damage)), behind_page(page)


def _of_salt(tx: Transaction, row: Inspected) -> Iterator[Damage]:
    try:
        found = tx.authority.checked(IDENTITIES, row.found)
    except SealError:
        return  # said of the row
    problem = _salt_problem(tx, found)
    if problem is not None:
        yield Damage("salt", {"identity": found["name"], "id": found["id"]}, problem)


def _salt_problem(tx: Transaction, identity: Row) -> str | None:
    is_erased = identity["state"] == IdentityState.ERASED
    try:
        tx.inspection.salt(identity["id"])
    except SealError as error:
        return None if is_erased else f"Nothing that is sealed to the identity opens. {error}"
    if not is_erased:
        return None
    return (
        "The identity is erased, and its salt is still there. Start the server, and verify again."
    )


# What is asked of rows whose tags fit.


def _nothing(_tx: Transaction, _row: Row) -> str | None:
    return None


def _of_identity(tx: Transaction, row: Row) -> str | None:
    chain = tx.keys.of_identity(row["id"])
    if [key.generation for key in chain] != list(range(len(chain), 0, -1)) or not chain:
        return "A key of the identity is missing."
    if chain[0].state == KeyState.ROTATED:
        return "The key is missing that the identity's newest was rotated to."
    return None


def _of_key(_tx: Transaction, row: Row) -> str | None:
    if stored_key(row["public_key"]).key_id != row["public_key_id"]:
        return "The key is not the one that its id stands for."
    return None


def _of_namespace(tx: Transaction, row: Row) -> str | None:
    namespace = Namespace(**row)
    if namespace.name_key is None:
        return None
    try:
        tx.inspection.names.open_key(namespace)
    except ErasedError:
        return None
    except SealError as error:
        return f"Its name key does not open, so no record in it is found. {error}"
    return None


_FURTHER: Final[dict[str, Callable[[Transaction, dict[str, Any]], str | None]]] = {
    IDENTITIES.table.name: _of_identity,
    KEYS.table.name: _of_key,
    NAMESPACES.table.name: _of_namespace,
}
