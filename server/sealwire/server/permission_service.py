"""PermissionService: groups, grants, and why something is allowed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealwire.core.errors import MalformedError, NotFoundError, PermissionDeniedError
from sealwire.core.names import check_identity_name, check_namespace
from sealwire.interceptors import Call
from sealwire.server.authorization import Authorization
from sealwire.server.explanations import explain
from sealwire.server.grantor import Grantor
from sealwire.server.guard import Guard
from sealwire.server.messages import effect_of, grant_messages, scope_of, subject_of, verbs_of
from sealwire.server.naming import existing, find_present
from sealwire.storage import (
    ADMIN_ROLE,
    Effect,
    GrantRow,
    GroupRow,
    IdentityRow,
    SubjectKind,
    Transaction,
)
from sealwire.v1.permissions_pb2 import (
    AddGroupMemberRequest,
    AddGroupMemberResponse,
    CreateGrantRequest,
    CreateGrantResponse,
    CreateGroupRequest,
    CreateGroupResponse,
    Group,
    ListGrantsRequest,
    ListGrantsResponse,
    ListGroupsRequest,
    ListGroupsResponse,
    RemoveGrantRequest,
    RemoveGrantResponse,
    RemoveGroupMemberRequest,
    RemoveGroupMemberResponse,
    TestPermissionsRequest,
    TestPermissionsResponse,
)
from sealwire.v1.permissions_pb2_grpc import PermissionServiceServicer

_OWN_GAIN: Final = "You can't {what} yourself: you would come to rights that you don't hold."


@dataclass(frozen=True, slots=True)
class PermissionService(PermissionServiceServicer):
    """Groups are changed by admins, grants by those who hold what they grant."""

    guard: Guard

    async def CreateGroup(self, request: CreateGroupRequest, call: Call) -> CreateGroupResponse:
        """Add a group without members."""
        name = check_identity_name(request.name)

        def unit(auth: Authorization) -> CreateGroupResponse:
            auth.admin()
            return CreateGroupResponse(
                group=_group(auth, auth.tx.groups.create(name, now=auth.now))
            )

        return await self.guard.mutate(call, request, unit)

    async def AddGroupMember(
        self, request: AddGroupMemberRequest, call: Call
    ) -> AddGroupMemberResponse:
        """Add an identity to a group; oneself only without gain."""

        def unit(auth: Authorization) -> AddGroupMemberResponse:
            admin = auth.admin()
            group, identity = _both(auth, request.group, request.identity)
            if identity.id == admin.id:
                _require_no_gain_by_joining(auth, group)
            if auth.tx.groups.add_member(group, identity.id, now=auth.now):
                auth.record(identity, "group.joined", group.name)
            return AddGroupMemberResponse(group=_group(auth, group))

        return await self.guard.mutate(call, request, unit)

    async def RemoveGroupMember(
        self, request: RemoveGroupMemberRequest, call: Call
    ) -> RemoveGroupMemberResponse:
        """Remove an identity from a group; oneself only if the group is denied nothing."""

        def unit(auth: Authorization) -> RemoveGroupMemberResponse:
            admin = auth.admin()
            group, identity = _both(auth, request.group, request.identity)
            if identity.id == admin.id and _denied_anything(auth, group):
                raise PermissionDeniedError(_OWN_GAIN.format(what="remove"))
            if not auth.tx.groups.remove_member(group, identity.id):
                raise NotFoundError("The identity is not in this group.")
            auth.record(identity, "group.left", group.name)
            return RemoveGroupMemberResponse(group=_group(auth, group))

        return await self.guard.mutate(call, request, unit)

    async def ListGroups(self, _request: ListGroupsRequest, call: Call) -> ListGroupsResponse:
        """Return the groups that the caller may see."""

        def unit(auth: Authorization) -> ListGroupsResponse:
            caller = auth.enrolled()
            groups = auth.tx.groups
            seen = groups.all() if caller.role == ADMIN_ROLE else groups.holding(caller.id)
            return ListGroupsResponse(groups=[_group(auth, group) for group in seen])

        return await self.guard.read(call, unit)

    async def CreateGrant(self, request: CreateGrantRequest, call: Call) -> CreateGrantResponse:
        """Allow or deny verbs, as far as the caller may."""
        namespace, verbs = check_namespace(request.namespace), verbs_of(request.verbs)
        kind, named = subject_of(request.subject)
        scope, effect = scope_of(request.scope), effect_of(request.effect)

        def unit(auth: Authorization) -> CreateGrantResponse:
            grantor = auth.grantor(namespace)
            if request.expires_at and request.expires_at <= auth.now:
                raise MalformedError("A grant can't end in the past.")
            subject_id = _subject_id(auth.tx, kind, named)
            made = [
                GrantRow(
                    subject_kind=kind,
                    subject_id=subject_id,
                    verb=verb,
                    namespace=namespace,
                    scope=scope,
                    effect=effect,
                    expires_at=request.expires_at or None,
                    granted_by=auth.caller.identity.id,
                    created_at=auth.now,
                )
                for verb in verbs
            ]
            in_force = [_agreed(auth.tx, grantor, grant) for grant in made]
            for grant in in_force:
                if grant in made:
                    auth.tx.grants.put(grant)
            return CreateGrantResponse(grants=grant_messages(auth.tx, in_force))

        return await self.guard.mutate(call, request, unit)

    async def RemoveGrant(self, request: RemoveGrantRequest, call: Call) -> RemoveGrantResponse:
        """Take back what was granted at exactly this name: all that is asked, or nothing."""
        namespace, verbs = check_namespace(request.namespace), verbs_of(request.verbs)
        kind, named = subject_of(request.subject)
        effect = effect_of(request.effect)

        def unit(auth: Authorization) -> RemoveGrantResponse:
            grantor = auth.grantor(namespace)
            subject_id = _subject_id(auth.tx, kind, named)
            there = auth.tx.grants.at(namespace, subject_id=subject_id)
            meant = [grant for grant in there if grant.effect == effect and grant.verb in verbs]
            if {grant.verb for grant in meant} != set(verbs):
                raise NotFoundError("Not all of this was granted at exactly this name.")
            for grant in meant:
                grantor.require_may_remove(grant)
            for grant in meant:
                auth.tx.grants.remove(grant)
            return RemoveGrantResponse(removed=grant_messages(auth.tx, meant))

        return await self.guard.mutate(call, request, unit)

    async def ListGrants(self, request: ListGrantsRequest, call: Call) -> ListGrantsResponse:
        """Return every grant that covers a namespace."""
        namespace = check_namespace(request.namespace)

        def unit(auth: Authorization) -> ListGrantsResponse:
            auth.grantor(namespace)
            rows = auth.tx.grants.covering_all(namespace)
            return ListGrantsResponse(grants=grant_messages(auth.tx, rows))

        return await self.guard.read(call, unit)

    async def TestPermissions(
        self, request: TestPermissionsRequest, call: Call
    ) -> TestPermissionsResponse:
        """Say what an identity may do in a namespace, and why."""
        namespace, verbs = check_namespace(request.namespace), verbs_of(request.verbs)

        def unit(auth: Authorization) -> TestPermissionsResponse:
            identity = auth.asked_about(request.identity, namespace)
            decisions = auth.rights.decisions(identity.id, namespace, now=auth.now)
            return TestPermissionsResponse(
                decisions=[explain(auth.tx, identity, verb, decisions[verb]) for verb in verbs]
            )

        return await self.guard.read(call, unit)


def _agreed(tx: Transaction, grantor: Grantor, grant: GrantRow) -> GrantRow:
    """Return what is to be in force: the grant, or an equal or wider one that stays as it is."""
    grantor.require_may_put(grant)
    for present in tx.grants.at(grant.namespace, subject_id=grant.subject_id):
        if present.address != grant.address or not present.in_force(grantor.now):
            continue
        if present.lasts_as_long_as(grant):
            return present
        if grant.effect == Effect.ALLOW:  # a longer denial takes nothing back
            grantor.require_may_remove(present)
    return grant


def _require_no_gain_by_joining(auth: Authorization, group: GroupRow) -> None:
    for grant in auth.tx.grants.of_subject(group.id):
        if grant.effect == Effect.ALLOW and grant.in_force(auth.now):
            grantor = Grantor(auth.rights, auth.caller.identity.id, grant.namespace, auth.now)
            if not grantor.holds(grant):
                raise PermissionDeniedError(_OWN_GAIN.format(what="add"))


def _denied_anything(auth: Authorization, group: GroupRow) -> bool:
    return any(
        grant.effect == Effect.DENY and grant.in_force(auth.now)
        for grant in auth.tx.grants.of_subject(group.id)
    )


def _both(auth: Authorization, group: str, identity: str) -> tuple[GroupRow, IdentityRow]:
    return _existing_group(auth.tx, group), existing(find_present(auth.tx, identity))


def _subject_id(tx: Transaction, kind: SubjectKind, named: str) -> str:
    if kind == SubjectKind.GROUP:
        return _existing_group(tx, named).id
    return existing(find_present(tx, named)).id


def _existing_group(tx: Transaction, name: str) -> GroupRow:
    found = tx.groups.find(name)
    if found is None:
        raise NotFoundError("There is no group of this name.")
    return found


def _group(auth: Authorization, row: GroupRow) -> Group:
    return Group(name=row.name, members=auth.tx.groups.member_names(row), created_at=row.created_at)
