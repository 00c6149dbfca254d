"""Identities, their keys, and the salt without which nothing of theirs can be unsealed."""

from __future__ import annotations

import uuid
from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.derivation import SALT_BYTES
from sealwire.core.errors import AlreadyExistsError, MalformedError, SealError
from sealwire.core.keys import PublicKey, Random
from sealwire.storage.rows import IdentityRow, NewIdentity
from sealwire.storage.schema import identities, keys

_UUID_BYTES: Final = 16
_COLUMNS: Final = (
    identities.c.id,
    identities.c.name,
    identities.c.role,
    identities.c.created_at,
)
_FIND = select(*_COLUMNS).where(identities.c.id == bindparam("id"))
_FIND_BY_NAME = select(*_COLUMNS).where(identities.c.name == bindparam("name"))
_FIND_BY_KEY = (
    select(*_COLUMNS, keys.c.public_key)
    .join_from(keys, identities)
    .where(keys.c.public_key_id == bindparam("public_key_id"))
)
_SALT = (
    select(identities.c.salt)
    .join_from(identities, keys)
    .where(identities.c.id == bindparam("id"), keys.c.public_key == bindparam("public_key"))
)
_INSERT_IDENTITY = insert(identities).on_conflict_do_nothing()
_INSERT_KEY = insert(keys).on_conflict_do_nothing()


class Identities:
    """The identities, as one transaction sees them."""

    def __init__(self, connection: Connection, random: Random) -> None:
        self._connection = connection
        self._random = random

    def create(self, identity: NewIdentity, now: int) -> IdentityRow:
        """Add an identity with its key, a random id and a random salt.

        Raises:
            AlreadyExistsError: if the name is taken, or the key belongs to an identity.
        """
        row = IdentityRow(
            id=str(uuid.UUID(bytes=self._random(_UUID_BYTES), version=4)),
            name=identity.name,
            role=identity.role,
            created_at=now,
        )
        added = self._connection.execute(
            _INSERT_IDENTITY,
            {
                "id": row.id,
                "name": row.name,
                "role": row.role,
                "salt": self._random(SALT_BYTES),
                "created_at": now,
            },
        )
        if added.rowcount != 1:
            raise AlreadyExistsError("An identity of this name exists already; choose another.")
        self._add_key(row.id, identity.public_key, now)
        return row

    def find(self, identity_id: str) -> IdentityRow | None:
        """Return the identity of this id."""
        row = self._connection.execute(_FIND, {"id": identity_id}).first()
        return None if row is None else IdentityRow(*row)

    def find_by_name(self, name: str) -> IdentityRow | None:
        """Return the identity of this name."""
        row = self._connection.execute(_FIND_BY_NAME, {"name": name}).first()
        return None if row is None else IdentityRow(*row)

    def find_by_key(self, public_key_id: str) -> tuple[IdentityRow, PublicKey] | None:
        """Return the identity that a key belongs to, and the key.

        Raises:
            SealError: if the stored key was altered: it is not the one that the id stands for.
        """
        found = self._connection.execute(_FIND_BY_KEY, {"public_key_id": public_key_id}).first()
        if found is None:
            return None
        *row, raw = found
        public_key = stored_key(raw)
        if public_key.key_id != public_key_id:
            raise SealError("A stored key is not the one that its id stands for.")
        return IdentityRow(*row), public_key

    def salt(self, identity_id: str, key: PublicKey) -> bytes:
        """Return the 32-byte salt of the identity that `key` belongs to.

        Raises:
            SealError: if there is no such identity, or the key is not one of its own.
        """
        found = self._connection.execute(_SALT, {"id": identity_id, "public_key": key.raw}).first()
        if found is None:
            raise SealError("The sealed bytes' key does not belong to the namespace's owner.")
        salt: bytes = found[0]
        return salt

    def _add_key(self, identity_id: str, key: PublicKey, now: int) -> None:
        added = self._connection.execute(
            _INSERT_KEY,
            {
                "public_key_id": key.key_id,
                "public_key": key.raw,
                "identity_id": identity_id,
                "created_at": now,
            },
        )
        if added.rowcount != 1:
            raise AlreadyExistsError("This key is enrolled already; use a new one.")


def stored_key(raw: bytes) -> PublicKey:
    """Return the key that a row holds; SealError if it was altered into none."""
    try:
        return PublicKey.from_bytes(raw)
    except MalformedError:
        raise SealError("A stored public key was altered: it can't be one.") from None
