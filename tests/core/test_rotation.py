"""A key that follows another proves that it is held, for this very step; nothing else passes."""

from __future__ import annotations

import pytest

from sealwire.core.envelope import REQUEST_TYPE, pae
from sealwire.core.errors import AuthenticationError, MalformedError
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.rotation import ROTATION_TYPE, rotation_proof, verify_rotation
from sealwire.core.successions import SUCCESSION_TYPE
from sealwire.v1.keys_pb2 import KeyRotation, NextKey
from tests.core.builders import ALICE, AUDIENCE, BOB, encoded
from tests.core.edwards import NON_CANONICAL, SMALL_ORDER

OLD = ALICE.public_key.key_id
NEXT = PrivateKey.from_seed(bytes([0xA2]) * 32)
STATEMENT = KeyRotation(
    audience=AUDIENCE, old_public_key_id=OLD, new_public_key_id=NEXT.public_key.key_id
)
PROOF = rotation_proof(NEXT, audience=AUDIENCE, old_public_key_id=OLD)


def verified(next_key: NextKey, *, audience: str = AUDIENCE, old: str = OLD) -> PublicKey:
    return verify_rotation(next_key, audience=audience, old_public_key_id=old)


def signed(statement: KeyRotation, *, kind: str = ROTATION_TYPE) -> NextKey:
    """Return a proof over any statement, by the next key."""
    signature = NEXT.sign(pae(kind, encoded(statement)))
    return NextKey(public_key=NEXT.public_key.raw, signature=signature)


def test_a_key_proves_that_it_follows_another() -> None:
    assert verified(PROOF) == NEXT.public_key
    assert signed(STATEMENT) == PROOF


def test_a_proof_is_for_one_old_key_at_one_audience() -> None:
    for audience, old in ((AUDIENCE + "2", OLD), (AUDIENCE, BOB.public_key.key_id), ("", "")):
        with pytest.raises(AuthenticationError):
            verified(PROOF, audience=audience, old=old)


def test_a_key_that_somebody_else_holds_is_not_taken_over() -> None:
    stolen = NextKey(public_key=BOB.public_key.raw, signature=PROOF.signature)
    by_the_old_key = ALICE.sign(pae(ROTATION_TYPE, encoded(STATEMENT)))
    for next_key in (stolen, NextKey(public_key=NEXT.public_key.raw, signature=by_the_old_key)):
        with pytest.raises(AuthenticationError):
            verified(next_key)


def test_the_proof_of_another_step_is_refused() -> None:
    for field in ("audience", "old_public_key_id", "new_public_key_id"):
        other = KeyRotation()
        other.CopyFrom(STATEMENT)
        setattr(other, field, BOB.public_key.key_id)
        with pytest.raises(AuthenticationError):
            verified(signed(other))


@pytest.mark.parametrize("kind", [REQUEST_TYPE, SUCCESSION_TYPE])
def test_a_signature_of_another_domain_is_no_proof(kind: str) -> None:  # case 41
    with pytest.raises(AuthenticationError):
        verified(signed(STATEMENT, kind=kind))


def test_a_proof_with_any_bit_altered_is_refused() -> None:  # case 15
    for field in ("public_key", "signature"):
        for bit in range(8 * len(getattr(PROOF, field))):
            altered = bytearray(getattr(PROOF, field))
            altered[bit // 8] ^= 1 << bit % 8
            next_key = NextKey()
            next_key.CopyFrom(PROOF)
            setattr(next_key, field, bytes(altered))
            with pytest.raises((AuthenticationError, MalformedError)):
                verified(next_key)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_no_proof(size: int) -> None:  # case 35
    signature = (PROOF.signature + b"\0")[:size]
    with pytest.raises(AuthenticationError):
        verified(NextKey(public_key=PROOF.public_key, signature=signature))


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), *SMALL_ORDER, *NON_CANONICAL])
def test_a_key_that_may_not_be_let_in_is_malformed(raw: bytes) -> None:  # case 37, 39
    with pytest.raises(MalformedError):
        verified(NextKey(public_key=raw, signature=PROOF.signature))


def test_a_key_cannot_follow_itself() -> None:
    itself = NEXT.public_key.key_id
    with pytest.raises(MalformedError, match="can't follow itself"):
        rotation_proof(NEXT, audience=AUDIENCE, old_public_key_id=itself)
    with pytest.raises(MalformedError, match="can't follow itself"):
        verified(PROOF, old=itself)
