from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto

from sealwire.core.errors import PolicyError
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.v1 import (
    identity_pb2,
    keys_pb2,
    namespaces_pb2,
    permissions_pb2,
    policy_pb2,
    records_pb2,
)
from sealwire.v1.policy_pb2 import Policy

ENVELOPE = "sealwire.v1.SignedMessage"
REQUEST = "sealwire.v1.GetRecordRequest"
RESPONSE = "sealwire.v1.GetRecordResponse"
GOOD = Policy(request=REQUEST, response=RESPONSE, permission="orders.place")
SERVICE = "/sealwire.tests.Orders/"

PERMISSIONS = {
    f"/sealwire.v1.{method}": permission
    for method, permission in {
        "IdentityService/Enroll": "identities.enroll",
        "IdentityService/WhoAmI": "identities.read_self",
        "IdentityService/CreateInvitation": "identities.invite",
        "IdentityService/ListIdentities": "identities.list",
        "IdentityService/GetIdentity": "identities.read",
        "IdentityService/UpdateIdentity": "identities.update",
        "IdentityService/RemoveIdentity": "identities.remove",
        "IdentityService/EraseIdentity": "identities.erase",
        "KeyService/RenewCertificate": "certificates.renew",
        "KeyService/RotateKey": "keys.rotate",
        "KeyService/ListKeys": "keys.list",
        "KeyService/RevokeKey": "keys.revoke",
        "KeyService/RevokeCertificate": "certificates.revoke",
        "KeyService/ListServerKeys": "server_keys.list",
        "PermissionService/CreateGroup": "groups.create",
        "PermissionService/AddGroupMember": "groups.add_member",
        "PermissionService/RemoveGroupMember": "groups.remove_member",
        "PermissionService/ListGroups": "groups.list",
        "PermissionService/CreateGrant": "grants.create",
        "PermissionService/RemoveGrant": "grants.remove",
        "PermissionService/ListGrants": "grants.list",
        "PermissionService/TestPermissions": "permissions.test",
        "RecordService/PutRecord": "records.write",
        "RecordService/GetRecord": "records.read",
        "RecordService/ListRecords": "records.list",
        "RecordService/ListVersions": "records.list",
        "RecordService/DeleteRecord": "records.delete",
        "RecordService/UndeleteRecord": "records.undelete",
        "RecordService/DestroyVersions": "records.destroy",
        "RecordService/BatchGetRecords": "records.read",
        "RecordService/BatchPutRecords": "records.write",
        "RecordService/Transact": "records.transact",
        "RecordService/WatchRecords": "records.watch",
        "NamespaceService/CreateNamespace": "namespaces.create",
        "NamespaceService/GetNamespace": "namespaces.read",
        "NamespaceService/UpdateNamespace": "namespaces.update",
        "NamespaceService/ListNamespaces": "namespaces.list",
    }.items()
}


def method(
    name: str, policy: Policy | None = GOOD, *, takes: str = ENVELOPE, returns: str = ENVELOPE
) -> MethodDescriptorProto:
    declared = MethodDescriptorProto(name=name, input_type=f".{takes}", output_type=f".{returns}")
    if policy is not None:
        cast("Any", declared.options).Extensions[policy_pb2.policy].CopyFrom(policy)
    return declared


def changed(**fields: str) -> Policy:
    policy = Policy()
    policy.CopyFrom(GOOD)
    for name, value in fields.items():
        setattr(policy, name, value)
    return policy


BAD = {
    "NoPolicy": (method("NoPolicy", None), "has no"),
    "EmptyPolicy": (method("EmptyPolicy", Policy()), "no permission"),
    "NoPermission": (method("NoPermission", changed(permission="")), "no permission"),
    "NoRequest": (method("NoRequest", changed(request="")), "no loaded"),
    "NoResponse": (method("NoResponse", changed(response="")), "no loaded"),
    "UnknownRequest": (method("UnknownRequest", changed(request="shop.v1.X")), "no loaded"),
    "UnknownResponse": (method("UnknownResponse", changed(response="shop.v1.X")), "no loaded"),
    "DottedRequest": (method("DottedRequest", changed(request="." + REQUEST)), "no loaded"),
    "EnumRequest": (method("EnumRequest", changed(request="sealwire.v1.Signer")), "no loaded"),
    "BareRequest": (method("BareRequest", takes=REQUEST), "must take and return"),
    "BareResponse": (method("BareResponse", returns=RESPONSE), "must take and return"),
    "BareBoth": (method("BareBoth", takes=REQUEST, returns=REQUEST), "must take and return"),
}


@pytest.fixture(scope="module", autouse=True)
def orders_proto() -> Iterator[None]:
    file = FileDescriptorProto(
        name="sealwire/tests/orders.proto",
        package="sealwire.tests",
        syntax="proto3",
        dependency=["sealwire/v1/envelope.proto", "sealwire/v1/records.proto"],
    )
    service = file.service.add(name="Orders")
    service.method.add().CopyFrom(method("Place"))
    stream = service.method.add()
    stream.CopyFrom(method("Stream"))
    stream.client_streaming = stream.server_streaming = True
    service.method.extend(declared for declared, _ in BAD.values())
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    yield
    method_policy.cache_clear()


def test_every_method_of_our_services_has_its_policy() -> None:
    declared = {
        f"/{service.full_name}/{name}": service.methods_by_name[name].input_type.full_name
        for file in (identity_pb2, keys_pb2, permissions_pb2, records_pb2, namespaces_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for name in service.methods_by_name
    }
    assert set(declared.values()) == {ENVELOPE}
    assert {path: method_policy(path).permission for path in declared} == PERMISSIONS


@pytest.mark.parametrize("path", PERMISSIONS)
def test_a_methods_messages_are_those_that_its_name_says(path: str) -> None:
    policy, name = method_policy(path), path.rpartition("/")[2]
    assert policy.path == path
    assert policy.request.DESCRIPTOR.full_name == f"sealwire.v1.{name}Request"
    assert policy.response.DESCRIPTOR.full_name == f"sealwire.v1.{name}Response"
    assert not policy.request_streaming
    assert policy.response_streaming == (name == "WatchRecords")
    assert policy.presented_signer == (name == "Enroll")


def test_a_policy_names_the_generated_classes() -> None:
    policy = method_policy("/sealwire.v1.RecordService/GetRecord")
    assert policy.request is records_pb2.GetRecordRequest
    assert policy.response is records_pb2.GetRecordResponse


def test_another_services_method_has_its_policy() -> None:
    assert method_policy(SERVICE + "Place") == MethodPolicy(
        path=SERVICE + "Place",
        request=records_pb2.GetRecordRequest,
        response=records_pb2.GetRecordResponse,
        permission="orders.place",
        presented_signer=False,
        request_streaming=False,
        response_streaming=False,
    )
    streamed = method_policy(SERVICE + "Stream")
    assert (streamed.request_streaming, streamed.response_streaming) == (True, True)


@pytest.mark.parametrize("name", BAD)
def test_a_method_with_a_bad_policy_is_refused(name: str) -> None:  # case 59
    _, because = BAD[name]
    with pytest.raises(PolicyError, match=because):
        method_policy(SERVICE + name)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/sealwire.v1.RecordService",
        "/sealwire.v1.RecordService/",
        "/sealwire.v1.RecordService/Unknown",
        "/sealwire.v1.UnknownService/GetRecord",
        "sealwire.v1.RecordService/GetRecord",
        "//sealwire.v1.RecordService/GetRecord",
        "/sealwire.v1.RecordService//GetRecord",
        "/sealwire.v1.RecordService/GetRecord/",
        "/sealwire.v1.RecordService/GetRecord?x",
        "/sealwire.v1.RecordService/%47etRecord",
        "/sealwire.v1.RecordService/getrecord",
        "/sealwire.v1.recordservice/GetRecord",
        "/.sealwire.v1.RecordService/GetRecord",
        "/sealwire.v1.RecordService/GetRecord\0",
        "/sealwire.v1.RecordService.GetRecord",
        "/sealwire.v1.RecordService/\ud800",
        "/\ud800/GetRecord",
        "http://host/sealwire.v1.RecordService/GetRecord",
    ],
    ids=ascii,
)
def test_a_path_in_any_other_form_is_refused(path: str) -> None:
    with pytest.raises(PolicyError):
        method_policy(path)
