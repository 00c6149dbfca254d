"""A client without our client: generated stubs, and a signature made by hand.

    python examples/hand_signed_client.py ~/.config/sealwire/profiles/default NAMESPACE NAME

prints a record. It needs grpcio, protobuf and cryptography, and nothing of Sealwire but the stubs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage
from sealwire.v1.records_pb2 import GetRecordRequest, GetRecordResponse
from sealwire.v1.records_pb2_grpc import RecordServiceStub

METHOD = "/sealwire.v1.RecordService/GetRecord"


def pae(kind: str, payload: bytes) -> bytes:
    """Return what is signed: the DSSE pre-authentication encoding."""
    payload_type = f"application/vnd.sealwire.{kind}.v1+protobuf".encode()
    return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type, len(payload), payload)


def get_record(profile: Path, namespace: str, name: str) -> bytes:
    """Return a record's value, or raise."""
    server = json.loads((profile / "profile.json").read_bytes())
    key = load_ssh_private_key((profile / "identity.key").read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("identity.key is not an Ed25519 key")
    x = key.public_key().public_bytes_raw()

    # The key id is the RFC 7638 thumbprint of the public key.
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(x)}"}}'
    key_id = base64url(hashlib.sha256(jwk.encode()).digest())

    # Sign exactly the bytes that are sent.
    request = GetRecordRequest(namespace=namespace, name=name)
    payload = RequestStatement(
        method=METHOD,
        audience=server["audience"],
        public_key_id=key_id,
        issued_at=time.time_ns() // 1_000_000,
        nonce=os.urandom(24),
        body=request.SerializeToString(),
    ).SerializeToString(deterministic=True)
    signature = key.sign(pae("request", payload))

    credentials = grpc.ssl_channel_credentials(
        root_certificates=(profile / "ca.crt").read_bytes(),
        private_key=(profile / "tls.key").read_bytes(),
        certificate_chain=(profile / "tls.crt").read_bytes(),
    )
    with grpc.secure_channel(server["address"], credentials) as channel:
        answer: SignedMessage = RecordServiceStub(channel).GetRecord(
            SignedMessage(payload=payload, signature=signature, public_key_id=key_id), timeout=10
        )

    # Verify before looking: the server's key, this method, this request.
    pinned = urlsafe_b64decode(server["server_public_key"] + "=")
    server_key = Ed25519PublicKey.from_public_bytes(pinned)
    server_key.verify(answer.signature, pae("response", answer.payload))
    statement = ResponseStatement.FromString(answer.payload)
    if statement.method != METHOD or statement.request_digest != hashlib.sha256(payload).digest():
        raise ValueError("the answer is to another request")
    return GetRecordResponse.FromString(statement.body).value


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.stdout.buffer.write(get_record(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
