"""Groups of identities."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, select

from sealwire.core.errors import AlreadyExistsError
from sealwire.core.keys import Random
from sealwire.storage.authority import Authority
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import GroupRow
from sealwire.storage.schema import groups, identities, members
from sealwire.storage.tagging import GROUPS, MEMBERS

_UUID_BYTES: Final = 16
_OF_IDENTITY: Final = Prepared.of(
    select(*MEMBERS.read).where(members.c.identity_id == bindparam("member"))
)
_NAMES: Final = (
    select(identities.c.name)
    .join_from(members, identities)
    .where(members.c.group_id == bindparam("group"))
    .order_by(identities.c.name)
)


class Groups:
    """The groups, as one transaction sees them."""

    def __init__(self, connection: Connection, authority: Authority, random: Random) -> None:
        self._connection = connection
        self._authority = authority
        self._random = random

    def create(self, name: str, *, now: int) -> GroupRow:
        """Add a group without members.

        Raises:
            AlreadyExistsError: if the name is taken.
        """
        row = GroupRow(str(uuid.UUID(bytes=self._random(_UUID_BYTES), version=4)), name, now)
        if not self._authority.insert(GROUPS, dataclasses.asdict(row)):
            raise AlreadyExistsError("A group of this name exists already.")
        return row

    def find(self, name: str) -> GroupRow | None:
        """Return the group of this name; SealError if its row was altered."""
        row = self._authority.first(GROUPS, groups.c.name == name)
        return None if row is None else GroupRow(**row)

    def find_by_id(self, group_id: str) -> GroupRow | None:
        """Return the group of this id; SealError if its row was altered."""
        row = self._authority.first(GROUPS, groups.c.id == group_id)
        return None if row is None else GroupRow(**row)

    def all(self) -> list[GroupRow]:
        """Return every group in the order of their names' bytes."""
        return [
            GroupRow(**row)
            for row in self._authority.rows(GROUPS, select(*GROUPS.read).order_by(groups.c.name))
        ]

    def holding(self, identity_id: str) -> list[GroupRow]:
        """Return the groups that an identity is in, in the order of their names' bytes."""
        own = groups.c.id.in_(sorted(self.of_identity(identity_id)))
        return [GroupRow(**row) for row in self._authority.all(GROUPS, own, order_by=groups.c.name)]

    def of_identity(self, identity_id: str) -> frozenset[str]:
        """Return the ids of the groups that an identity is in."""
        found = self._authority.rows(MEMBERS, _OF_IDENTITY, {"member": identity_id})
        return frozenset(row["group_id"] for row in found)

    def names(self, group_ids: Collection[str]) -> Mapping[str, str]:
        """Return the names of groups by their ids."""
        found = self._connection.execute(
            select(groups.c.id, groups.c.name).where(groups.c.id.in_(group_ids))
        )
        return {row.id: row.name for row in found}

    def member_names(self, group: GroupRow) -> list[str]:
        """Return the names of a group's members, in the order of their bytes."""
        return list(self._connection.execute(_NAMES, {"group": group.id}).scalars())

    def add_member(self, group: GroupRow, identity_id: str, *, now: int) -> bool:
        """Add an identity to a group, and tell whether it is new there."""
        row = {"group_id": group.id, "identity_id": identity_id, "created_at": now}
        return self._authority.insert(MEMBERS, row)

    def remove_member(self, group: GroupRow, identity_id: str) -> bool:
        """Remove an identity from a group, and tell whether it was there."""
        here = (members.c.group_id == group.id, members.c.identity_id == identity_id)
        return self._authority.delete(MEMBERS, *here) == 1

    def leave_all(self, identity_id: str) -> None:
        """Remove an identity from every group."""
        self._authority.delete(MEMBERS, members.c.identity_id == identity_id)
