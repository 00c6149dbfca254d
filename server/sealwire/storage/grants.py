"""Grants: what is allowed or denied, to whom, in which namespace or subtree."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from typing import Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    or_,
    select,
)

from sealwire.core.errors import SealError
from sealwire.core.names import ancestors, subtree_bounds
from sealwire.storage.authority import Authority
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import Effect, GrantRow, Scope
from sealwire.storage.schema import grants
from sealwire.storage.tagging import GRANTS

_ORDER: Final = (
    grants.c.namespace,
    grants.c.subject_kind,
    grants.c.subject_id,
    grants.c.effect,
    grants.c.scope,
    grants.c.verb,
)


class Grants:
    """The grants, as one transaction sees them."""

    def __init__(self, connection: Connection, authority: Authority) -> None:
        self._connection = connection
        self._authority = authority

    def put(self, grant: GrantRow) -> None:
        """Add a grant, in the place of one that differs in its end and its giver only."""
        self._authority.put(GRANTS, dataclasses.asdict(grant))

    def remove(self, grant: GrantRow) -> None:
        """Remove a grant."""
        if self._authority.delete(GRANTS, *_same(grant)) != 1:
            raise SealError("The database did not take a change of who may do what.")

    def remove_subject(self, subject_id: str) -> None:
        """Remove every grant to an identity or group."""
        self._authority.delete(GRANTS, grants.c.subject_id == subject_id)

    def covering(self, namespace: str, *, subjects: Collection[str]) -> list[GrantRow]:
        """Return the grants to any of `subjects` that cover a namespace.

        It costs a look into an index for each pair of a subject and a part of the path.
        """
        above = ancestors(namespace)
        parameters = {f"subject_{number}": subject for number, subject in enumerate(subjects)}
        parameters |= {f"above_{number}": name for number, name in enumerate(above)}
        statement = _covering(len(subjects), len(above))
        rows = self._authority.rows(GRANTS, statement, {**parameters, "here": namespace})
        return [GrantRow(**row) for row in rows]

    def covering_all(self, namespace: str) -> list[GrantRow]:
        """Return the grants to anybody that cover a namespace, those on its ancestors first."""
        return self._rows(_covers(namespace))

    def denials_below(self, namespace: str, *, subjects: Collection[str]) -> list[GrantRow]:
        """Return what is denied to any of `subjects` somewhere below a namespace."""
        return self._rows(
            grants.c.subject_id.in_(subjects), grants.c.effect == Effect.DENY, _below(namespace)
        )

    def at(self, namespace: str, *, subject_id: str) -> list[GrantRow]:
        """Return a subject's grants on exactly this name."""
        return self._rows(grants.c.subject_id == subject_id, grants.c.namespace == namespace)

    def of_subject(self, subject_id: str) -> list[GrantRow]:
        """Return every grant to an identity or group."""
        return self._rows(grants.c.subject_id == subject_id)

    def touch(self, namespace: str) -> bool:
        """Tell whether any grant is on the namespace, on one that holds it, or below it."""
        above = grants.c.namespace.in_([namespace, *ancestors(namespace)])
        touching = or_(above, _below(namespace))
        return bool(self._connection.execute(select(exists().where(touching))).scalar())

    def _rows(self, *where: ColumnElement[bool]) -> list[GrantRow]:
        statement = select(*GRANTS.read).where(*where).order_by(*_ORDER)
        return [GrantRow(**row) for row in self._authority.rows(GRANTS, statement)]


def _same(grant: GrantRow) -> list[ColumnElement[bool]]:
    fields = dataclasses.asdict(grant)
    return [column == fields[column.name] for column in grants.primary_key]


def _covers(namespace: str) -> ColumnElement[bool]:
    return or_(
        grants.c.namespace == namespace,
        and_(grants.c.namespace.in_(ancestors(namespace)), grants.c.scope == Scope.SUBTREE),
    )


def _below(namespace: str) -> ColumnElement[bool]:
    first, behind = subtree_bounds(namespace)
    return and_(grants.c.namespace >= first, grants.c.namespace < behind)


@functools.lru_cache(maxsize=1024)
def _covering(subjects: int, above: int) -> Prepared:
    """Compile the look-up of every decision, for so many subjects and ancestors."""
    above_names: list[BindParameter[str]] = [
        bindparam(f"above_{number}") for number in range(above)
    ]
    return Prepared.of(
        select(*GRANTS.read).where(
            grants.c.subject_id.in_([bindparam(f"subject_{number}") for number in range(subjects)]),
            grants.c.namespace.in_([*above_names, bindparam("here")]),
            or_(grants.c.namespace == bindparam("here"), grants.c.scope == Scope.SUBTREE),
        )
    )
