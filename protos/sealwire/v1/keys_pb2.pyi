from sealwire.v1 import envelope_pb2 as _envelope_pb2
from sealwire.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_STATE_UNSPECIFIED: _ClassVar[KeyState]
    KEY_STATE_ACTIVE: _ClassVar[KeyState]
    KEY_STATE_ROTATED: _ClassVar[KeyState]
    KEY_STATE_REVOKED: _ClassVar[KeyState]
KEY_STATE_UNSPECIFIED: KeyState
KEY_STATE_ACTIVE: KeyState
KEY_STATE_ROTATED: KeyState
KEY_STATE_REVOKED: KeyState

class Key(_message.Message):
    __slots__ = ("public_key_id", "public_key", "state", "generation", "created_at", "expires_at", "ended_at", "certificate_uri")
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_URI_FIELD_NUMBER: _ClassVar[int]
    public_key_id: str
    public_key: bytes
    state: KeyState
    generation: int
    created_at: int
    expires_at: int
    ended_at: int
    certificate_uri: str
    def __init__(self, public_key_id: _Optional[str] = ..., public_key: _Optional[bytes] = ..., state: _Optional[_Union[KeyState, str]] = ..., generation: _Optional[int] = ..., created_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., ended_at: _Optional[int] = ..., certificate_uri: _Optional[str] = ...) -> None: ...

class NextKey(_message.Message):
    __slots__ = ("public_key", "signature")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    signature: bytes
    def __init__(self, public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class KeyRotation(_message.Message):
    __slots__ = ("audience", "old_public_key_id", "new_public_key_id")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    OLD_PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    audience: str
    old_public_key_id: str
    new_public_key_id: str
    def __init__(self, audience: _Optional[str] = ..., old_public_key_id: _Optional[str] = ..., new_public_key_id: _Optional[str] = ...) -> None: ...

class RenewCertificateRequest(_message.Message):
    __slots__ = ("certificate_request", "next_key")
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    NEXT_KEY_FIELD_NUMBER: _ClassVar[int]
    certificate_request: bytes
    next_key: NextKey
    def __init__(self, certificate_request: _Optional[bytes] = ..., next_key: _Optional[_Union[NextKey, _Mapping]] = ...) -> None: ...

class RenewCertificateResponse(_message.Message):
    __slots__ = ("certificate", "ca_certificates")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    CA_CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    ca_certificates: str
    def __init__(self, certificate: _Optional[bytes] = ..., ca_certificates: _Optional[str] = ...) -> None: ...

class RotateKeyRequest(_message.Message):
    __slots__ = ("next_key",)
    NEXT_KEY_FIELD_NUMBER: _ClassVar[int]
    next_key: NextKey
    def __init__(self, next_key: _Optional[_Union[NextKey, _Mapping]] = ...) -> None: ...

class RotateKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: Key
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("identity",)
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    identity: str
    def __init__(self, identity: _Optional[str] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Key]
    def __init__(self, keys: _Optional[_Iterable[_Union[Key, _Mapping]]] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("public_key_id", "expires_at", "request_id")
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    public_key_id: str
    expires_at: int
    request_id: str
    def __init__(self, public_key_id: _Optional[str] = ..., expires_at: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevokeKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: Key
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ...) -> None: ...

class RevokeCertificateRequest(_message.Message):
    __slots__ = ("public_key_id", "serial", "request_id")
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    public_key_id: str
    serial: str
    request_id: str
    def __init__(self, public_key_id: _Optional[str] = ..., serial: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevokeCertificateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListServerKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListServerKeysResponse(_message.Message):
    __slots__ = ("successions",)
    SUCCESSIONS_FIELD_NUMBER: _ClassVar[int]
    successions: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.SignedMessage]
    def __init__(self, successions: _Optional[_Iterable[_Union[_envelope_pb2.SignedMessage, _Mapping]]] = ...) -> None: ...

class KeySuccession(_message.Message):
    __slots__ = ("audience", "old_public_key_id", "new_public_key", "issued_at")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    OLD_PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    audience: str
    old_public_key_id: str
    new_public_key: bytes
    issued_at: int
    def __init__(self, audience: _Optional[str] = ..., old_public_key_id: _Optional[str] = ..., new_public_key: _Optional[bytes] = ..., issued_at: _Optional[int] = ...) -> None: ...
