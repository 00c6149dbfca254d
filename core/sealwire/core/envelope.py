"""The signed envelope: what is signed, and how an envelope is made, parsed and opened.

docs/protocol.md sections 2 and 3. The signature covers the DSSE pre-authentication encoding, so
any DSSE tool can verify an exported envelope.
"""

from __future__ import annotations

import hashlib
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from sealwire.core.errors import MalformedError
from sealwire.core.keys import PublicKey, Signer
from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage

REQUEST_TYPE: Final = "application/vnd.sealwire.request.v1+protobuf"
RESPONSE_TYPE: Final = "application/vnd.sealwire.response.v1+protobuf"

MAX_ENVELOPE_BYTES: Final = 4 * 1024 * 1024
MAX_KEY_ID_BYTES: Final = 64
NONCE_BYTES: Final = 24
NONCE_MIN_BYTES: Final = 16
NONCE_MAX_BYTES: Final = 32
DIGEST_BYTES: Final = 32

M = TypeVar("M", bound=Message)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the DSSE v1 pre-authentication encoding (DSSE protocol, "Signature Definition")."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of `data`."""
    return hashlib.sha256(data).digest()


def sign_request(statement: RequestStatement, signer: Signer) -> SignedMessage:
    """Serialize and sign a request statement."""
    return _sign(REQUEST_TYPE, statement, signer)


def sign_response(statement: ResponseStatement, signer: Signer) -> SignedMessage:
    """Serialize and sign a response statement."""
    return _sign(RESPONSE_TYPE, statement, signer)


def verify_request(signed: SignedMessage, key: PublicKey) -> None:
    """Return if `signed` is a request signed by `key`; AuthenticationError otherwise."""
    key.verify(signed.signature, pae(REQUEST_TYPE, signed.payload))


def verify_response(signed: SignedMessage, key: PublicKey) -> None:
    """Return if `signed` is a response signed by `key`; AuthenticationError otherwise."""
    key.verify(signed.signature, pae(RESPONSE_TYPE, signed.payload))


def parse_envelope(data: bytes) -> SignedMessage:
    """Parse hostile bytes as an envelope in bounds.

    Raises:
        MalformedError: if the bytes are too many, no SignedMessage, not in canonical form, or a
            field is out of bounds.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise MalformedError("The envelope is larger than 4 MiB.")
    signed = parse_canonical(SignedMessage, data)
    id_size = len(signed.public_key_id.encode("utf-8"))
    if not signed.payload or not 1 <= id_size <= MAX_KEY_ID_BYTES or signed.content:
        raise MalformedError("A field of the envelope is out of bounds.")
    return signed


def parse_canonical(kind: type[M], data: bytes) -> M:
    """Parse bytes that must be exactly what serializing the result gives.

    Refuses unknown fields, duplicates, defaults written out, fields out of order and overlong
    integers, so that every implementation reads the same statement out of the same bytes.

    Raises:
        MalformedError: if the bytes do not parse or are not in that form.
    """
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        raise MalformedError(f"These bytes are no {kind.DESCRIPTOR.name}.") from None
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise MalformedError(f"This {kind.DESCRIPTOR.name} is not in canonical form.")
    return message


def parse_body(kind: type[M], data: bytes) -> M:
    """Parse a verified body; unknown fields are refused rather than silently not obeyed.

    Raises:
        MalformedError: if the bytes do not parse, or hold fields that this side does not know.
    """
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        raise MalformedError(f"The body is no {kind.DESCRIPTOR.full_name}.") from None
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise MalformedError(
            f"The body holds fields that are not in this side's {kind.DESCRIPTOR.full_name}."
        )
    return message


def _sign(payload_type: str, statement: Message, signer: Signer) -> SignedMessage:
    payload = statement.SerializeToString(deterministic=True)
    return SignedMessage(
        payload=payload,
        signature=signer.sign(pae(payload_type, payload)),
        public_key_id=signer.public_key.key_id,
    )
