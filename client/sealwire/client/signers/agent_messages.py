"""The messages of the ssh-agent protocol that signing needs (draft-ietf-sshm-ssh-agent).

Each is one byte of type and its fields; a string is a 4-byte length and that many bytes. What an
agent says is hostile until it parses, whole. No I/O.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import MalformedError
from sealwire.core.keys import SIGNATURE_BYTES, PublicKey

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""OpenSSH's limit, for requests and answers alike."""

FAILURE: Final = 5
REQUEST_IDENTITIES: Final = 11
IDENTITIES_ANSWER: Final = 12
SIGN_REQUEST: Final = 13
SIGN_RESPONSE: Final = 14

_ED25519: Final = b"ssh-ed25519"
_NO_FLAGS: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """An Ed25519 key that an agent holds, and what its owner calls it."""

    public_key: PublicKey
    comment: str

    @property
    def fingerprint(self) -> str:
        """What `ssh-add -l` shows: SHA256 and the unpadded base64 of the key blob's digest."""
        digest = hashlib.sha256(key_blob(self.public_key)).digest()
        return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode("ascii")


def key_blob(key: PublicKey) -> bytes:
    """Return a public key as SSH writes it (RFC 8709 section 4)."""
    return _string(_ED25519) + _string(key.raw)


def identities_request() -> bytes:
    """Return the question which keys the agent holds."""
    return bytes([REQUEST_IDENTITIES])


def sign_request(key: PublicKey, message: bytes) -> bytes:
    """Return the question for a signature of `message`."""
    return bytes([SIGN_REQUEST]) + _string(key_blob(key)) + _string(message) + _NO_FLAGS


def parse_identities(answer: bytes) -> list[AgentIdentity]:
    """Return the Ed25519 keys in an answer, each once; keys of other kinds are left out.

    Raises:
        MalformedError: if the answer is not whole and well-formed, or an Ed25519 key in it is not
            a point of the prime-order group.
    """
    fields = _Fields(answer, IDENTITIES_ANSWER)
    found: dict[PublicKey, AgentIdentity] = {}
    for _ in range(fields.number()):
        blob, comment = fields.string(), fields.string()
        key = _ed25519(blob)
        if key is not None:
            found.setdefault(key, AgentIdentity(key, comment.decode("utf-8", "replace")))
    fields.end()
    return list(found.values())


def parse_signature(answer: bytes) -> bytes:
    """Return the 64 bytes of an Ed25519 signature (RFC 8709 section 6), not yet verified.

    Raises:
        MalformedError: if the answer is not exactly one such signature.
    """
    outer = _Fields(answer, SIGN_RESPONSE)
    inner = _Fields(outer.string())
    outer.end()
    kind, signature = inner.string(), inner.string()
    inner.end()
    if kind != _ED25519 or len(signature) != SIGNATURE_BYTES:
        raise MalformedError("The signature is not an Ed25519 one.")
    return signature


def _ed25519(blob: bytes) -> PublicKey | None:
    fields = _Fields(blob)
    if fields.string() != _ED25519:
        return None
    raw = fields.string()
    fields.end()
    return PublicKey.from_bytes(raw)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class _Fields:
    """Reads fields off the front, never past the end."""

    def __init__(self, data: bytes, kind: int | None = None) -> None:
        self._data = data
        self._at = 0
        if kind is not None and self._take(1) != bytes([kind]):
            raise MalformedError("The answer is not of the kind that was asked for.")

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def end(self) -> None:
        if self._at != len(self._data):
            raise MalformedError("The answer goes on after its last field.")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise MalformedError("The answer is cut short.")
        taken, self._at = self._data[self._at : end], end
        return taken
