"""One signed message, and what it went through on its way into an envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from docs.generators.rendering import Json, encoded_fields, fenced, fields, titled
from sealwire.core.envelope import REQUEST_TYPE, RESPONSE_TYPE, digest, pae
from sealwire.core.successions import SUCCESSION_TYPE
from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage
from sealwire.v1.keys_pb2 import KeySuccession

_TYPES: Final[Mapping[type[Message], str]] = {
    RequestStatement: REQUEST_TYPE,
    ResponseStatement: RESPONSE_TYPE,
    KeySuccession: SUCCESSION_TYPE,
}


@dataclass(frozen=True, slots=True)
class Example:
    """A statement of one kind, signed."""

    name: str
    kind: type[Message]
    signed: SignedMessage

    @property
    def statement(self) -> Message:
        """What was signed."""
        return self.kind.FromString(self.signed.payload)

    @property
    def pae(self) -> bytes:
        """What the signature is over."""
        return pae(_TYPES[self.kind], self.signed.payload)

    def vector(self) -> dict[str, Json]:
        """Return everything, for programs."""
        return {
            "name": self.name,
            "payload_type": _TYPES[self.kind],
            "statement": fields(self.statement),
            "payload": self.signed.payload.hex(),
            "payload_sha256": digest(self.signed.payload).hex(),
            "pae": self.pae.hex(),
            "signature": self.signed.signature.hex(),
            "envelope": self.signed.SerializeToString().hex(),
        }

    def text(self) -> str:
        """Return everything, for people."""
        fields_of_payload = fenced(encoded_fields(self.statement))
        return "\n\n".join(
            [
                f"The payload's fields, each as it is encoded:\n\n{fields_of_payload}",
                f"SHA-256 of the payload: `{digest(self.signed.payload).hex()}`",
                titled("PAE", self.pae),
                titled("Signature", self.signed.signature),
                titled("Envelope", self.signed.SerializeToString()),
            ]
        )

    def short_text(self) -> str:
        """Return a few lines, for people."""
        return "\n\n".join(
            [
                fenced(encoded_fields(self.statement)),
                f"SHA-256 of the payload: `{digest(self.signed.payload).hex()}`",
                titled("Signature", self.signed.signature),
            ]
        )
