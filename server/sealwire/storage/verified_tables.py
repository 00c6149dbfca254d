"""Rows that decide something have their tags, and what they lead to is there: keys, salts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.findings import UNIT_ROWS, Damage, Finding, portions
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
    yield Finding(ROWS, 0, tuple(patiently(store.read_blocking, _authority)))
    for table in TAGGED:
        yield from portions(store, functools.partial(_tagged, table), 0)


def verify_salts(store: Store) -> Iterator[Finding]:
    """Check that every identity has its salt, and that those have none which were erased.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    position: int | None = 0
    while position is not None:
        unit = functools.partial(_salts, position)
        finding, position = patiently(store.read_blocking, unit)
        if finding.damage:  # an erasure may have come between: look again, at a newer state
            finding, _ = patiently(store.read_blocking, unit)
        yield finding


def _authority(tx: Transaction) -> list[Damage]:
    try:
        tx.authority.version()
    except SealError as error:
        return [Damage("row of authority", {}, str(error))]
    return []


def _tagged(table: TaggedTable, after: int, tx: Transaction) -> tuple[Finding, int | None]:
    page = tx.inspection.tagged(table, after=after, limit=UNIT_ROWS)
    damage, kind = [], f"row of {table.table.name}"
    for row in page:
        try:
            found = tx.authority.checked(table, row.found)
            problem = _FURTHER.get(table.table.name, _nothing)(tx, found)
        except SealError as error:
            problem = str(error)
        if problem is not None:
            damage.append(Damage(kind, row.key, problem))
    return Finding(ROWS, len(page), tuple(damage)), page[-1].rowid if page else None


def _salts(after: int, tx: Transaction) -> tuple[Finding, int | None]:
    page = tx.inspection.tagged(IDENTITIES, after=after, limit=UNIT_ROWS)
    damage = []
    for row in page:
        try:
            found = tx.authority.checked(IDENTITIES, row.found)
        except SealError:
            continue  # said of the row
        problem = _salt_problem(tx, found)
        if problem is not None:
            damage.append(Damage("salt", {"identity": found["name"], "id": found["id"]}, problem))
    return Finding(SALTS, 0, tuple(damage)), page[-1].rowid if page else None


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
