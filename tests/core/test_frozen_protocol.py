"""One request and its answers, byte by byte as docs/protocol.md has it."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealwire.core.envelope import digest, parse_envelope, verify_request
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import RequestFactory, parse_statement
from sealwire.core.responses import ResponseFactory, open_response
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import Status
from tests.core.builders import encoded
from tests.core.wire import chunk, integer

VECTOR = json.loads((Path(__file__).parent / "vectors" / "protocol.json").read_text("utf-8"))
CLIENT = PrivateKey.from_seed(bytes.fromhex(VECTOR["client_seed"]))
SERVER = PrivateKey.from_seed(bytes.fromhex(VECTOR["server_seed"]))
NONCE = bytes.fromhex(VECTOR["nonce"])
BODY = bytes.fromhex(VECTOR["body"])
METHOD, AUDIENCE, ISSUED_AT = VECTOR["method"], VECTOR["audience"], VECTOR["issued_at"]
REQUEST = bytes.fromhex(VECTOR["request"])
REQUEST_DIGEST = digest(parse_envelope(REQUEST).payload)
FAILURE = Status(code=7, reason="PERMISSION_DENIED", message="Not yours.")


def clock() -> int:
    return int(ISSUED_AT)


def requests() -> RequestFactory:
    return RequestFactory(
        signer=CLIENT, audience=AUDIENCE, clock=clock, random=lambda size: NONCE[:size]
    )


def signed_by_hand(seed: str, key_id: str, kind: str, payload: bytes) -> bytes:
    payload_type = f"application/vnd.sealwire.{kind}.v1+protobuf".encode()
    message = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type, len(payload), payload)
    signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).sign(message)
    return chunk(1, payload) + chunk(2, signature) + chunk(3, key_id.encode())


def test_key_ids_are_frozen() -> None:
    assert CLIENT.public_key.key_id == VECTOR["client_key_id"]
    assert SERVER.public_key.key_id == VECTOR["server_key_id"]


def test_the_core_signs_the_frozen_request_and_reads_it() -> None:
    assert encoded(requests().unary(METHOD, BODY)) == REQUEST
    signed = parse_envelope(REQUEST)
    verify_request(signed, CLIENT.public_key)
    assert parse_statement(signed.payload).body == BODY


def test_the_core_signs_the_frozen_request_stream() -> None:
    stream = requests().stream(METHOD)
    messages = [stream.message(BODY), stream.message(b""), stream.close()]
    assert [encoded(message).hex() for message in messages] == VECTOR["request_stream"]


def test_the_core_signs_the_frozen_answers_and_reads_them() -> None:
    factory, chain = ResponseFactory(signer=SERVER, clock=clock), StreamChain()
    answers = {
        "response": factory.body(METHOD, REQUEST_DIGEST, BODY),
        "error": factory.status(METHOD, REQUEST_DIGEST, FAILURE),
        "response_stream_body": factory.stream_body(METHOD, REQUEST_DIGEST, BODY, chain),
        "response_stream_end": factory.stream_end(METHOD, REQUEST_DIGEST, Status(), chain),
    }
    assert {name: encoded(answer).hex() for name, answer in answers.items()} == VECTOR["answers"]
    statement = open_response(
        bytes.fromhex(VECTOR["answers"]["response"]),
        server_key=SERVER.public_key,
        method=METHOD,
        request_digests=(REQUEST_DIGEST,),
    )
    assert statement.body == BODY


def test_the_frozen_request_follows_from_the_specification_alone() -> None:
    payload = (
        chunk(1, METHOD.encode())
        + chunk(2, AUDIENCE.encode())
        + chunk(3, VECTOR["client_key_id"].encode())
        + integer(4, ISSUED_AT)
        + chunk(5, NONCE)
        + chunk(6, BODY)
    )
    by_hand = signed_by_hand(VECTOR["client_seed"], VECTOR["client_key_id"], "request", payload)
    assert by_hand == REQUEST


def test_the_frozen_error_follows_from_the_specification_alone() -> None:
    status = integer(1, 7) + chunk(2, b"PERMISSION_DENIED") + chunk(3, b"Not yours.")
    payload = (
        chunk(1, METHOD.encode())
        + chunk(2, REQUEST_DIGEST)
        + integer(3, ISSUED_AT)
        + chunk(5, status)
    )
    by_hand = signed_by_hand(VECTOR["server_seed"], VECTOR["server_key_id"], "response", payload)
    assert by_hand.hex() == VECTOR["answers"]["error"]
