"""The worked examples of how keys follow each other: server keys, and an identity's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from docs.generators.fixed import (
    AUDIENCE,
    CLIENT_KEY,
    ISSUED_AT,
    NEXT_CLIENT_KEY,
    NEXT_SERVER_KEY,
    SERVER_KEY,
)
from docs.generators.rendering import Json, encoded_fields, fenced, fields, titled
from docs.generators.signed import Example
from sealwire.core.envelope import pae
from sealwire.core.errors import SealwireError
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.rotation import ROTATION_TYPE, rotation_proof, verify_rotation
from sealwire.core.successions import SUCCESSION_TYPE, announce, follow
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.keys_pb2 import KeyRotation, KeySuccession

_OLD_ID: Final = CLIENT_KEY.public_key.key_id
_STATEMENT: Final = KeyRotation(
    audience=AUDIENCE,
    old_public_key_id=_OLD_ID,
    new_public_key_id=NEXT_CLIENT_KEY.public_key.key_id,
)
_SMALL_ORDER: Final = bytes([1, *bytes(31)])


def succession() -> Example:
    """Return what the server's key signs when the next one is to follow it."""
    return Example("succession", KeySuccession, _link(SERVER_KEY, NEXT_SERVER_KEY.public_key))


def succession_text() -> str:
    """Return it for people, behind the new key."""
    key = NEXT_SERVER_KEY.public_key
    lines = [
        f"new seed  {NEXT_SERVER_KEY.seed.hex()}",
        f"new key   {key.raw.hex()}",
        f"new id    {key.key_id}",
    ]
    return f"{fenced(lines)}\n\n{succession().text()}"


def rotation_text() -> str:
    """Return the proof that a client has the key that is to follow its present one."""
    proof = rotation_proof(NEXT_CLIENT_KEY, audience=AUDIENCE, old_public_key_id=_OLD_ID)
    key = NEXT_CLIENT_KEY.public_key
    lines = [
        f"next seed  {NEXT_CLIENT_KEY.seed.hex()}",
        f"next key   {key.raw.hex()}",
        f"next id    {key.key_id}",
    ]
    encoded = fenced(encoded_fields(_STATEMENT))
    return "\n\n".join(
        [
            fenced(lines),
            f"The statement's fields, each as it is encoded:\n\n{encoded}",
            titled("PAE", _rotation_pae()),
            titled("Signature", proof.signature),
            titled("`NextKey`", proof.SerializeToString(deterministic=True)),
        ]
    )


def rotation_vector() -> dict[str, Json]:
    """Return the proof for programs."""
    proof = rotation_proof(NEXT_CLIENT_KEY, audience=AUDIENCE, old_public_key_id=_OLD_ID)
    verify_rotation(proof, audience=AUDIENCE, old_public_key_id=_OLD_ID)
    return {
        "next_seed": NEXT_CLIENT_KEY.seed.hex(),
        "statement": fields(_STATEMENT),
        "pae": _rotation_pae().hex(),
        "signature": proof.signature.hex(),
        "next_key": proof.SerializeToString(deterministic=True).hex(),
    }


def chain_vectors() -> list[Json]:
    """Return chains, who signs an answer now, and the rule by which a client refuses the signer.

    The rule is written here; that our own code follows or refuses is checked while generating.
    """
    first, second, third, stranger = SERVER_KEY, NEXT_SERVER_KEY, CLIENT_KEY, NEXT_CLIENT_KEY
    whole = _chain(first, second, third)
    cases: list[tuple[str, str, PrivateKey, Sequence[SignedMessage]]] = [
        ("one step", "", second, _chain(first, second)),
        ("two steps", "", third, whole),
        ("the pin in the middle", "", third, _chain(stranger, first, second, third)),
        ("times that go back", "", third, [*whole[:1], _link(second, third.public_key, at=-1)]),
        ("65 successions", "S1", stranger, _chain(first, *_many(64), stranger)),
        ("an unknown field", "S2", second, [_signed(first, whole[0].payload + b"\x28\x01")]),
        ("another audience", "S3", second, _chain(first, second, audience="sealwire:other")),
        ("signed by the new key", "S3", second, [_signed(second, whole[0].payload)]),
        ("a key of small order", "S4", second, [_to_raw_key(first, _SMALL_ORDER)]),
        ("a step left out", "S5", stranger, [whole[0], *_chain(third, stranger)]),
        ("out of order", "S5", third, whole[::-1]),
        ("a loop", "S5", second, _chain(first, second, first)),
        ("no chain", "S6", second, []),
        ("a chain of other keys", "S6", stranger, _chain(second, stranger)),
        ("a signature of nobody", "S6", second, [_resigned(whole[0], stranger)]),
        ("cut short of the signer", "S7", third, whole[:1]),
        ("a signer that was followed", "S7", second, whole),
        ("nothing behind the pinned key", "S7", second, _chain(stranger, first)),
    ]
    for name, rule, signer, chain in cases:
        if _followed(chain, signer) != (not rule):
            raise AssertionError(f"our own code disagrees about a chain: {name}")
    return [
        {
            "name": name,
            "breaks": rule,
            "signer": signer.public_key.key_id,
            "successions": [link.SerializeToString().hex() for link in chain],
        }
        for name, rule, signer, chain in cases
    ]


def _followed(chain: Sequence[SignedMessage], signer: PrivateKey) -> bool:
    try:
        keys = follow(chain, pinned=SERVER_KEY.public_key, audience=AUDIENCE)
    except SealwireError:
        return False
    return bool(keys) and keys[-1] == signer.public_key


def _chain(*keys: PrivateKey, audience: str = AUDIENCE) -> list[SignedMessage]:
    return [_link(old, new.public_key, audience=audience) for old, new in itertools.pairwise(keys)]


def _link(
    old: PrivateKey, new: PublicKey, *, audience: str = AUDIENCE, at: int = ISSUED_AT
) -> SignedMessage:
    return announce(old, new, audience=audience, issued_at=at)


def _many(count: int) -> list[PrivateKey]:
    return [PrivateKey.from_seed(index.to_bytes(32, "big")) for index in range(1, count + 1)]


def _to_raw_key(old: PrivateKey, raw: bytes) -> SignedMessage:
    statement = KeySuccession(
        audience=AUDIENCE,
        old_public_key_id=old.public_key.key_id,
        new_public_key=raw,
        issued_at=ISSUED_AT,
    )
    return _signed(old, statement.SerializeToString(deterministic=True))


def _signed(key: PrivateKey, payload: bytes) -> SignedMessage:
    return SignedMessage(
        payload=payload,
        signature=key.sign(pae(SUCCESSION_TYPE, payload)),
        public_key_id=key.public_key.key_id,
    )


def _resigned(link: SignedMessage, key: PrivateKey) -> SignedMessage:
    forged = _signed(key, link.payload)
    forged.public_key_id = link.public_key_id
    return forged


def _rotation_pae() -> bytes:
    return pae(ROTATION_TYPE, _STATEMENT.SerializeToString(deterministic=True))
