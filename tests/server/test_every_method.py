"""Every method of the contract, called by everybody, about everything.

The methods come from the descriptors, so a new one is called here before anybody has thought of it;
who may call it is written below by hand, from docs/permissions.md. A permission that is missing
there fails.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any, Final

import pytest
from google.protobuf.message import Message
from shop.v1 import orders_pb2

import sealwire.server
import sealwire.v1
from sealwire.core.errors import PolicyError
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.core.policy import MethodPolicy, method_policy
from sealwire.core.rotation import rotation_proof
from sealwire.server.permissions import PERMISSIONS, require_rules
from sealwire.storage import IdentityState, KeyState, Transaction, Verb
from sealwire.v1 import (
    identity_pb2,
    keys_pb2,
    namespaces_pb2,
    permissions_pb2,
    records_pb2,
)
from tests.server.members import Member
from tests.server.registry import Registry, registry, serial_of
from tests.server.served import Served
from tests.server.wire import Wire, wire_of

OK, DENIED, MISSING, TAKEN = "OK", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"
UNAUTHENTICATED = "UNAUTHENTICATED"

# --- who calls

INACTIVE = (
    "suspended",
    "removed",
    "with a revoked key",
    "with an expired key",
    "with a revoked certificate",
)
"""Each of them holds every verb and the role of an admin, and would be let through otherwise."""

CALLERS = (
    "owner",
    *(f"only {verb}" for verb in Verb),
    "every other verb",
    "group member",
    "stranger",
    "admin",
    *INACTIVE,
)

# --- about what: a namespace or an identity

OWN, THEIRS, NOTHING = "own", "somebody else's", "missing"
OBJECTS = (THEIRS, NOTHING, OWN)  # own comes last: it may end the caller
NO_OBJECT = (OWN,)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a method about what, and what those hear of what is missing.

    `verbs` are those of which one is enough, on somebody else's namespace. `missing` and `theirs`
    are what whoever may call hears, where that is not that it was done.
    """

    verbs: tuple[str, ...] = ()
    admins: bool = False
    own: bool = False
    objects: tuple[str, ...] = OBJECTS
    missing: str = MISSING
    theirs: str = OK

    def outcome(self, caller: str, about: str) -> str:
        """Return what a caller hears."""
        if caller in INACTIVE:
            return UNAUTHENTICATED
        if about == OWN:
            return OK if self.own or (self.admins and caller == "admin") else DENIED
        holders = {"owner", "group member", *(f"only {verb}" for verb in self.verbs)}
        may = (caller in holders and self.verbs) or (caller == "admin" and self.admins)
        if not may:
            return DENIED
        return self.missing if about == NOTHING else self.theirs


def in_namespace(*verbs: str, missing: str = MISSING) -> Rule:
    """In one's own namespace, and where one holds any of the verbs."""
    return Rule(verbs=verbs, own=True, missing=missing)


EVERYBODY: Final = Rule(own=True, objects=NO_OBJECT)
ADMINS: Final = Rule(admins=True)
SELF_OR_ADMIN: Final = Rule(own=True, admins=True)

TABLE: Final = MappingProxyType(
    {
        "records.read": in_namespace("read"),
        "records.write": in_namespace("write", missing=OK),
        "records.list": in_namespace("list"),
        "records.delete": in_namespace("delete"),
        "records.undelete": in_namespace("write"),
        "records.destroy": in_namespace("delete"),
        "records.transact": in_namespace("read", missing=OK),
        "records.watch": in_namespace("list", missing=OK),
        "namespaces.create": Rule(
            verbs=("write",), objects=(THEIRS, NOTHING), missing=OK, theirs=TAKEN
        ),
        "namespaces.read": in_namespace("list"),
        "namespaces.update": in_namespace("admin"),
        "namespaces.list": EVERYBODY,
        "identities.read_self": EVERYBODY,
        "identities.read": SELF_OR_ADMIN,
        "identities.list": Rule(admins=True, objects=NO_OBJECT),
        "identities.invite": Rule(admins=True, missing=OK),
        "identities.update": ADMINS,
        "identities.remove": ADMINS,
        "identities.erase": ADMINS,
        "certificates.renew": EVERYBODY,
        "certificates.revoke": SELF_OR_ADMIN,
        "keys.rotate": EVERYBODY,
        "keys.list": SELF_OR_ADMIN,
        "keys.revoke": SELF_OR_ADMIN,
        "server_keys.list": EVERYBODY,
        "groups.create": Rule(admins=True, objects=(THEIRS, NOTHING), missing=OK, theirs=TAKEN),
        "groups.add_member": ADMINS,
        "groups.remove_member": ADMINS,
        "groups.list": EVERYBODY,
        "grants.create": in_namespace("share", missing=OK),
        "grants.remove": in_namespace("share", "admin"),
        "grants.list": in_namespace("share", "admin", missing=OK),
        "permissions.test": Rule(verbs=("share", "admin"), admins=True, own=True),
    }
)
"""Grants are tried with the verb share: whoever holds share holds all that this takes. Transactions
are tried with one that reads; which verb each of their operations takes: test_batches.py.
"""

PASSED_OVER: Final = frozenset({"BatchGetRecords"})
"""Methods that pass over what is missing, where others with the same permission say so."""

PRESENTED: Final = frozenset({"identities.enroll"})
"""For keys that are not enrolled yet; whoever has one that is, is refused."""


# --- what is asked


@dataclass(frozen=True, slots=True)
class World:
    """A caller, and what there is beside it."""

    registry: Registry
    caller: Member
    other: Member
    owned: str
    group: str

    def namespace(self, about: str) -> str:
        """Return a namespace: the caller's, the owner's, or one that nobody has made there."""
        own = self.caller.identity.name
        return {OWN: own, THEIRS: self.owned, NOTHING: f"{self.owned}/missing"}[about]

    def identity(self, about: str) -> str:
        """Return a name."""
        names = {OWN: self.caller.identity.name, THEIRS: self.other.identity.name}
        return names.get(about, "no-such-identity")

    def key_id(self, about: str) -> str:
        """Return the id of a key."""
        ids = {OWN: self.caller.key.public_key.key_id, THEIRS: self.other.key.public_key.key_id}
        return ids.get(about, "A" * 43)

    def next_key(self) -> keys_pb2.NextKey:
        """Return a key that may follow the caller's."""
        return rotation_proof(
            PrivateKey.generate(os.urandom),
            audience=self.registry.deployment.config.audience,
            old_public_key_id=self.caller.key.public_key.key_id,
        )


def _new_csr() -> bytes:
    return certificate_request(new_tls_key())


def _grant(world: World, about: str) -> permissions_pb2.CreateGrantRequest:
    return permissions_pb2.CreateGrantRequest(
        subject=permissions_pb2.Subject(identity=world.other.identity.name),
        verbs=[permissions_pb2.VERB_SHARE],
        namespace=world.namespace(about),
        scope=permissions_pb2.SCOPE_SUBTREE,
        effect=permissions_pb2.EFFECT_ALLOW,
    )


def _ungrant(world: World, about: str) -> permissions_pb2.RemoveGrantRequest:
    namespace = world.namespace(about)
    if about != NOTHING:
        world.registry.grant(world.other, [Verb.SHARE], namespace, by=world.caller)
    return permissions_pb2.RemoveGrantRequest(
        subject=permissions_pb2.Subject(identity=world.other.identity.name),
        verbs=[permissions_pb2.VERB_SHARE],
        namespace=namespace,
        effect=permissions_pb2.EFFECT_ALLOW,
    )


def _invite(world: World, about: str) -> identity_pb2.CreateInvitationRequest:
    if about == NOTHING:
        name = world.registry.name("invited")
        return identity_pb2.CreateInvitationRequest(name=name, role="member", valid_seconds=60)
    return identity_pb2.CreateInvitationRequest(
        name=world.identity(about), recover=True, valid_seconds=60
    )


def _transact(world: World, about: str) -> records_pb2.TransactRequest:
    record = records_pb2.RecordAddress(namespace=world.namespace(about), name="record")
    return records_pb2.TransactRequest(operations=[records_pb2.Operation(get=record)])


REQUESTS: Final[dict[str, Callable[[World, str], Message]]] = {
    "GetRecord": lambda world, about: records_pb2.GetRecordRequest(
        namespace=world.namespace(about), name="record"
    ),
    "PutRecord": lambda world, about: records_pb2.PutRecordRequest(
        namespace=world.namespace(about), name="record", value=b"new"
    ),
    "ListRecords": lambda world, about: records_pb2.ListRecordsRequest(
        namespace=world.namespace(about)
    ),
    "DeleteRecord": lambda world, about: records_pb2.DeleteRecordRequest(
        namespace=world.namespace(about), name="record"
    ),
    "BatchGetRecords": lambda world, about: records_pb2.BatchGetRecordsRequest(
        records=[records_pb2.RecordAddress(namespace=world.namespace(about), name="record")]
    ),
    "BatchPutRecords": lambda world, about: records_pb2.BatchPutRecordsRequest(
        records=[records_pb2.RecordInput(namespace=world.namespace(about), name="record")]
    ),
    "ListVersions": lambda world, about: records_pb2.ListVersionsRequest(
        namespace=world.namespace(about), name="record"
    ),
    "UndeleteRecord": lambda world, about: records_pb2.UndeleteRecordRequest(
        namespace=world.namespace(about), name="record"
    ),
    "DestroyVersions": lambda world, about: records_pb2.DestroyVersionsRequest(
        namespace=world.namespace(about), name="record", versions=[1]
    ),
    "Transact": _transact,
    "WatchRecords": lambda world, about: records_pb2.WatchRecordsRequest(
        namespace=world.namespace(about)
    ),
    "CreateNamespace": lambda world, about: namespaces_pb2.CreateNamespaceRequest(
        name=world.namespace(about)
    ),
    "GetNamespace": lambda world, about: namespaces_pb2.GetNamespaceRequest(
        name=world.namespace(about)
    ),
    "UpdateNamespace": lambda world, about: namespaces_pb2.UpdateNamespaceRequest(
        name=world.namespace(about), keep_versions=3
    ),
    "ListNamespaces": lambda world, about: namespaces_pb2.ListNamespacesRequest(
        under=world.namespace(about)
    ),
    "WhoAmI": lambda _world, _: identity_pb2.WhoAmIRequest(),
    "GetIdentity": lambda world, about: identity_pb2.GetIdentityRequest(
        identity=world.identity(about)
    ),
    "ListIdentities": lambda _world, _: identity_pb2.ListIdentitiesRequest(),
    "CreateInvitation": _invite,
    "UpdateIdentity": lambda world, about: identity_pb2.UpdateIdentityRequest(
        identity=world.identity(about), labels=identity_pb2.Labels(entries={"a": "b"})
    ),
    "RemoveIdentity": lambda world, about: identity_pb2.RemoveIdentityRequest(
        identity=world.identity(about)
    ),
    "EraseIdentity": lambda world, about: identity_pb2.EraseIdentityRequest(
        identity=world.identity(about)
    ),
    "Enroll": lambda _world, _: identity_pb2.EnrollRequest(
        invitation_id="none", token=bytes(32), certificate_request=_new_csr()
    ),
    "RenewCertificate": lambda _world, _: keys_pb2.RenewCertificateRequest(
        certificate_request=_new_csr()
    ),
    "RevokeCertificate": lambda world, about: keys_pb2.RevokeCertificateRequest(
        public_key_id=world.key_id(about), serial="1"
    ),
    "RotateKey": lambda world, _: keys_pb2.RotateKeyRequest(next_key=world.next_key()),
    "ListKeys": lambda world, about: keys_pb2.ListKeysRequest(identity=world.identity(about)),
    "RevokeKey": lambda world, about: keys_pb2.RevokeKeyRequest(public_key_id=world.key_id(about)),
    "ListServerKeys": lambda _world, _: keys_pb2.ListServerKeysRequest(),
    "CreateGroup": lambda world, about: permissions_pb2.CreateGroupRequest(
        name=world.group if about == THEIRS else world.registry.name("group")
    ),
    "AddGroupMember": lambda world, about: permissions_pb2.AddGroupMemberRequest(
        group=world.registry.group(), identity=world.identity(about)
    ),
    "RemoveGroupMember": lambda world, about: permissions_pb2.RemoveGroupMemberRequest(
        group=world.registry.group(world.caller, world.other), identity=world.identity(about)
    ),
    "ListGroups": lambda _world, _: permissions_pb2.ListGroupsRequest(),
    "CreateGrant": _grant,
    "RemoveGrant": _ungrant,
    "ListGrants": lambda world, about: permissions_pb2.ListGrantsRequest(
        namespace=world.namespace(about)
    ),
    "TestPermissions": lambda world, about: permissions_pb2.TestPermissionsRequest(
        identity=world.identity(about), verbs=[permissions_pb2.VERB_READ], namespace=world.owned
    ),
}


# --- the walk


def modules_of(package: ModuleType) -> list[Any]:
    """Return every module of a package."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    return [importlib.import_module(name) for name in names]


def declared() -> list[MethodPolicy]:
    """Return every method that a .proto of ours declares."""
    return [
        method_policy(f"/{service.full_name}/{method.name}")
        for module in modules_of(sealwire.v1)
        if module.__name__.endswith("_pb2")
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def name_of(method: MethodPolicy) -> str:
    """Return a method's name, which no two services have in common."""
    return method.path.rpartition("/")[2]


METHODS: Final = declared()
CALLED: Final = [method for method in METHODS if method.permission not in PRESENTED]


@pytest.fixture(scope="module")
def house(server: Served) -> Iterator[Registry]:
    """The shared server's store, with an admin who stays."""
    with registry(server.deployment, server.clock) as opened:
        opened.member("keeper", role="admin")
        yield opened


def make_world(house: Registry, caller_kind: str, verbs: Collection[str]) -> World:
    """Return the world of one test: `verbs` are those that the method takes."""
    inactive = caller_kind in INACTIVE
    role = "admin" if caller_kind == "admin" or inactive else "member"
    caller, other = house.member("caller", role=role), house.member("other")
    owner = caller if caller_kind == "owner" else house.member("owner")
    owned = house.name("owned")
    house.claim(owner, owned, record=b"value")
    house.claim(caller, caller.identity.name, record=b"value")
    needed = [verb for verb in Verb if verb in verbs]
    if caller_kind.startswith("only "):
        house.grant(caller, [Verb(caller_kind.removeprefix("only "))], owned)
    elif caller_kind == "every other verb":
        house.grant(caller, [verb for verb in Verb if verb not in verbs], owned)
    elif caller_kind == "group member":
        house.grant(house.group(caller), needed[:1], owned)
    elif inactive:
        house.grant(caller, Verb, owned)
        house.store.write_blocking(lambda tx: end(tx, house, caller, caller_kind))
    return World(house, caller, other, owned, house.group(other))


def end(tx: Transaction, house: Registry, member: Member, how: str) -> None:
    """Bring a member into one of the inactive states."""
    key, now = tx.keys.find(member.key.public_key.key_id), house.clock()
    assert key is not None
    if how == "suspended":
        tx.identities.set_state(house.row(tx, member), IdentityState.SUSPENDED)
    elif how == "removed":
        tx.identities.set_state(house.row(tx, member), IdentityState.REMOVED)
    elif how == "with a revoked key":
        tx.keys.end(key, KeyState.REVOKED, now=now)
    elif how == "with an expired key":
        tx.keys.expire(key, at=now)
    else:
        tx.keys.revoke_certificate(key.public_key.key_id, serial_of(member), now=now)


def rule_of(method: MethodPolicy) -> Rule:
    """Return who may call a method, and what they hear."""
    rule = TABLE[method.permission]
    return dataclasses.replace(rule, missing=OK) if name_of(method) in PASSED_OVER else rule


def heard(line: Wire, world: World, method: MethodPolicy, about: str) -> str:
    """Return what a caller hears from a method about something."""
    request = REQUESTS[name_of(method)](world, about)
    assert type(request) is method.request
    ask = line.first if method.response_streaming else line.answer
    statement = ask(method.path, world.caller.signed(method.path, request))
    return statement.status.reason if statement.HasField("status") else OK


# case 48, case 53, case 59
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("method", CALLED, ids=name_of)
def test_a_method_is_open_to_exactly_those_whom_the_table_names(
    house: Registry, method: MethodPolicy, caller: str
) -> None:
    rule = rule_of(method)
    world = make_world(house, caller, rule.verbs)
    with wire_of(world.caller) as line:
        outcomes = {about: heard(line, world, method, about) for about in rule.objects}
    assert outcomes == {about: rule.outcome(caller, about) for about in rule.objects}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("permission", sorted(PRESENTED))
def test_a_method_for_keys_that_are_not_enrolled_is_closed_to_those_that_are(
    house: Registry, permission: str, caller: str
) -> None:
    (method,) = [method for method in METHODS if method.permission == permission]
    world = make_world(house, caller, ())
    signed = world.caller.signed(method.path, REQUESTS[name_of(method)](world, OWN))
    presented = world.caller.key.public_key.raw
    with wire_of(world.caller) as line:
        refusal = line.refusal(method.path, signed, presented=presented)
    assert refusal.reason == UNAUTHENTICATED


def test_every_permission_of_the_contract_is_in_the_table_and_nothing_else() -> None:
    named = {method.permission for method in METHODS}
    assert named == set(TABLE) | PRESENTED == set(PERMISSIONS)
    assert {name_of(method) for method in METHODS} == set(REQUESTS)


def test_a_permission_belongs_to_one_method_or_to_those_that_do_the_same_to_several() -> None:
    shared: dict[str, set[str]] = {}
    for method in METHODS:
        shared.setdefault(method.permission, set()).add(name_of(method))
    assert {frozenset(names) for names in shared.values() if len(names) > 1} == {
        frozenset({"PutRecord", "BatchPutRecords"}),
        frozenset({"GetRecord", "BatchGetRecords"}),
        frozenset({"ListRecords", "ListVersions"}),
    }


# --- the mechanism


# case 59
def test_a_permission_that_no_rule_gives_keeps_the_server_from_starting() -> None:
    service = orders_pb2.DESCRIPTOR.services_by_name["OrderService"]
    method = method_policy(f"/{service.full_name}/PlaceOrder")
    with pytest.raises(PolicyError, match=r"'orders\.place', which no rule gives"):
        require_rules([*METHODS, method])
    require_rules(METHODS)


def test_no_service_goes_around_the_decision_to_the_store() -> None:
    """`tx` asks whether anything was decided; `rights.tx` is for those who decide."""
    services = [m for m in modules_of(sealwire.server) if m.__name__.endswith("_service")]
    assert len(services) == 5
    for module in services:
        attributes = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(inspect.getsource(module)))
            if isinstance(node, ast.Attribute) and node.attr in {"tx", "store"}
        }
        assert attributes <= {"auth.tx"}, module.__name__
