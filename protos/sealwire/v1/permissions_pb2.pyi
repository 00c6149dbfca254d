from sealwire.v1 import envelope_pb2 as _envelope_pb2
from sealwire.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verb(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERB_UNSPECIFIED: _ClassVar[Verb]
    VERB_READ: _ClassVar[Verb]
    VERB_WRITE: _ClassVar[Verb]
    VERB_DELETE: _ClassVar[Verb]
    VERB_LIST: _ClassVar[Verb]
    VERB_SHARE: _ClassVar[Verb]
    VERB_ADMIN: _ClassVar[Verb]

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_ALLOW: _ClassVar[Effect]
    EFFECT_DENY: _ClassVar[Effect]

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_SUBTREE: _ClassVar[Scope]
    SCOPE_EXACT: _ClassVar[Scope]
VERB_UNSPECIFIED: Verb
VERB_READ: Verb
VERB_WRITE: Verb
VERB_DELETE: Verb
VERB_LIST: Verb
VERB_SHARE: Verb
VERB_ADMIN: Verb
EFFECT_UNSPECIFIED: Effect
EFFECT_ALLOW: Effect
EFFECT_DENY: Effect
SCOPE_UNSPECIFIED: Scope
SCOPE_SUBTREE: Scope
SCOPE_EXACT: Scope

class Subject(_message.Message):
    __slots__ = ("identity", "group")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    identity: str
    group: str
    def __init__(self, identity: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("subject", "verb", "namespace", "scope", "effect", "expires_at", "granted_by", "created_at")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    GRANTED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    subject: Subject
    verb: Verb
    namespace: str
    scope: Scope
    effect: Effect
    expires_at: int
    granted_by: str
    created_at: int
    def __init__(self, subject: _Optional[_Union[Subject, _Mapping]] = ..., verb: _Optional[_Union[Verb, str]] = ..., namespace: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ..., effect: _Optional[_Union[Effect, str]] = ..., expires_at: _Optional[int] = ..., granted_by: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("name", "members", "created_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    members: _containers.RepeatedScalarFieldContainer[str]
    created_at: int
    def __init__(self, name: _Optional[str] = ..., members: _Optional[_Iterable[str]] = ..., created_at: _Optional[int] = ...) -> None: ...

class CreateGroupRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class AddGroupMemberRequest(_message.Message):
    __slots__ = ("group", "identity", "request_id")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    group: str
    identity: str
    request_id: str
    def __init__(self, group: _Optional[str] = ..., identity: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AddGroupMemberResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class RemoveGroupMemberRequest(_message.Message):
    __slots__ = ("group", "identity", "request_id")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    group: str
    identity: str
    request_id: str
    def __init__(self, group: _Optional[str] = ..., identity: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RemoveGroupMemberResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListGroupsResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ...) -> None: ...

class CreateGrantRequest(_message.Message):
    __slots__ = ("subject", "verbs", "namespace", "scope", "effect", "expires_at", "request_id")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    subject: Subject
    verbs: _containers.RepeatedScalarFieldContainer[Verb]
    namespace: str
    scope: Scope
    effect: Effect
    expires_at: int
    request_id: str
    def __init__(self, subject: _Optional[_Union[Subject, _Mapping]] = ..., verbs: _Optional[_Iterable[_Union[Verb, str]]] = ..., namespace: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ..., effect: _Optional[_Union[Effect, str]] = ..., expires_at: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateGrantResponse(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class RemoveGrantRequest(_message.Message):
    __slots__ = ("subject", "verbs", "namespace", "effect", "request_id")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    subject: Subject
    verbs: _containers.RepeatedScalarFieldContainer[Verb]
    namespace: str
    effect: Effect
    request_id: str
    def __init__(self, subject: _Optional[_Union[Subject, _Mapping]] = ..., verbs: _Optional[_Iterable[_Union[Verb, str]]] = ..., namespace: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RemoveGrantResponse(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, removed: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class TestPermissionsRequest(_message.Message):
    __slots__ = ("identity", "verbs", "namespace")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    identity: str
    verbs: _containers.RepeatedScalarFieldContainer[Verb]
    namespace: str
    def __init__(self, identity: _Optional[str] = ..., verbs: _Optional[_Iterable[_Union[Verb, str]]] = ..., namespace: _Optional[str] = ...) -> None: ...

class TestPermissionsResponse(_message.Message):
    __slots__ = ("decisions",)
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("verb", "allowed", "grant", "reason")
    VERB_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    verb: Verb
    allowed: bool
    grant: Grant
    reason: str
    def __init__(self, verb: _Optional[_Union[Verb, str]] = ..., allowed: _Optional[bool] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...
