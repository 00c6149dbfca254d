"""Key rotation: how a client proves that it has the key that is to follow its present one.

docs/protocol.md section 11. The request for it is signed by the old key; the new key signs a
statement that both sides put together for themselves, so it isn't sent. Without this proof, an
identity could claim a key that belongs to somebody else.
"""

from __future__ import annotations

from typing import Final

from sealwire.core.envelope import pae
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PublicKey, Signer
from sealwire.v1.keys_pb2 import KeyRotation, NextKey

ROTATION_TYPE: Final = "application/vnd.sealwire.key-rotation.v1+protobuf"


def rotation_proof(next_signer: Signer, *, audience: str, old_public_key_id: str) -> NextKey:
    """Return the key that follows `old_public_key_id` at `audience`, with its signature.

    Raises:
        MalformedError: if it is the old key itself.
    """
    key = next_signer.public_key
    statement = _signed_bytes(key, audience=audience, old_public_key_id=old_public_key_id)
    return NextKey(public_key=key.raw, signature=next_signer.sign(statement))


def verify_rotation(next_key: NextKey, *, audience: str, old_public_key_id: str) -> PublicKey:
    """Return the key that proves to be held by whoever signs with `old_public_key_id`.

    Raises:
        MalformedError: if it is no key of the prime-order group, or the old key itself.
        AuthenticationError: if it did not sign that it follows this very key at this audience.
    """
    key = PublicKey.from_bytes(next_key.public_key)
    statement = _signed_bytes(key, audience=audience, old_public_key_id=old_public_key_id)
    key.verify(next_key.signature, statement)
    return key


def _signed_bytes(key: PublicKey, *, audience: str, old_public_key_id: str) -> bytes:
    if key.key_id == old_public_key_id:
        raise MalformedError("A key can't follow itself; make a new one.")
    statement = KeyRotation(
        audience=audience,
        old_public_key_id=old_public_key_id,
        new_public_key_id=key.key_id,
    )
    return pae(ROTATION_TYPE, statement.SerializeToString(deterministic=True))
