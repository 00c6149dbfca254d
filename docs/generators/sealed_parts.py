"""The worked examples of docs/sealing.md section 8: what is sealed of one version of a record.

The blobs are made by the code that seals real versions; what leads to them is derived here, and
must lead to the same commitments.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from docs.generators.fixed import (
    ANSWER_SALT,
    ANSWERED_AT,
    EXPIRES_AT,
    METADATA_SALT,
    NAME_KEY,
    NAME_KEY_SALT,
    NAME_SALT,
    REQUEST_ID,
    VALUE_SALT,
)
from docs.generators.identity_key import identity_key
from docs.generators.rendering import Json, fenced, titled
from sealwire.core.derivation import derive_record_key
from sealwire.core.encoding import length_prefixed
from sealwire.core.keys import Random
from sealwire.core.sealing import Purpose, RecordAddress, read_header, seal, unseal
from sealwire.server.idempotency import DIGEST_LABEL
from sealwire.server.record_metadata import encoded
from sealwire.storage.record_names import RecordNames, name_key_address
from sealwire.storage.rows import Namespace, RecordRow
from sealwire.storage.sealer import ATTRIBUTES_LABEL, seal_version
from sealwire.v1.records_pb2 import PutRecordRequest, PutRecordResponse, RecordInfo

METHOD: Final = "/sealwire.v1.RecordService/PutRecord"
NAMESPACE: Final = Namespace(1, "notes", "owner", ANSWERED_AT, name_key=NAME_KEY)
VALUE: Final = b"hello, again"
METADATA: Final = encoded("text/plain", {"topic": "🔑", "author": "Zoë"})
ROW: Final = RecordRow(
    "hello", 2, len(VALUE), ANSWERED_AT, ANSWERED_AT, expires_at=EXPIRES_AT, metadata=METADATA
)
REQUEST: Final = PutRecordRequest(
    namespace="notes", name="hello", value=b"hello, world", request_id=REQUEST_ID
)
RESPONSE: Final = PutRecordResponse(
    record=RecordInfo(
        name="hello", version=1, size=12, created_at=ANSWERED_AT, updated_at=ANSWERED_AT
    ),
    revision=1,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One blob, with where it belongs and what it holds."""

    name: str
    address: RecordAddress
    plaintext: bytes
    blob: bytes

    @property
    def slug(self) -> str:
        """The name, as one word."""
        return self.name.replace(" ", "-")

    def steps(self) -> dict[str, bytes]:
        """Return every value on the way from the identity key to the blob, by name."""
        address, header = self.address, read_header(self.blob)
        key, commitment = derive_record_key(
            identity_key().secret,
            record_salt=header.record_salt,
            namespace=address.namespace,
            name=address.name,
            version=address.version,
            label=address.purpose,
            attributes=address.attributes,
        )
        opened = unseal(identity_key(), self.blob, address=address)
        if (commitment, opened) != (header.commitment, self.plaintext):
            raise AssertionError(f"the {self.name} is sealed for another address")
        pieces = [
            address.namespace.encode(),
            address.name.encode(),
            address.version.to_bytes(8, "big"),
            *filter(None, [address.attributes]),
        ]
        return {
            "salt": header.record_salt,
            "info": length_prefixed(address.purpose, *pieces),
            "key": key,
            "commitment": commitment,
        }

    def text(self) -> str:
        """Return everything, for people."""
        address = self.address
        where = f"{address.namespace!r}, {address.name!r}, version {address.version}"
        lines = [f"address     {where}", f"plaintext   {self.plaintext.hex()}"]
        lines += [f"{name:<11} {value.hex()}" for name, value in self.steps().items()]
        return "\n\n".join([fenced(lines), titled("Blob", self.blob)])

    def vector(self) -> dict[str, Json]:
        """Return everything, for programs."""
        address = self.address
        return {
            "name": self.name,
            "label": str(address.purpose),
            "address": {
                "namespace": address.namespace,
                "name": address.name,
                "version": address.version,
            },
            "attributes": address.attributes.hex(),
            "plaintext": self.plaintext.hex(),
            **{name: value.hex() for name, value in self.steps().items()},
            "blob": self.blob.hex(),
        }


class FixedNames(RecordNames):
    """The names of records in the example's namespace, whose name key is not sealed."""

    def __init__(self) -> None:
        """Open nothing."""

    def open_key(self, namespace: Namespace) -> bytes:
        """Return the name key."""
        return namespace.name_key or b""


def attributes() -> bytes:
    """Return the attributes of the version's value."""
    expires_at = (ROW.expires_at or 0).to_bytes(8, "big")
    return length_prefixed(ATTRIBUTES_LABEL, expires_at, hashlib.sha256(METADATA).digest())


def stored_name() -> str:
    """Return what the record is stored under."""
    return FixedNames().stored(NAMESPACE, ROW.name)


def request_digest() -> bytes:
    """Return the digest of the request that the answer answers."""
    body = REQUEST.SerializeToString(deterministic=True)
    return hashlib.sha256(length_prefixed(DIGEST_LABEL, METHOD.encode(), body)).digest()


@functools.cache
def parts() -> tuple[Part, ...]:
    """Return the parts of the version, the namespace's name key, and an answer."""
    return (*_of_the_version(), _name_key(), _answer())


def _of_the_version() -> Iterator[Part]:
    salts = iter((METADATA_SALT, NAME_SALT, VALUE_SALT))
    stored = stored_name()
    seals = seal_version(
        identity_key(), NAMESPACE, ROW, VALUE, stored=stored, random=lambda _: next(salts)
    )
    here = RecordAddress(NAMESPACE.name, ROW.name, ROW.version)
    yield Part("value", here._replace(attributes=attributes()), VALUE, seals.blob or b"")
    there = here._replace(purpose=Purpose.METADATA)
    yield Part("metadata", there, METADATA, seals.metadata or b"")
    there = here._replace(name=stored, purpose=Purpose.NAME)
    yield Part("name", there, ROW.name.encode(), seals.sealed_name or b"")


def _name_key() -> Part:
    address = name_key_address(NAMESPACE.name)
    blob = seal(identity_key(), NAME_KEY, address=address, random=_always(NAME_KEY_SALT))
    return Part("name key", address, NAME_KEY, blob)


def _answer() -> Part:
    response = RESPONSE.SerializeToString(deterministic=True)
    address = RecordAddress("", REQUEST_ID, 0, Purpose.ANSWER, request_digest())
    blob = seal(identity_key(), response, address=address, random=_always(ANSWER_SALT))
    return Part("answer", address, response, blob)


def _always(salt: bytes) -> Random:
    return lambda _: salt


def inputs_text() -> str:
    """Return what the parts are made of."""
    return fenced(
        [
            f"metadata         {METADATA.decode('ascii')}",
            f"SHA-256          {hashlib.sha256(METADATA).hexdigest()}",
            f"expires at       {EXPIRES_AT}",
            f"attributes       {attributes().hex()}",
            f"name key         {NAME_KEY.hex()}",
            f"stored name      {stored_name()}",
            f"request id       {REQUEST_ID}",
            f"request body     {REQUEST.SerializeToString(deterministic=True).hex()}",
            f"request digest   {request_digest().hex()}",
        ]
    )


def part_text(name: str) -> str:
    """Return one part, for people."""
    return next(part.text() for part in parts() if part.name == name)


def vector() -> dict[str, Json]:
    """Return everything, for programs."""
    return {
        "metadata": METADATA.decode("ascii"),
        "expires_at": EXPIRES_AT,
        "record_name": ROW.name,
        "stored_name": stored_name(),
        "request": {
            "id": REQUEST_ID,
            "method": METHOD,
            "body": REQUEST.SerializeToString(deterministic=True).hex(),
            "digest": request_digest().hex(),
        },
        "sealed": [part.vector() for part in parts()],
    }
