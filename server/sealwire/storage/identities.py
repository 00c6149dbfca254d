"""Identities, and the way to the salts without which nothing of theirs can be unsealed."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from sealwire.core.derivation import SALT_BYTES
from sealwire.core.encoding import canonical_json
from sealwire.core.errors import AlreadyExistsError, ErasedError, SealError
from sealwire.core.keys import PublicKey
from sealwire.storage.authority import Authority
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.keys import Keys
from sealwire.storage.rows import (
    ADMIN_ROLE,
    IdentityRow,
    IdentityState,
    KeyRow,
    KeyState,
    NewIdentity,
)
from sealwire.storage.schema import identities, keys
from sealwire.storage.tagging import IDENTITIES, KEYS

_UUID_BYTES: Final = 16
_KEY: Final = select(*KEYS.read).where(
    keys.c.identity_id == bindparam("id"), keys.c.public_key == bindparam("public_key")
)
_LISTED_ADMINS: Final = select(identities.c.id).where(
    identities.c.role == ADMIN_ROLE, identities.c.state == IdentityState.ACTIVE
)
_LISTED_ERASED: Final = select(identities.c.id).where(identities.c.state == IdentityState.ERASED)


class Identities:
    """The identities, as one transaction sees them."""

    def __init__(
        self, connection: Connection, authority: Authority, keys: Keys, barrier: SealingBarrier
    ) -> None:
        self._connection = connection
        self._authority = authority
        self._keys = keys
        self._barrier = barrier

    def create(self, identity: NewIdentity, now: int) -> IdentityRow:
        """Add an identity with its first key, a random id and a random salt.

        Raises:
            AlreadyExistsError: if the name is taken, or the key is, or ever was, an identity's.
            UnavailableError: if the salt can't be kept now.
        """
        random = self._barrier.random
        row = IdentityRow(
            id=str(uuid.UUID(bytes=random(_UUID_BYTES), version=4)),
            name=identity.name,
            role=identity.role,
            created_at=now,
        )
        if not self._authority.insert(IDENTITIES, dataclasses.asdict(row)):
            raise AlreadyExistsError("An identity of this name exists already; choose another.")
        self._keys.add(
            row.id, identity.public_key, now=now, certificate_uri=identity.certificate_uri
        )
        # Before the row is committed: a salt may be without its identity, never the reverse.
        self._barrier.salt_store.create(row.id, random(SALT_BYTES))
        return row

    def find(self, identity_id: str) -> IdentityRow | None:
        """Return the identity of this id; SealError if its row was altered."""
        row = self._authority.first(IDENTITIES, identities.c.id == identity_id)
        return None if row is None else IdentityRow(**row)

    def find_by_name(self, name: str) -> IdentityRow | None:
        """Return the identity of this name; SealError if its row was altered."""
        row = self._authority.first(IDENTITIES, identities.c.name == name)
        return None if row is None else IdentityRow(**row)

    def find_by_key(self, public_key_id: str) -> tuple[IdentityRow, KeyRow] | None:
        """Return the identity that a key belongs to, whatever their states, and the key.

        Raises:
            SealError: if a row was altered: the key is not the identity's, or not of its id.
        """
        key = self._keys.find(public_key_id)
        identity = None if key is None else self.find(key.identity_id)
        return None if key is None or identity is None else (identity, key)

    def names(self, identity_ids: Collection[str]) -> Mapping[str, str]:
        """Return the names of identities by their ids."""
        found = self._connection.execute(
            select(identities.c.id, identities.c.name).where(identities.c.id.in_(identity_ids))
        )
        return {row.id: row.name for row in found}

    def page(self, *, after: str | None, limit: int) -> list[IdentityRow]:
        """Return up to `limit` identities in the order of their names' bytes, behind `after`."""
        statement = select(*IDENTITIES.read).order_by(identities.c.name).limit(limit)
        if after is not None:
            statement = statement.where(identities.c.name > after)
        return [IdentityRow(**row) for row in self._authority.rows(IDENTITIES, statement)]

    def set_state(self, identity: IdentityRow, state: IdentityState) -> IdentityRow:
        """Let an identity act, or not."""
        return self._replace(identity, state=state)

    def set_role(self, identity: IdentityRow, role: str) -> IdentityRow:
        """Give an identity another role."""
        return self._replace(identity, role=role)

    def set_labels(self, identity: IdentityRow, labels: Mapping[str, str]) -> IdentityRow:
        """Give an identity other labels."""
        return self._replace(identity, labels=canonical_json(labels))

    def count_admins(self) -> int:
        """Return how many active admins have an active key that does not end by itself.

        Whose rows were altered does not count: they can't act.
        """
        listed = self._connection.execute(_LISTED_ADMINS).scalars().all()
        return sum(map(self._is_lasting_admin, listed))

    def salt(self, identity_id: str, key: PublicKey) -> bytes:
        """Return the 32-byte salt of the identity that `key` belongs to, or belonged.

        Raises:
            ErasedError: if the identity was erased.
            SealError: if there is no such identity, the server did not make the key its own, or the
                salt is lost.
            UnavailableError: if the salt can't be read now.
        """
        found = self._connection.execute(_KEY, {"id": identity_id, "public_key": key.raw}).first()
        identity = self.find(identity_id)
        if found is None or identity is None:
            raise SealError("The sealed bytes' key does not belong to the namespace's owner.")
        # Else whoever adds a key of their own to the table could make blobs that open.
        self._authority.checked(KEYS, found)
        if identity.state == IdentityState.ERASED:
            raise ErasedError
        return self._barrier.salt_store.read(identity_id)

    def erased(self) -> list[str]:
        """Return the ids of the identities that were erased, as far as the server said it."""
        listed = self._connection.execute(_LISTED_ERASED).scalars().all()
        return [identity_id for identity_id in listed if self._is_erased(identity_id)]

    def destroy_salt(self, identity_id: str) -> None:
        """Destroy the salt of an identity that was erased, and every key that follows from it.

        Only in a unit that reads, because what it sees is committed: a salt does not come back.
        Of an identity that was not erased, nothing is destroyed.

        Raises:
            UnavailableError: if that can't be done now; it may be repeated.
        """
        if self._is_erased(identity_id):
            self._barrier.erase(identity_id)

    def _replace(self, identity: IdentityRow, **changes: Any) -> IdentityRow:
        row = self._authority.replace(IDENTITIES, dataclasses.asdict(identity), **changes)
        return IdentityRow(**row)

    def _is_erased(self, identity_id: str) -> bool:
        try:
            identity = self.find(identity_id)
        except SealError:  # whoever can write to the database must not have salts destroyed
            return False
        return identity is not None and identity.state == IdentityState.ERASED

    def _is_lasting_admin(self, identity_id: str) -> bool:
        try:
            identity, keys = self.find(identity_id), self._keys.of_identity(identity_id)
        except SealError:
            return False
        return identity is not None and any(
            key.state == KeyState.ACTIVE and key.expires_at is None for key in keys
        )
