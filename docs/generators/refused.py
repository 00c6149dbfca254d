"""Messages at and beyond the limits of docs/protocol.md: what must be accepted, what refused.

The step or rule is written here; that our own code accepts or refuses is checked while generating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from docs.generators.fixed import AUDIENCE, CLIENT_KEY, SERVER_KEY
from docs.generators.rendering import Json
from sealwire.core.envelope import (
    REQUEST_TYPE,
    RESPONSE_TYPE,
    digest,
    pae,
    parse_body,
    parse_envelope,
    verify_request,
)
from sealwire.core.errors import STATUS_CODES, Code, MalformedError, SealwireError
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import SKEW_MS, WINDOW_MS, TimeWindow, check_statement, parse_statement
from sealwire.core.responses import open_response, open_stream_response
from sealwire.core.streams import StreamChain
from sealwire.v1.envelope_pb2 import RequestStatement, ResponseStatement, SignedMessage, Status
from sealwire.v1.records_pb2 import PutRecordResponse

_GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_SHAPE: Final = "6.1"
_ANOTHER: Final = "/sealwire.v1.RecordService/GetRecord"


def refused_requests(good: SignedMessage, *, now: int) -> list[Json]:
    """Return requests to the method of `good`, and what a server makes of each at `now`."""
    statement = RequestStatement.FromString(good.payload)
    wire = good.SerializeToString()
    payload = good.payload

    def edited(edit: Callable[[RequestStatement], None]) -> bytes:
        copy = RequestStatement.FromString(payload)
        edit(copy)
        return _signed(copy.SerializeToString(deterministic=True))

    def issued(at: int) -> bytes:
        return edited(lambda s: setattr(s, "issued_at", at))

    method_field = 2 + len(statement.method)
    nonce = statement.nonce
    twice = b"\x2a" + bytes([len(nonce)]) + nonce
    cases: list[tuple[str, str, bytes]] = [
        ("as made", "", wire),
        ("as old as allowed", "", issued(now - WINDOW_MS)),
        ("as far ahead as allowed", "", issued(now + SKEW_MS)),
        ("a nonce of 16 bytes", "", edited(lambda s: setattr(s, "nonce", nonce[:16]))),
        ("an envelope field that does not exist", "2", wire + b"\x28\x01"),
        ("an empty content, written out", "2", wire + b"\x22\x00"),
        ("a content", "2", wire + b"\x22\x01x"),
        ("cut by one byte", "2", wire[:-1]),
        ("a bit of the signature flipped", "4", _resigned(good, _flipped(good.signature))),
        ("the signature's S plus the group order", "4", _resigned(good, _plus_l(good.signature))),
        ("signed with the response type", "4", _signed(payload, kind=RESPONSE_TYPE)),
        ("no signature", "4", _resigned(good, b"")),
        ("a field twice", "5", _signed(payload.replace(twice, twice + twice))),
        (
            "fields out of order",
            "5",
            _signed(payload[method_field:] + payload[:method_field]),
        ),
        (
            "an overlong integer",
            "5",
            _signed(payload.replace(twice, b"\x2a\x98\x00" + nonce)),
        ),
        ("a statement field that does not exist", "5", _signed(payload + b"\x40\x01")),
        ("a position's field that does not exist", "5", _signed(payload + b"\x3a\x02\x20\x01")),
        ("a bool that is neither 0 nor 1", "5", _signed(payload + b"\x3a\x02\x18\x02")),
        ("a text that is not UTF-8", "5", _signed(payload.replace(b"sealwire:", b"sealwire\xff"))),
        ("a nonce of 15 bytes", "5", edited(lambda s: setattr(s, "nonce", nonce[:15]))),
        ("no body", "5", edited(lambda s: s.ClearField("body"))),
        (
            "another key id inside",
            "6",
            edited(lambda s: setattr(s, "public_key_id", SERVER_KEY.public_key.key_id)),
        ),
        ("another method", "7", edited(lambda s: setattr(s, "method", _ANOTHER))),
        ("another audience", "8", edited(lambda s: setattr(s, "audience", "sealwire:other"))),
        ("one millisecond too old", "9", issued(now - WINDOW_MS - 1)),
        ("one millisecond too far ahead", "9", issued(now + SKEW_MS + 1)),
        ("a stream position", _SHAPE, edited(lambda s: s.stream.SetInParent())),
    ]
    return [
        {"name": name, "fails_at": step, "envelope": data.hex(), **_outcome(data, statement, now)}
        for name, step, data in cases
    ]


def _outcome(data: bytes, call: RequestStatement, now: int) -> dict[str, Json]:
    """Return the status that our own code gives, as a server at `now` does."""
    try:
        signed = parse_envelope(data)
        verify_request(signed, CLIENT_KEY.public_key)
        statement = parse_statement(signed.payload)
        check_statement(
            statement,
            public_key_id=CLIENT_KEY.public_key.key_id,
            method=call.method,
            audience=AUDIENCE,
            now=now,
            window=TimeWindow(),
        )
        if statement.HasField("stream"):
            raise MalformedError("A statement of a stream came to a method that takes none.")
    except SealwireError as error:
        return {"code": int(STATUS_CODES[error.reason]), "reason": error.reason}
    return {"code": 0, "reason": ""}


def refused_responses(good: SignedMessage, request: SignedMessage) -> list[Json]:
    """Return messages in the place of `good`, the answer to `request`, and the rule each breaks."""
    statement = ResponseStatement.FromString(good.payload)

    def edited(edit: Callable[[ResponseStatement], None]) -> bytes:
        copy = ResponseStatement.FromString(good.payload)
        edit(copy)
        return _answered(copy.SerializeToString(deterministic=True))

    ok = Status(reason="OK", message="The stream is complete.")
    outcome = b"\x2a\x02\x08\x07"
    cases: list[tuple[str, str, bytes]] = [
        ("as made", "", good.SerializeToString()),
        ("a content", "R2", good.SerializeToString() + b"\x22\x01x"),
        (
            "signed by another key",
            "R3",
            _signed(good.payload, key=CLIENT_KEY, kind=RESPONSE_TYPE),
        ),
        ("a bit of the signature flipped", "R4", _resigned(good, _flipped(good.signature))),
        ("signed with the request type", "R4", _answered(good.payload, kind=REQUEST_TYPE)),
        ("a body and a status", "R5", _answered(good.payload + outcome)),
        *((name, "R5", _answered(payload)) for name, payload in _metadata_forms(statement)),
        ("another method", "R6", edited(lambda s: setattr(s, "method", _ANOTHER))),
        (
            "the answer to another request",
            "R7",
            edited(lambda s: setattr(s, "request_digest", digest(b"another payload"))),
        ),
        ("no outcome", "R8", edited(lambda s: s.ClearField("body"))),
        ("a stream position", "R9", edited(lambda s: s.stream.SetInParent())),
        ("a status where a body belongs", "R10", edited(lambda s: s.status.CopyFrom(ok))),
        (
            "a body field that does not exist",
            "R11",
            edited(lambda s: setattr(s, "body", s.body + b"\x98\x06\x01")),
        ),
    ]
    for name, rule, data in cases:
        if _verifies(data, statement.method, digest(request.payload)) != (not rule):
            raise AssertionError(f"our own code disagrees about a response: {name}")
    return [{"name": name, "breaks": rule, "envelope": data.hex()} for name, rule, data in cases]


def _metadata_forms(statement: ResponseStatement) -> Iterator[tuple[str, bytes]]:
    """Yield statements with an error whose metadata are not in canonical form."""
    version, condition = (
        Status(metadata=entry).SerializeToString()
        for entry in ({"current_version": "1"}, {"condition": "0"})
    )
    forms = (
        ("metadata out of order", version + condition),
        ("a metadata key twice", version + version),
        ("a metadata key without a value", b"\x22\x03\x0a\x01a"),
    )
    failed = ResponseStatement.FromString(statement.SerializeToString())
    failed.ClearField("body")
    for name, entries in forms:
        status = Status(code=Code.ABORTED, reason="VERSION_MISMATCH").SerializeToString() + entries
        yield name, failed.SerializeToString() + b"\x2a" + bytes([len(status)]) + status


def _verifies(data: bytes, method: str, about: bytes) -> bool:
    try:
        statement = open_response(
            data, server_key=SERVER_KEY.public_key, method=method, request_digests=[about]
        )
        parse_body(PutRecordResponse, statement.body)
    except SealwireError:
        return False
    return statement.HasField("body")


def refused_streams(good: list[SignedMessage]) -> list[Json]:
    """Return response streams made of `good`, two answers and the end: what a client makes of each.

    The last envelope of each is what came in the trailing metadata; empty if nothing did.
    """
    first, second, end = (message.SerializeToString() for message in good)
    cases: list[tuple[str, bool, list[bytes]]] = [
        ("as made", True, [first, second, end]),
        ("the first dropped", False, [second, end]),
        ("the last dropped", False, [first, end]),
        ("swapped", False, [second, first, end]),
        ("repeated", False, [first, first, second, end]),
        ("cut short", False, [first, second, b""]),
        ("ended by an answer", False, [first, second]),
    ]
    for name, accepted, messages in cases:
        if _complete(messages, good) != accepted:
            raise AssertionError(f"our own code disagrees about a stream: {name}")
    return [
        {"name": name, "complete": accepted, "envelopes": [data.hex() for data in messages]}
        for name, accepted, messages in cases
    ]


def _complete(messages: list[bytes], good: list[SignedMessage]) -> bool:
    sent = [ResponseStatement.FromString(message.payload).request_digest for message in good]
    chain = StreamChain()
    method = ResponseStatement.FromString(good[0].payload).method
    try:
        for data in messages:
            open_stream_response(
                data,
                server_key=SERVER_KEY.public_key,
                method=method,
                request_digests=sent,
                chain=chain,
            )
    except SealwireError:
        return False
    return chain.closed


def _signed(payload: bytes, *, key: PrivateKey = CLIENT_KEY, kind: str = REQUEST_TYPE) -> bytes:
    return SignedMessage(
        payload=payload,
        signature=key.sign(pae(kind, payload)),
        public_key_id=key.public_key.key_id,
    ).SerializeToString()


def _answered(payload: bytes, *, kind: str = RESPONSE_TYPE) -> bytes:
    return _signed(payload, key=SERVER_KEY, kind=kind)


def _resigned(good: SignedMessage, signature: bytes) -> bytes:
    return SignedMessage(
        payload=good.payload, signature=signature, public_key_id=good.public_key_id
    ).SerializeToString()


def _flipped(signature: bytes) -> bytes:
    return bytes([signature[0] ^ 1]) + signature[1:]


def _plus_l(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "little") + _GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")
