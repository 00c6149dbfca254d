"""What of a version is sealed, and how its parts hold together (docs/sealing.md section 8).

The value, the metadata and, where the namespace says so, the name are blobs of their own. The
value's key depends on the metadata and on the time at which the version expires: whoever changes
either of them in the database makes a value that does not open.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from sealwire.core import sealing
from sealwire.core.encoding import length_prefixed
from sealwire.core.errors import SealError
from sealwire.core.keys import Random
from sealwire.core.sealing import IdentityKey, Purpose, RecordAddress
from sealwire.storage.bounds import are_within
from sealwire.storage.owners import Owners
from sealwire.storage.rows import Namespace, RecordRow
from sealwire.storage.versions import VersionRow

ATTRIBUTES_LABEL: Final = "sealwire/v1/attributes"


class Seals(NamedTuple):
    """The ciphertexts of a version; None where there is nothing to seal."""

    blob: bytes | None
    metadata: bytes | None
    sealed_name: bytes | None


def seal_version(
    key: IdentityKey,
    namespace: Namespace,
    row: RecordRow,
    value: bytes | None,
    *,
    stored: str,
    random: Random,
) -> Seals:
    """Return the ciphertexts of a version; without a value, it was destroyed.

    Raises:
        SealError: if what it has of the version before would not be read: that was altered.
    """
    if not (are_within(1, row.version) and are_within(0, row.created_at)):
        raise SealError("A record's row holds a number out of bounds: it was altered.")

    def sealed(text: bytes, address: RecordAddress) -> bytes:
        return sealing.seal(key, text, address=address, random=random)

    address = _value_address(namespace, row, row.metadata)
    metadata = None
    if row.metadata and value is not None:
        metadata = sealed(row.metadata, _metadata_address(namespace, row))
    name = None
    if namespace.name_key is not None:
        name = sealed(row.name.encode(), _name_address(namespace, stored, row.version))
    return Seals(None if value is None else sealed(value, address), metadata, name)


class Opener:
    """Opens what `seal_version` sealed, as one transaction sees it."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def value(self, namespace: Namespace, row: RecordRow, found: VersionRow) -> bytes:
        """Return a version's value.

        Raises:
            SealError: if it was altered, moved, sealed to anybody but the owner, or destroyed.
        """
        if found.blob is None:
            raise SealError("A version's value is missing.")
        address = _value_address(namespace, row, row.metadata)
        value = self._unsealed(namespace, found.blob, address)
        if row.size != len(value):
            raise SealError("A record's row does not fit its value: it was altered.")
        return value

    def facts(
        self, namespace: Namespace, found: VersionRow, *, name: str | None = None
    ) -> RecordRow:
        """Return what the row says, its metadata opened, and its name if that is not given.

        Raises:
            SealError: as `value`. Only the value proves that it is the record of a given name.
        """
        found.require_bounds()
        row = RecordRow(
            self.name(namespace, found) if name is None else name,
            found.version,
            found.size,
            found.created_at,
            found.updated_at,
            found.expires_at,
            found.deleted_at,
            bool(found.destroyed),
        )
        if found.metadata is None:
            return row
        metadata = self._unsealed(namespace, found.metadata, _metadata_address(namespace, row))
        return row._replace(metadata=metadata)

    def name(self, namespace: Namespace, found: VersionRow) -> str:
        """Return the name of a version's record; SealError as `value`."""
        if namespace.name_key is None:
            return found.stored_name
        if found.sealed_name is None:
            raise SealError("A record's sealed name is missing.")
        address = _name_address(namespace, found.stored_name, found.version)
        return self._unsealed(namespace, found.sealed_name, address).decode()

    def _unsealed(self, namespace: Namespace, blob: bytes, address: RecordAddress) -> bytes:
        return self._owners.unseal(namespace.owner_id, blob, address=address)


def _value_address(namespace: Namespace, row: RecordRow, metadata: bytes) -> RecordAddress:
    if row.expires_at is None and not metadata:
        return RecordAddress(namespace.name, row.name, row.version)
    attributes = length_prefixed(
        ATTRIBUTES_LABEL,
        (row.expires_at or 0).to_bytes(8, "big"),
        hashlib.sha256(metadata).digest(),
    )
    return RecordAddress(namespace.name, row.name, row.version, attributes=attributes)


def _metadata_address(namespace: Namespace, row: RecordRow) -> RecordAddress:
    return RecordAddress(namespace.name, row.name, row.version, Purpose.METADATA)


def _name_address(namespace: Namespace, stored: str, version: int) -> RecordAddress:
    return RecordAddress(namespace.name, stored, version, Purpose.NAME)
