"""Server key succession: how a client comes to believe another signing key than the pinned one.

docs/protocol.md section 10. Each key signs a statement that names the key that follows it. A client
believes a key that stands at the end of a chain of them that leads from its pinned key. What order
the statements are in follows from the keys; `issued_at` is for people, and no verifier depends on
it: a signer states any time it likes, and a clock that was wrong once must not end the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sealwire.core.envelope import pae, parse_canonical
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import PublicKey, Signer
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.keys_pb2 import KeySuccession

SUCCESSION_TYPE: Final = "application/vnd.sealwire.key-succession.v1+protobuf"
MAX_SUCCESSIONS: Final = 64
"""How long a chain may be; a server drops the oldest statements beyond it."""


class _Link(NamedTuple):
    signed: SignedMessage
    old_key_id: str
    new_key: PublicKey


def announce(old: Signer, new: PublicKey, *, audience: str, issued_at: int) -> SignedMessage:
    """Return what `old` signs when `new` is to follow it; `issued_at` is in milliseconds."""
    payload = _payload(old.public_key, new, audience, issued_at)
    signature = old.sign(pae(SUCCESSION_TYPE, payload))
    return _envelope(old.public_key, payload, signature)


def signed_succession(
    old: PublicKey, new: PublicKey, *, audience: str, issued_at: int, signature: bytes
) -> SignedMessage:
    """Return what `announce` returned, out of its parts; `follow` tells whether it was so."""
    return _envelope(old, _payload(old, new, audience, issued_at), signature)


def follow(
    successions: Sequence[SignedMessage], *, pinned: PublicKey, audience: str
) -> list[PublicKey]:
    """Return the keys that followed `pinned` at `audience`, in order; the last one is in use.

    The list is empty if `pinned` is the last one itself. Every statement must be in its place, also
    those from before the pin; their signatures are not checked, since nothing is taken from them.

    Raises:
        MalformedError: if there are too many statements, one is not canonical, or its new key is
            none that may be let in.
        AuthenticationError: if one is not signed by the key before it for this audience, the chain
            has a gap or comes back to a key, or `pinned` is not in it.
    """
    if len(successions) > MAX_SUCCESSIONS:
        raise MalformedError(f"The chain has more than {MAX_SUCCESSIONS} successions.")
    links = [_link(signed, audience) for signed in successions]
    _require_chain(links)
    keys = [pinned]
    for link in links:
        if link.old_key_id == keys[-1].key_id:
            keys[-1].verify(link.signed.signature, pae(SUCCESSION_TYPE, link.signed.payload))
            keys.append(link.new_key)
    if links and keys[-1] != links[-1].new_key:
        raise AuthenticationError("The chain of successions does not lead from the pinned key.")
    return keys[1:]


def _payload(old: PublicKey, new: PublicKey, audience: str, issued_at: int) -> bytes:
    statement = KeySuccession(
        audience=audience,
        old_public_key_id=old.key_id,
        new_public_key=new.raw,
        issued_at=issued_at,
    )
    return statement.SerializeToString(deterministic=True)


def _envelope(old: PublicKey, payload: bytes, signature: bytes) -> SignedMessage:
    return SignedMessage(payload=payload, signature=signature, public_key_id=old.key_id)


def _link(signed: SignedMessage, audience: str) -> _Link:
    statement = parse_canonical(KeySuccession, signed.payload)
    if signed.content:
        raise MalformedError("A succession has no content.")
    if signed.public_key_id != statement.old_public_key_id:
        raise AuthenticationError("A succession is signed by another key than the one it ends.")
    if statement.audience != audience:
        raise AuthenticationError("A succession was signed for another audience.")
    new_key = PublicKey.from_bytes(statement.new_public_key)
    return _Link(signed, statement.old_public_key_id, new_key)


def _require_chain(links: list[_Link]) -> None:
    if not links:
        return
    key_ids = [links[0].old_key_id, *(link.new_key.key_id for link in links)]
    if [link.old_key_id for link in links] != key_ids[:-1]:
        raise AuthenticationError("A succession does not start where the one before it ended.")
    if len(set(key_ids)) != len(key_ids):
        raise AuthenticationError("The chain of successions comes back to a key.")
