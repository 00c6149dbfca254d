from __future__ import annotations

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import parse_body, parse_canonical
from sealwire.core.errors import MalformedError
from sealwire.v1.envelope_pb2 import (
    RequestStatement,
    ResponseStatement,
    SignedMessage,
    Status,
    StreamPosition,
)
from sealwire.v1.records_pb2 import ListRecordsResponse, PutRecordRequest, RecordInfo
from tests.core.builders import encoded, request_statement
from tests.core.wire import chunk, integer, overlong, varint

UINT64 = st.integers(min_value=0, max_value=2**64 - 1)
INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
POSITIONS = st.builds(StreamPosition, index=UINT64, previous_digest=st.binary(), last=st.booleans())
# Keys of one length: none is the beginning of another, as docs/protocol.md section 2.3 demands.
METADATA = st.dictionaries(st.text(min_size=2, max_size=2), st.text(), max_size=6)
STATUSES = st.builds(
    Status,
    code=st.integers(min_value=0, max_value=16),
    reason=st.text(),
    message=st.text(),
    metadata=METADATA,
)
REQUESTS = st.builds(
    RequestStatement,
    method=st.text(),
    audience=st.text(),
    public_key_id=st.text(),
    issued_at=INT64,
    nonce=st.binary(),
    body=st.none() | st.binary(),
    stream=st.none() | POSITIONS,
)
RESPONSES = st.builds(
    ResponseStatement, method=st.text(), issued_at=INT64, stream=st.none() | POSITIONS
)
ENVELOPES = st.builds(
    SignedMessage, payload=st.binary(), signature=st.binary(), public_key_id=st.text()
)

STATEMENT = encoded(request_statement())
STREAMED = chunk(1, b"/m") + chunk(6, b"body")
FAILED = integer(1, 10) + chunk(2, b"R")


def entry(key: bytes, value: bytes) -> bytes:
    """Return an entry of `Status.metadata`."""
    return chunk(4, chunk(1, key) + chunk(2, value))


def nested(levels: int) -> bytes:
    data = b""
    for _ in range(levels // 2):
        data = chunk(6, chunk(1, data))  # Value.list_value, ListValue.values
    return data


@given(st.one_of(REQUESTS, RESPONSES, STATUSES, POSITIONS, ENVELOPES))
def test_every_message_comes_back_from_its_bytes(message: Message) -> None:
    assert parse_canonical(type(message), encoded(message)) == message
    assert parse_body(type(message), encoded(message)) == message


@given(STATUSES, st.binary())
def test_both_outcomes_come_back_from_their_bytes(status: Status, body: bytes) -> None:
    for message in (ResponseStatement(status=status), ResponseStatement(body=body)):
        assert parse_canonical(ResponseStatement, encoded(message)) == message


@given(REQUESTS, st.data())
def test_altered_bytes_parse_only_if_they_are_the_form_of_what_they_say(
    message: RequestStatement, data: st.DataObject
) -> None:
    altered = bytearray(encoded(message) or b"\0")
    start = data.draw(st.integers(min_value=0, max_value=len(altered) - 1))
    altered[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        parsed = parse_canonical(RequestStatement, bytes(altered))
    except MalformedError:
        return
    assert encoded(parsed) == altered


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(STATEMENT + integer(15, 1), id="unknown field"),  # case 32
        pytest.param(STATEMENT + chunk(99, b"x"), id="unknown bytes field"),  # case 32
        pytest.param(integer(1, 5) + chunk(6, b""), id="known field of another type"),  # case 32
        pytest.param(STREAMED + chunk(7, integer(9, 1)), id="unknown inner field"),  # case 32
        pytest.param(STATEMENT + chunk(6, b"body"), id="body twice, equal"),  # case 33
        pytest.param(STATEMENT + chunk(6, b"evil"), id="body twice"),  # case 33
        pytest.param(integer(4, 1) + integer(4, 2), id="integer twice"),  # case 33
        pytest.param(
            STREAMED + chunk(7, integer(1, 1)) + chunk(7, integer(3, 1)), id="merged positions"
        ),  # case 33
        pytest.param(chunk(1, b"") + chunk(6, b"body"), id="default string written out"),
        pytest.param(integer(4, 0) + chunk(6, b"body"), id="default integer written out"),
        pytest.param(STREAMED + chunk(7, integer(3, 0)), id="inner default written out"),
        pytest.param(chunk(6, b"body") + chunk(1, b"/m"), id="fields out of order"),
        pytest.param(STREAMED + chunk(7, integer(3, 1) + integer(1, 1)), id="inner order"),
        pytest.param(varint(4 << 3) + overlong(1), id="overlong integer"),
        pytest.param(overlong(4 << 3) + varint(1), id="overlong tag"),
        pytest.param(varint(6 << 3 | 2) + overlong(4) + b"body", id="overlong length"),
        pytest.param(STREAMED + chunk(7, integer(3, 2)), id="a boolean that is 2"),
        pytest.param(chunk(1, b"\xc3\x28"), id="not UTF-8"),
        pytest.param(b"\xff" * 11, id="endless varint"),
        pytest.param(b"\x0b" * 200, id="200 open groups"),  # case 34
        pytest.param(b"\x0b" * 50 + b"\x0c" * 50, id="50 closed groups"),  # case 34
    ],
)
def test_a_second_form_of_a_statement_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_canonical(RequestStatement, data)


@pytest.mark.parametrize(
    "data",
    [
        STATEMENT,
        STREAMED + chunk(7, b""),
        STREAMED + chunk(7, integer(1, 1) + integer(3, 1)),
        chunk(6, b""),
        integer(4, 2**64 - 1),
    ],
)
def test_the_one_form_of_a_statement_parses(data: bytes) -> None:
    assert encoded(parse_canonical(RequestStatement, data)) == data


@given(METADATA)
def test_metadata_stand_in_the_order_of_their_keys_bytes_and_whole(texts: dict[str, str]) -> None:
    entries = sorted((key.encode(), value.encode()) for key, value in texts.items())
    assert encoded(Status(metadata=texts)) == b"".join(entry(*pair) for pair in entries)


@pytest.mark.parametrize(
    "data",
    [
        FAILED + entry(b"a", b"3") + entry(b"ba", b"2") + entry(b"bb", b"1"),
        FAILED + entry(b"\xef\xbf\xbd", b"1") + entry(b"\xf0\x9f\x94\x91", b"2"),
        FAILED + entry(b"", b""),
    ],
    ids=["by key", "by UTF-8, not UTF-16", "empty key and value"],
)
def test_the_one_form_of_metadata_parses(data: bytes) -> None:
    for kind, whole in ((Status, data), (ResponseStatement, chunk(5, data))):
        assert encoded(parse_canonical(kind, whole)) == whole


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(FAILED + entry(b"b", b"1") + entry(b"a", b"2"), id="out of order"),
        pytest.param(
            FAILED + entry(b"\xf0\x9f\x94\x91", b"1") + entry(b"\xef\xbf\xbd", b"2"),
            id="the order of UTF-16",
        ),
        pytest.param(FAILED + entry(b"a", b"1") + entry(b"a", b"2"), id="a key twice"),
        pytest.param(FAILED + entry(b"a", b"1") + entry(b"a", b"1"), id="an entry twice"),
        pytest.param(FAILED + chunk(4, b""), id="no key, no value"),
        pytest.param(FAILED + chunk(4, chunk(1, b"a")), id="no value"),
        pytest.param(FAILED + chunk(4, chunk(2, b"1")), id="no key"),
        pytest.param(FAILED + chunk(4, chunk(2, b"1") + chunk(1, b"a")), id="value first"),
        pytest.param(
            FAILED + chunk(4, chunk(1, b"a") + chunk(1, b"a") + chunk(2, b"1")), id="two keys"
        ),
        pytest.param(
            FAILED + chunk(4, chunk(1, b"a") + chunk(2, b"1") + integer(3, 1)), id="unknown field"
        ),
        pytest.param(FAILED + entry(b"\xff", b"1"), id="a key that is no UTF-8"),
        pytest.param(FAILED + entry(b"a", b"\xff"), id="a value that is no UTF-8"),
        pytest.param(entry(b"a", b"1") + FAILED, id="before the code"),
        pytest.param(
            FAILED + varint(4 << 3 | 2) + overlong(6) + chunk(1, b"a") + chunk(2, b"1"),
            id="overlong length",
        ),
    ],
)
def test_a_second_form_of_metadata_is_malformed(data: bytes) -> None:  # cases 32, 33
    for kind, whole in ((Status, data), (ResponseStatement, chunk(5, data))):
        with pytest.raises(MalformedError):
            parse_canonical(kind, whole)


def test_both_outcomes_at_once_are_malformed() -> None:  # case 33
    with pytest.raises(MalformedError):
        parse_canonical(ResponseStatement, chunk(4, b"body") + chunk(5, integer(1, 7)))


def test_nesting_is_bounded() -> None:  # case 34
    assert parse_body(Value, nested(60)).HasField("list_value")
    for levels in (200, 20_000):
        with pytest.raises(MalformedError):
            parse_body(Value, nested(levels))
        with pytest.raises(MalformedError):
            parse_canonical(Value, nested(levels))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (PutRecordRequest, integer(4, 1)),
        (PutRecordRequest, chunk(1, b"ns") + integer(2, 1)),
        (ListRecordsResponse, chunk(1, chunk(1, b"name") + integer(99, 1))),
        (Value, chunk(6, chunk(1, chunk(6, chunk(1, integer(9, 1)))))),
        (Struct, chunk(1, chunk(1, b"key") + chunk(2, integer(9, 1)))),
    ],
    ids=["outermost", "of another type", "in a list", "four deep", "in a map"],
)
def test_a_body_with_an_unknown_field_is_malformed(
    kind: type[Message], data: bytes
) -> None:  # case 32
    with pytest.raises(MalformedError, match="fields that are not"):
        parse_body(kind, data)


def test_a_body_may_be_in_any_form_that_protobuf_allows() -> None:
    data = chunk(2, b"name") + chunk(1, b"") + chunk(2, b"other")
    assert parse_body(PutRecordRequest, data) == PutRecordRequest(name="other")
    page = ListRecordsResponse(records=[RecordInfo(name="a"), RecordInfo(name="b", version=2)])
    assert parse_body(ListRecordsResponse, encoded(page)) == page


@pytest.mark.parametrize("data", [b"\x0a", b"\xff", chunk(1, b"\xff")])
def test_a_body_that_does_not_parse_is_malformed(data: bytes) -> None:  # case 31
    with pytest.raises(MalformedError, match=r"sealwire\.v1\.PutRecordRequest"):
        parse_body(PutRecordRequest, data)
