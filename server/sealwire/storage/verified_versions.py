"""Every version and every answer is opened, and must be where it was put."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.findings import (
    UNIT_BYTES,
    UNIT_ROWS,
    Damage,
    Finding,
    behind,
    behind_page,
    examined,
    portions,
)
from sealwire.storage.inspection import FIRST_ROWID, StoredAnswer
from sealwire.storage.rows import Namespace
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction
from sealwire.storage.versions import VersionRow

VERSIONS: Final = "versions"
ANSWERS: Final = "answers"


def verify_versions(store: Store) -> Iterator[Finding]:
    """Open the value, the metadata and the name of every version, a few in each unit.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    return portions(store, _versions, FIRST_ROWID)


def verify_answers(store: Store) -> Iterator[Finding]:
    """Open every answer, a few in each unit.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    return portions(store, _answers, FIRST_ROWID)


def place_of(namespace: Namespace, stored: str, version: int | None = None) -> dict[str, str | int]:
    """Return which record, or version of it, something is about; where names are sealed, by hash.

    A name that was opened is not told: whoever reads of damage need not be one who may read names.
    """
    key = "name" if namespace.name_key is None else "stored_name"
    place: dict[str, str | int] = {"namespace": namespace.name, key: stored}
    return place if version is None else {**place, "version": version}


def _versions(first: int, tx: Transaction) -> tuple[Finding, int | None]:
    damage: list[Damage] = []
    looked_at, erased, size = 0, 0, 0
    position: int | None = None
    for rowid, namespace_id, row in tx.inspection.versions.stored(first=first, limit=UNIT_ROWS):
        place = _bare_place(namespace_id, row)
        looked_at, size = looked_at + 1, size + len(row.blob or b"")
        try:
            damage += examined("version", place, partial(_of_version, tx, namespace_id, row))
        except ErasedError:
            erased += 1
        if looked_at == UNIT_ROWS or size > UNIT_BYTES:
            position = behind(rowid)
            break
    return Finding(VERSIONS, looked_at, tuple(damage), erased), position


def _bare_place(namespace_id: int, row: VersionRow) -> dict[str, str | int]:
    return {
        "namespace_id": namespace_id,
        "stored_name": row.stored_name,
        "version": row.version,
    }


def _of_version(tx: Transaction, namespace_id: int, row: VersionRow) -> Iterator[Damage]:
    try:
        namespace = tx.namespaces.find_by_id(namespace_id)
    except SealError:
        return  # said of the namespace, once
    if namespace is None:
        place = _bare_place(namespace_id, row)
        yield Damage("version", place, "Its namespace is not there.")
        return
    problem = _problem(tx, namespace, row)
    if problem is not None:
        yield Damage("version", place_of(namespace, row.stored_name, row.version), problem)


def _problem(tx: Transaction, namespace: Namespace, row: VersionRow) -> str | None:
    """Return what is wrong with a version; ErasedError if nobody can open it any more."""
    inspection, fault = tx.inspection, "Its row can't be read."
    try:
        row.require_bounds()
        fault = "Its name does not open."
        name = inspection.opener.name(namespace, row)
        if inspection.names.stored(namespace, name) != row.stored_name:
            return "It is stored under another name's hash."
        fault = "Its metadata does not open."
        facts = inspection.opener.facts(namespace, row, name=name)
        fault = "Its value does not open."
        if row.blob is not None:
            inspection.opener.value(namespace, facts, row)
    except SealError as error:
        return f"{fault} {error}"
    if namespace.name_key is None and row.sealed_name is not None:
        return "It has a sealed name, where names are not sealed."
    if row.blob is None and row.metadata is not None:
        return "Its value is gone, and its metadata is not."
    return None


def _answers(first: int, tx: Transaction) -> tuple[Finding, int | None]:
    damage: list[Damage] = []
    erased = 0
    page = tx.inspection.answers(first=first, limit=UNIT_ROWS)
    for answer in page:
        place = {"identity_id": answer.identity_id, "request_id": answer.request_id}
        try:
            damage += examined("answer", place, partial(_of_answer, tx, answer))
        except ErasedError:
            erased += 1
    return Finding(ANSWERS, len(page), tuple(damage), erased), behind_page(page)


def _of_answer(tx: Transaction, answer: StoredAnswer) -> Iterator[Damage]:
    _, identity_id, request_id, digest = answer
    place = {"identity_id": identity_id, "request_id": request_id}
    try:
        found = tx.answers.find(identity_id, request_id, digest=digest)
    except SealError as error:
        yield Damage("answer", place, f"It does not open. {error}")
    else:
        if found is None:
            yield Damage("answer", place, "Nobody who asks for it finds it.")
