from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignedMessage(_message.Message):
    __slots__ = ("payload", "signature", "public_key_id", "content")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    signature: bytes
    public_key_id: str
    content: bytes
    def __init__(self, payload: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., public_key_id: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class RequestStatement(_message.Message):
    __slots__ = ("method", "audience", "public_key_id", "issued_at", "nonce", "body", "stream")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    method: str
    audience: str
    public_key_id: str
    issued_at: int
    nonce: bytes
    body: bytes
    stream: StreamPosition
    def __init__(self, method: _Optional[str] = ..., audience: _Optional[str] = ..., public_key_id: _Optional[str] = ..., issued_at: _Optional[int] = ..., nonce: _Optional[bytes] = ..., body: _Optional[bytes] = ..., stream: _Optional[_Union[StreamPosition, _Mapping]] = ...) -> None: ...

class ResponseStatement(_message.Message):
    __slots__ = ("method", "request_digest", "issued_at", "body", "status", "stream")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    method: str
    request_digest: bytes
    issued_at: int
    body: bytes
    status: Status
    stream: StreamPosition
    def __init__(self, method: _Optional[str] = ..., request_digest: _Optional[bytes] = ..., issued_at: _Optional[int] = ..., body: _Optional[bytes] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., stream: _Optional[_Union[StreamPosition, _Mapping]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "reason", "message", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StreamPosition(_message.Message):
    __slots__ = ("index", "previous_digest", "last")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    index: int
    previous_digest: bytes
    last: bool
    def __init__(self, index: _Optional[int] = ..., previous_digest: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...
