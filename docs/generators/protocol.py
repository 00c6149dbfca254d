"""The worked examples of docs/protocol.md, made with the code that signs real messages."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Final

from docs.generators.fixed import (
    ANSWERED_AT,
    AUDIENCE,
    CLIENT_KEY,
    CONDITIONAL_NONCE,
    ISSUED_AT,
    NONCE,
    SERVER_KEY,
    STREAM_NONCE,
)
from docs.generators.refused import refused_requests, refused_responses, refused_streams
from docs.generators.rendering import Json, fenced, fields, pretty_json
from docs.generators.signed import Example
from docs.generators.successions import (
    chain_vectors,
    rotation_text,
    rotation_vector,
    succession,
    succession_text,
)
from sealwire.core.encoding import base64url
from sealwire.core.envelope import REQUEST_TYPE, digest
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import RequestFactory
from sealwire.core.responses import ResponseFactory
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage, Status
from sealwire.v1.records_pb2 import PutRecordRequest, PutRecordResponse, RecordInfo

METHOD: Final = "/sealwire.v1.RecordService/PutRecord"
STREAM_METHOD: Final = "/example.v1.EchoService/Echo"
REQUEST: Final = PutRecordRequest(namespace="notes", name="hello", value=b"hello, world")
RESPONSE: Final = PutRecordResponse(
    record=RecordInfo(
        name="hello", version=1, size=12, created_at=ANSWERED_AT, updated_at=ANSWERED_AT
    )
)
DENIED: Final = Status(
    code=Code.PERMISSION_DENIED,
    reason="PERMISSION_DENIED",
    message="You have no right to this in this namespace.",
)
CONDITIONAL: Final = PutRecordRequest(
    namespace="notes", name="hello", value=b"hello, world", if_version=0
)
CONFLICT: Final = Status(
    code=Code.ABORTED,
    reason="VERSION_MISMATCH",
    message="The record has version 1; nothing was changed.",
    metadata={"current_version": "1"},
)
COMPLETE: Final = Status(code=Code.OK, reason="OK", message="The stream is complete.")
SERVER: Final = ResponseFactory(SERVER_KEY, lambda: ANSWERED_AT)


def _client(nonce: bytes) -> RequestFactory:
    return RequestFactory(CLIENT_KEY, AUDIENCE, lambda: ISSUED_AT, lambda _: nonce)


def _request(name: str, signed: SignedMessage) -> Example:
    return Example(name, RequestStatement, signed)


def _response(name: str, signed: SignedMessage) -> Example:
    return Example(name, ResponseStatement, signed)


@functools.cache
def unary() -> dict[str, Example]:
    """Return a request, its answer, and the error that might have come instead."""
    request = _client(NONCE).unary(METHOD, REQUEST.SerializeToString(deterministic=True))
    about = digest(request.payload)
    body = RESPONSE.SerializeToString(deterministic=True)
    return {
        "request": _request("request", request),
        "response": _response("response", SERVER.body(METHOD, about, body)),
        "error": _response("error", SERVER.status(METHOD, about, DENIED)),
    }


@functools.cache
def conditional() -> dict[str, Example]:
    """Return a request under a condition that does not hold, and its answer."""
    body = CONDITIONAL.SerializeToString(deterministic=True)
    request = _client(CONDITIONAL_NONCE).unary(METHOD, body)
    conflict = SERVER.status(METHOD, digest(request.payload), CONFLICT)
    return {
        "conditional-request": _request("conditional-request", request),
        "conflict": _response("conflict", conflict),
    }


@functools.cache
def stream() -> dict[str, Example]:
    """Return a stream of two messages each way, in which every message is answered at once."""
    requests, answers = _client(STREAM_NONCE).stream(STREAM_METHOD), StreamChain()
    examples = []
    for index, body in enumerate((b"one", b"two")):
        request = requests.message(body)
        answer = SERVER.stream_body(STREAM_METHOD, digest(request.payload), body, answers)
        examples.append(_request(f"request-{index}", request))
        examples.append(_response(f"response-{index}", answer))
    closing = requests.close()
    end = SERVER.stream_end(STREAM_METHOD, digest(closing.payload), COMPLETE, answers)
    examples += [_request("request-closing", closing), _response("response-end", end)]
    return {example.name: example for example in examples}


def key_id() -> str:
    """Return the client key's way to its id."""
    key = CLIENT_KEY.public_key
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{key.text}"}}'
    return fenced(
        [
            f"public key   {key.raw.hex()}",
            f"JWK          {jwk}",
            f"SHA-256      {digest(jwk.encode()).hex()}",
            f"key id       {key.key_id}",
        ]
    )


def inputs() -> str:
    """Return what the examples start from."""
    return fenced(
        [
            f"client seed  {CLIENT_KEY.seed.hex()}",
            f"client key   {CLIENT_KEY.public_key.raw.hex()}",
            f"client id    {CLIENT_KEY.public_key.key_id}",
            f"server seed  {SERVER_KEY.seed.hex()}",
            f"server key   {SERVER_KEY.public_key.raw.hex()}",
            f"server id    {SERVER_KEY.public_key.key_id}",
            f"audience     {AUDIENCE}",
            f"issued_at    {ISSUED_AT} (request), {ANSWERED_AT} (response)",
            f"nonce        {NONCE.hex()}",
        ]
    )


def unary_text(name: str) -> str:
    """Return one of the unary examples."""
    return unary()[name].text()


def stream_text() -> str:
    """Return the stream's messages, a few lines each; the vectors hold the rest."""
    return "\n\n".join(
        f"**{example.name}**\n\n{example.short_text()}" for example in stream().values()
    )


def conditional_text() -> str:
    """Return the request under a condition, a few lines; the vectors hold the rest."""
    return conditional()["conditional-request"].short_text()


def conflict_text() -> str:
    """Return its answer."""
    return conditional()["conflict"].text()


def openssl() -> str:
    """Return commands that verify the request with openssl and nothing of this project."""
    signed = unary()["request"].signed
    key = base64.b64encode(CLIENT_KEY.public_key.raw).decode()
    lines = [
        f"payload='{base64.b64encode(signed.payload).decode()}'",
        f"signature='{base64.b64encode(signed.signature).decode()}'",
        f"key='{key}'",
        f"type='{REQUEST_TYPE}'",
        "",
        "printf '%s' \"$payload\" | base64 -d > payload.bin",
        "printf '%s' \"$signature\" | base64 -d > signature.bin",
        "# An Ed25519 SubjectPublicKeyInfo (RFC 8410) is 12 fixed bytes and the key.",
        "printf '%s\\n' '-----BEGIN PUBLIC KEY-----' \"MCowBQYDK2VwAyEA$key\" \\",
        "  '-----END PUBLIC KEY-----' > key.pem",
        '{ printf \'DSSEv1 %d %s %d \' "${#type}" "$type" "$(wc -c < payload.bin)"',
        "  cat payload.bin; } > pae.bin",
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in pae.bin -sigfile signature.bin",
    ]
    return fenced(lines, language="sh")


def vectors() -> str:
    """Return docs/vectors/protocol.json."""
    examples = unary()
    request = examples["request"].signed
    return pretty_json(
        {
            "about": "docs/protocol.md sections 9 to 11. Bytes are hexadecimal.",
            "client": _key(CLIENT_KEY),
            "server": _key(SERVER_KEY),
            "audience": AUDIENCE,
            "unary": [example.vector() for example in examples.values()],
            "unary_request_body": fields(REQUEST),
            "conditional": [example.vector() for example in conditional().values()],
            "stream": [example.vector() for example in stream().values()],
            "requests": refused_requests(request, now=ISSUED_AT),
            "responses": refused_responses(examples["response"].signed, request),
            "response_streams": refused_streams(
                [stream()[name].signed for name in ("response-0", "response-1", "response-end")]
            ),
            "succession": succession().vector(),
            "chains": chain_vectors(),
            "rotation": rotation_vector(),
        }
    )


def _key(key: PrivateKey) -> dict[str, Json]:
    return {
        "seed": key.seed.hex(),
        "public_key": key.public_key.raw.hex(),
        "public_key_base64url": base64url(key.public_key.raw),
        "public_key_id": key.public_key.key_id,
    }


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "key-id": key_id,
    "example-inputs": inputs,
    "example-request": functools.partial(unary_text, "request"),
    "example-response": functools.partial(unary_text, "response"),
    "example-error": functools.partial(unary_text, "error"),
    "example-stream": stream_text,
    "example-conditional-request": conditional_text,
    "example-conflict": conflict_text,
    "example-succession": succession_text,
    "example-rotation": rotation_text,
    "openssl": openssl,
}
FILES: Final[Mapping[str, Callable[[], str]]] = {"vectors/protocol.json": vectors}
