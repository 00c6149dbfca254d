"""Every version and every answer is opened, and must be where it was put."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealwire.core.errors import ErasedError, SealError
from sealwire.storage.findings import UNIT_BYTES, UNIT_ROWS, Damage, Finding, portions
from sealwire.storage.headers import START, Position
from sealwire.storage.rows import Namespace
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction
from sealwire.storage.versions import VersionRow

VERSIONS: Final = "versions"
ANSWERS: Final = "answers"
_FIRST_ANSWER: Final = ("", "")


def verify_versions(store: Store) -> Iterator[Finding]:
    """Open the value, the metadata and the name of every version, a few in each unit.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    return portions(store, _versions, START)


def verify_answers(store: Store) -> Iterator[Finding]:
    """Open every answer, a few in each unit.

    Raises:
        UnavailableError, SealError: as `findings.portions`.
    """
    return portions(store, _answers, _FIRST_ANSWER)


def place_of(namespace: Namespace, stored: str, version: int | None = None) -> dict[str, str | int]:
    """Return which record, or version of it, something is about; where names are sealed, by hash.

    A name that was opened is not told: whoever reads of damage need not be one who may read names.
    """
    key = "name" if namespace.name_key is None else "stored_name"
    place: dict[str, str | int] = {"namespace": namespace.name, key: stored}
    return place if version is None else {**place, "version": version}


def _versions(after: Position, tx: Transaction) -> tuple[Finding, Position | None]:
    damage: list[Damage] = []
    looked_at, erased, size = 0, 0, 0
    position: Position | None = None
    for namespace_id, row in tx.inspection.versions.behind(*after, limit=UNIT_ROWS):
        position = Position(namespace_id, row.stored_name, row.version)
        looked_at, size = looked_at + 1, size + len(row.blob or b"")
        try:
            damage.extend(_of_version(tx, namespace_id, row))
        except ErasedError:
            erased += 1
        if size > UNIT_BYTES:
            break
    return Finding(VERSIONS, looked_at, tuple(damage), erased), position


def _of_version(tx: Transaction, namespace_id: int, row: VersionRow) -> Iterator[Damage]:
    try:
        namespace = tx.namespaces.find_by_id(namespace_id)
    except SealError:
        return  # said of the namespace, once
    if namespace is None:
        place: dict[str, str | int] = {
            "namespace_id": namespace_id,
            "stored_name": row.stored_name,
            "version": row.version,
        }
        yield Damage("version", place, "Its namespace is not there.")
        return
    problem = _problem(tx, namespace, row)
    if problem is not None:
        yield Damage("version", place_of(namespace, row.stored_name, row.version), problem)


def _problem(tx: Transaction, namespace: Namespace, row: VersionRow) -> str | None:
    """Return what is wrong with a version; ErasedError if nobody can open it any more."""
    inspection, part = tx.inspection, "name"
    try:
        name = inspection.opener.name(namespace, row)
        if inspection.names.stored(namespace, name) != row.stored_name:
            return "It is stored under another name's hash."
        part = "metadata"
        facts = inspection.opener.facts(namespace, row, name=name)
        part = "value"
        if row.blob is not None:
            inspection.opener.value(namespace, facts, row)
    except SealError as error:
        return f"Its {part} does not open. {error}"
    if namespace.name_key is None and row.sealed_name is not None:
        return "It has a sealed name, where names are not sealed."
    if row.blob is None and row.metadata is not None:
        return "Its value is gone, and its metadata is not."
    return None


def _answers(after: tuple[str, str], tx: Transaction) -> tuple[Finding, tuple[str, str] | None]:
    damage: list[Damage] = []
    erased, position = 0, None
    page = tx.inspection.answers(after=after, limit=UNIT_ROWS)
    for identity_id, request_id, digest in page:
        position = (identity_id, request_id)
        try:
            tx.answers.find(identity_id, request_id, digest=digest)
        except ErasedError:
            erased += 1
        except SealError as error:
            place = {"identity_id": identity_id, "request_id": request_id}
            damage.append(Damage("answer", place, f"It does not open. {error}"))
    return Finding(ANSWERS, len(page), tuple(damage), erased), position
