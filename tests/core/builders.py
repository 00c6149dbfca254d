"""Fixed keys, a frozen clock and repeatable randomness, and what is made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from google.protobuf.message import Message

from sealwire.core.derivation import KEY_BYTES, derive_identity_key_into
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.requests import RequestFactory
from sealwire.core.responses import ResponseFactory
from sealwire.core.sealing import RecordAddress
from sealwire.v1.envelope_pb2 import RequestStatement

NOW: Final = 1_800_000_000_000
METHOD: Final = "/sealwire.v1.RecordService/PutRecord"
AUDIENCE: Final = "records.example"
DEPLOYMENT: Final = "deployment-1"

ALICE: Final = PrivateKey.from_seed(bytes([0xA1]) * 32)
BOB: Final = PrivateKey.from_seed(bytes([0xB0]) * 32)
SERVER: Final = PrivateKey.from_seed(bytes([0x5E]) * 32)
ROOT: Final = X25519PrivateKey.from_private_bytes(bytes([0x20]) * 32)
IDENTITY_SALT: Final = bytes([0x1D]) * 32
ADDRESS: Final = RecordAddress(namespace="team/payroll", name="2027/march", version=1)


@dataclass(slots=True)
class RepeatableRandom:
    """A `Random` that gives different bytes at each call, and the same ones in each run."""

    seed: str = "sealwire"
    calls: int = 0

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        self.calls += 1
        return hashlib.shake_256(f"{self.seed} {self.calls}".encode()).digest(size)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """An `IdentityKey` in plain memory."""

    root_version: int
    owner: PublicKey
    secret: bytes = field(repr=False)


def frozen_clock() -> int:
    """Return `NOW`, always."""
    return NOW


def encoded(message: Message) -> bytes:
    """Return a message's canonical bytes."""
    return message.SerializeToString(deterministic=True)


def request_factory(
    signer: PrivateKey = ALICE, audience: str = AUDIENCE, seed: str = "sealwire"
) -> RequestFactory:
    """Return a maker of requests whose bytes are the same in each run."""
    return RequestFactory(
        signer=signer, audience=audience, clock=frozen_clock, random=RepeatableRandom(seed)
    )


def response_factory(signer: PrivateKey = SERVER) -> ResponseFactory:
    """Return a maker of responses at `NOW`."""
    return ResponseFactory(signer=signer, clock=frozen_clock)


def request_statement(nonce: bytes = bytes(24), body: bytes = b"body") -> RequestStatement:
    """Return a valid unary statement of Alice's."""
    return RequestStatement(
        method=METHOD,
        audience=AUDIENCE,
        public_key_id=ALICE.public_key.key_id,
        issued_at=NOW,
        nonce=nonce,
        body=body,
    )


def held_key(
    owner: PublicKey = ALICE.public_key,
    *,
    root_key: X25519PrivateKey = ROOT,
    root_version: int = 1,
    deployment_id: str = DEPLOYMENT,
    identity_salt: bytes = IDENTITY_SALT,
) -> HeldKey:
    """Return an owner's identity key, derived as a server derives it."""
    buffer = bytearray(KEY_BYTES)
    derive_identity_key_into(
        memoryview(buffer),
        root_key=root_key,
        root_version=root_version,
        deployment_id=deployment_id,
        owner=owner,
        identity_salt=identity_salt,
    )
    return HeldKey(root_version, owner, bytes(buffer))
