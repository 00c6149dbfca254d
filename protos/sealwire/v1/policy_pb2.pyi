from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Signer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNER_UNSPECIFIED: _ClassVar[Signer]
    SIGNER_PRESENTED: _ClassVar[Signer]
SIGNER_UNSPECIFIED: Signer
SIGNER_PRESENTED: Signer
POLICY_FIELD_NUMBER: _ClassVar[int]
policy: _descriptor.FieldDescriptor

class Policy(_message.Message):
    __slots__ = ("request", "response", "permission", "signer")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    request: str
    response: str
    permission: str
    signer: Signer
    def __init__(self, request: _Optional[str] = ..., response: _Optional[str] = ..., permission: _Optional[str] = ..., signer: _Optional[_Union[Signer, str]] = ...) -> None: ...
