"""A client of docs/protocol.md written from that document alone, without our code or protobuf's.

It says of a message which step or rule refuses it, and "" if none does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import nacl.bindings
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Fields: TypeAlias = dict[str, Any]
Schema: TypeAlias = Mapping[int, tuple[str, Any]]

# Section 2: number → name and kind. A kind ending in "?" has explicit presence; "texts" is a map
# from texts to texts.
ENVELOPE: Schema = {
    1: ("payload", "bytes"),
    2: ("signature", "bytes"),
    3: ("public_key_id", "string"),
    4: ("content", "bytes"),
}
STATUS: Schema = {
    1: ("code", "uint32"),
    2: ("reason", "string"),
    3: ("message", "string"),
    4: ("metadata", "texts"),
}
ENTRY: Schema = {1: ("key", "string?"), 2: ("value", "string?")}
POSITION: Schema = {1: ("index", "uint64"), 2: ("previous_digest", "bytes"), 3: ("last", "bool")}
REQUEST: Schema = {
    1: ("method", "string"),
    2: ("audience", "string"),
    3: ("public_key_id", "string"),
    4: ("issued_at", "int64"),
    5: ("nonce", "bytes"),
    6: ("body", "bytes?"),
    7: ("stream", POSITION),
}
RESPONSE: Schema = {
    1: ("method", "string"),
    2: ("request_digest", "bytes"),
    3: ("issued_at", "int64"),
    4: ("body", "bytes?"),
    5: ("status", STATUS),
    6: ("stream", POSITION),
}
PUT_REQUEST: Schema = {
    1: ("namespace", "string"),
    2: ("name", "string"),
    3: ("value", "bytes"),
    4: ("content_type", "string"),
    5: ("labels", "texts"),
    6: ("ttl_seconds", "uint64"),
    7: ("if_version", "uint64?"),
    8: ("request_id", "string"),
}
RECORD: Schema = {
    1: ("name", "string"),
    2: ("version", "uint64"),
    3: ("size", "uint64"),
    4: ("created_at", "int64"),
    5: ("updated_at", "int64"),
    6: ("expires_at", "int64"),
    7: ("deleted_at", "int64"),
    8: ("destroyed", "bool"),
    9: ("content_type", "string"),
    10: ("labels", "texts"),
}
PUT_RESPONSE: Schema = {1: ("record", RECORD), 2: ("revision", "uint64")}
SUCCESSION: Schema = {
    1: ("audience", "string"),
    2: ("old_public_key_id", "string"),
    3: ("new_public_key", "bytes"),
    4: ("issued_at", "int64"),
}
ROTATION: Schema = {
    1: ("audience", "string"),
    2: ("old_public_key_id", "string"),
    3: ("new_public_key_id", "string"),
}
NEXT_KEY: Schema = {1: ("public_key", "bytes"), 2: ("signature", "bytes")}

TYPES = {
    "request": "application/vnd.sealwire.request.v1+protobuf",
    "response": "application/vnd.sealwire.response.v1+protobuf",
    "succession": "application/vnd.sealwire.key-succession.v1+protobuf",
    "rotation": "application/vnd.sealwire.key-rotation.v1+protobuf",
}
_BITS = {"bool": 1, "uint32": 32, "int64": 64, "uint64": 64}


class MalformedError(Exception):
    """Not what section 2.2 lets through."""


class RefusedError(Exception):
    """Its text is the step or rule that does not hold."""


def encode(schema: Schema, fields: Fields) -> bytes:
    """Return the canonical form."""
    data = b""
    for number, (name, kind) in sorted(schema.items()):
        value = fields.get(name)
        explicit = isinstance(kind, Mapping) or kind.endswith("?")
        if value is None or (not explicit and not value):
            continue
        if _is_number(kind):
            data += varint(number << 3) + varint(int(value) % 2**64)
            continue
        for content in _contents(kind, value):
            data += varint(number << 3 | 2) + varint(len(content)) + content
    return data


def decode(schema: Schema, data: bytes) -> Fields:
    """Return the fields of a message without unknown ones."""
    fields: Fields = {}
    rest = data
    while rest:
        tag, rest = _take_varint(rest)
        name, kind = schema.get(tag >> 3, ("", ""))
        if not name or tag & 7 != (0 if _is_number(kind) else 2):
            raise MalformedError("an unknown field")
        value, rest = _take_varint(rest)
        if _is_number(kind):
            fields[name] = _number(kind, value)
            continue
        if value > len(rest):
            raise MalformedError("cut")
        content, rest = rest[:value], rest[value:]
        if kind == "texts":
            entry = decode(ENTRY, content)
            fields.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
            continue
        fields[name] = _content(kind, content)
    return fields


def decode_canonical(schema: Schema, data: bytes) -> Fields:
    """Return the fields of a message in canonical form."""
    fields = decode(schema, data)
    if encode(schema, fields) != data:
        raise MalformedError("not canonical")
    return fields


def varint(value: int) -> bytes:
    """Return the least number of bytes that encode `value`."""
    data = b""
    while value > 0x7F:
        data, value = data + bytes([value & 0x7F | 0x80]), value >> 7
    return data + bytes([value])


def pae(kind: str, payload: bytes) -> bytes:
    """Section 2.1."""
    name = TYPES[kind].encode()
    return b" ".join(
        [b"DSSEv1", str(len(name)).encode(), name, str(len(payload)).encode(), payload]
    )


def key_id(public_key: bytes) -> str:
    """Section 1.3."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(public_key)}"}}'
    return base64url(hashlib.sha256(jwk.encode()).digest())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(seed: bytes, kind: str, payload: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(pae(kind, payload))


def request_fails_at(data: bytes, *, key: bytes, method: str, audience: str, now: int) -> str:
    """Sections 4 and 6.1, for a method that takes one message and a key that is enrolled."""
    try:
        signed = _opened(data, key=key, kind="request", rules=("2", "3", "4"))
        statement = _statement(REQUEST, signed["payload"], "5")
        last = statement.get("stream", {}).get("last", False)
        _require("5", 16 <= len(statement.get("nonce", b"")) <= 32)
        _require("5", ("body" in statement) != last)
        _require("6", statement.get("public_key_id") == signed["public_key_id"])
        _require("7", statement.get("method") == method)
        _require("8", statement.get("audience") == audience)
        _require("9", now - 60_000 <= statement.get("issued_at", 0) <= now + 10_000)
        _require("6.1", "stream" not in statement)
    except RefusedError as error:
        return str(error)
    return ""


def response_breaks(data: bytes, *, key: bytes, method: str, sent: bytes, body: Schema) -> str:
    """Section 5.2, for the response message of a method that answers with one."""
    try:
        statement = _response(data, key=key, method=method, sent=[sent])
        _require("R9", "stream" not in statement)
        _require("R10", "body" in statement)
        try:
            decode(body, statement["body"])
        except MalformedError:
            raise RefusedError("R11") from None
    except RefusedError as error:
        return str(error)
    return ""


def stream_is_complete(
    messages: list[bytes], end: bytes, *, key: bytes, method: str, sent: list[bytes]
) -> bool:
    """Sections 5.2 and 6.2, for a response stream and what came in its trailing metadata."""
    digest, statement = b"", {}
    try:
        for index, data in enumerate([*messages, end]):
            statement = _response(data, key=key, method=method, sent=sent)
            position = statement.get("stream", {"index": -1})
            _require("R9", position.get("index", 0) == index)
            _require("R9", position.get("previous_digest", b"") == digest)
            _require("R9", position.get("last", False) == ("status" in statement))
            _require("R10", ("status" in statement) == (index == len(messages)))
            digest = hashlib.sha256(decode(ENVELOPE, data)["payload"]).digest()
        _require("R10", statement["status"].get("code", 0) == 0)
    except RefusedError:
        return False
    return True


def chain_breaks(chain: list[bytes], *, pinned: bytes, audience: str, signer: str) -> str:
    """Section 10.1, for what ListServerKeys answered; `signer` is the id of who signs now."""
    try:
        _require("S1", len(chain) <= 64)
        links = [decode(ENVELOPE, data) for data in chain]
        statements = [_statement(SUCCESSION, link["payload"], "S2") for link in links]
        for link, statement in zip(links, statements, strict=True):
            _require("S2", "content" not in link)
            _require("S3", link["public_key_id"] == statement["old_public_key_id"])
            _require("S3", statement.get("audience") == audience)
            _require("S4", _is_key(statement.get("new_public_key", b"")))
        olds = [statement["old_public_key_id"] for statement in statements]
        ends = olds[:1] + [key_id(statement["new_public_key"]) for statement in statements]
        _require("S5", olds == ends[:-1] and len(set(ends)) == len(ends))
        _require("S6", key_id(pinned) in ends)
        keys = [pinned]
        start = ends.index(key_id(pinned))
        for link, statement in zip(links[start:], statements[start:], strict=True):
            _verify("S6", keys[-1], link, "succession")
            keys.append(statement["new_public_key"])
        _require("S7", len(keys) > 1 and key_id(keys[-1]) == signer)
    except RefusedError as error:
        return str(error)
    return ""


def rotation_holds(next_key: bytes, *, audience: str, old_public_key_id: str) -> bool:
    """Section 11, for a serialized NextKey."""
    proof = decode(NEXT_KEY, next_key)
    statement = {
        "audience": audience,
        "old_public_key_id": old_public_key_id,
        "new_public_key_id": key_id(proof["public_key"]),
    }
    signed = {"payload": encode(ROTATION, statement), "signature": proof["signature"]}
    try:
        _require("key", _is_key(proof["public_key"]))
        _require("key", statement["new_public_key_id"] != old_public_key_id)
        _verify("signature", proof["public_key"], signed, "rotation")
    except RefusedError:
        return False
    return True


def _response(data: bytes, *, key: bytes, method: str, sent: list[bytes]) -> Fields:
    signed = _opened(data, key=key, kind="response", rules=("R2", "R3", "R4"))
    statement = _statement(RESPONSE, signed["payload"], "R5")
    digests = [hashlib.sha256(payload).digest() for payload in sent]
    _require("R5", not {"body", "status"} <= statement.keys())
    _require("R6", statement.get("method") == method)
    _require("R7", statement.get("request_digest") in digests)
    _require("R8", "body" in statement or "status" in statement)
    return statement


def _opened(data: bytes, *, key: bytes, kind: str, rules: tuple[str, str, str]) -> Fields:
    form, signer, signature = rules
    signed = _statement(ENVELOPE, data, form)
    _require(form, len(data) <= 4 * 1024 * 1024 and "payload" in signed)
    _require(form, 1 <= len(signed.get("public_key_id", "").encode()) <= 64)
    _require(form, "content" not in signed)
    _require(signer, signed["public_key_id"] == key_id(key))
    _verify(signature, key, signed, kind)
    return signed


def _verify(rule: str, key: bytes, signed: Fields, kind: str) -> None:
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(signed.get("signature", b""), pae(kind, signed["payload"]))
    except InvalidSignature:
        raise RefusedError(rule) from None


def _is_key(data: bytes) -> bool:
    """Section 1.3, which names this function."""
    return len(data) == 32 and nacl.bindings.crypto_core_ed25519_is_valid_point(data)


def _statement(schema: Schema, data: bytes, rule: str) -> Fields:
    try:
        return decode_canonical(schema, data)
    except MalformedError:
        raise RefusedError(rule) from None


def _require(rule: str, holds: bool) -> None:
    if not holds:
        raise RefusedError(rule)


def _take_varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for position, byte in enumerate(data[:10]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return value, data[position + 1 :]
    raise MalformedError("cut")


def _is_number(kind: Schema | str) -> bool:
    return isinstance(kind, str) and kind.rstrip("?") in _BITS


def _contents(kind: Schema | str, value: Any) -> list[bytes]:  # noqa: ANN401 - a field's value
    """Return what a field holds each time that it stands there: once, or for each entry."""
    if kind == "texts":
        pairs = sorted(value.items(), key=lambda pair: str(pair[0]).encode())
        return [encode(ENTRY, {"key": key, "value": text}) for key, text in pairs]
    if isinstance(kind, Mapping):
        return [encode(kind, value)]
    return [value.encode() if isinstance(value, str) else value]


def _number(kind: str, value: int) -> int:
    if value >= 2 ** _BITS[kind.rstrip("?")]:
        raise MalformedError("too large")
    return value - 2**64 if kind == "int64" and value >= 2**63 else value


def _content(kind: Schema | str, data: bytes) -> object:
    if isinstance(kind, Mapping):
        return decode(kind, data)
    try:
        return data.decode("utf-8") if kind.rstrip("?") == "string" else data
    except UnicodeDecodeError:
        raise MalformedError("no UTF-8") from None
