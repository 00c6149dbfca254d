"""The identities' keys: each identity has a chain of them, of which the newest seals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from sealwire.core.errors import AlreadyExistsError, MalformedError, SealError
from sealwire.core.keys import PublicKey
from sealwire.storage.authority import Authority
from sealwire.storage.changes import added
from sealwire.storage.engine import driver_connection
from sealwire.storage.prepared import Prepared
from sealwire.storage.rows import KeyRow, KeyState
from sealwire.storage.schema import keys, revoked_certificates
from sealwire.storage.tagging import KEYS, Row

_INSERT_REVOKED: Final = insert(revoked_certificates).on_conflict_do_nothing()
_NEWEST: Final = Prepared.of(
    select(*KEYS.read)
    .where(keys.c.identity_id == bindparam("identity_id"))
    .order_by(keys.c.generation.desc())
    .limit(1)
)


class Keys:
    """The keys, as one transaction sees them."""

    def __init__(self, connection: Connection, authority: Authority) -> None:
        self._connection = connection
        self._driver = driver_connection(connection)
        self._authority = authority

    def add(
        self,
        identity_id: str,
        key: PublicKey,
        *,
        now: int,
        certificate_uri: str | None = None,
        expires_at: int | None = None,
    ) -> KeyRow:
        """Make `key` the identity's newest; it ends by itself at `expires_at`, if that is given.

        Raises:
            AlreadyExistsError: if the key is, or ever was, an identity's.
        """
        latest = self._connection.execute(
            select(func.max(keys.c.generation)).where(keys.c.identity_id == identity_id)
        ).scalar()
        row = KeyRow(
            public_key=key,
            identity_id=identity_id,
            created_at=now,
            generation=(latest or 0) + 1,
            certificate_uri=certificate_uri,
            expires_at=expires_at,
        )
        if not self._authority.insert(KEYS, columns_of(row)):
            raise AlreadyExistsError("This key is enrolled already; use a new one.")
        return row

    def find(self, public_key_id: str) -> KeyRow | None:
        """Return the key of this id.

        Raises:
            SealError: if the row was altered.
        """
        found = self._authority.first(KEYS, keys.c.public_key_id == public_key_id)
        return None if found is None else _key_row(found)

    def of_identity(self, identity_id: str) -> list[KeyRow]:
        """Return the identity's keys, newest first."""
        found = self._authority.all(
            KEYS, keys.c.identity_id == identity_id, order_by=keys.c.generation.desc()
        )
        return [_key_row(row) for row in found]

    def latest(self, identity_id: str) -> KeyRow | None:
        """Return the identity's newest key, whatever its state; no older one is active."""
        found = self._authority.rows(KEYS, _NEWEST, {"identity_id": identity_id})
        return _key_row(found[0]) if found else None

    def newest(self, identity_id: str) -> PublicKey:
        """Return the key that an identity's records are sealed to; SealError as `sealing_key`."""
        found = _NEWEST.first(self._driver, identity_id=identity_id)
        return sealing_key(self._authority, found)

    def end(self, key: KeyRow, state: KeyState, *, now: int) -> KeyRow:
        """End a key for good: it was rotated or revoked."""
        return self._replace(key, state=state, ended_at=now)

    def expire(self, key: KeyRow, *, at: int) -> KeyRow:
        """Let a key end by itself at `at`."""
        return self._replace(key, expires_at=at)

    def revoke_certificate(self, public_key_id: str, serial: str, *, now: int) -> bool:
        """End one TLS certificate of a key, by its serial in hexadecimal; tell if it had not."""
        row = {"public_key_id": public_key_id, "serial": serial, "revoked_at": now}
        if self._connection.execute(_INSERT_REVOKED, row).rowcount != 1:
            return False
        self._authority.note(added(revoked_certificates.name, row))
        return True

    def revoked_certificates(self, public_key_id: str) -> frozenset[str]:
        """Return the serial numbers of a key's revoked certificates."""
        found = self._connection.execute(
            select(revoked_certificates.c.serial).where(
                revoked_certificates.c.public_key_id == public_key_id
            )
        )
        return frozenset(found.scalars())

    def _replace(self, key: KeyRow, **changes: Any) -> KeyRow:
        return _key_row(self._authority.replace(KEYS, columns_of(key), **changes))


def sealing_key(authority: Authority, found: Sequence[Any] | None) -> PublicKey:
    """Return the key of an identity's newest row, selected as `KEYS.read`.

    Whoever holds its private half, and a copy of the database, can open what is sealed to it. So
    nobody but the server may have put it there.

    Raises:
        SealError: if there is none, it was altered, or the one that followed it was taken away.
    """
    if found is None:
        raise SealError("The namespace's owner has no key to seal to.")
    row = authority.checked(KEYS, found)
    if row["state"] == KeyState.ROTATED:
        raise SealError("A stored key is missing: the one that the owner's newest was rotated to.")
    return stored_key(row["public_key"])


def stored_key(raw: bytes) -> PublicKey:
    """Return the key that a row holds; SealError if it was altered into none."""
    try:
        return PublicKey.from_bytes(raw)
    except MalformedError:
        raise SealError("A stored public key was altered: it can't be one.") from None


def columns_of(row: KeyRow) -> Row:
    """Return a key as its table has it."""
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return {**fields, "public_key": row.public_key.raw, "public_key_id": row.public_key.key_id}


def _key_row(row: Row) -> KeyRow:
    public_key = stored_key(row["public_key"])
    if public_key.key_id != row["public_key_id"]:
        raise SealError("A stored key is not the one that its id stands for.")
    return KeyRow(**{**_without_id(row), "public_key": public_key})


def _without_id(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "public_key_id"}
