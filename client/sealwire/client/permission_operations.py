"""`client.permissions`: groups, grants, and what follows from them.

client.permissions.grant(Subject(group="payments"), [VERB_READ, VERB_LIST], "team/payments")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sealwire.client.operations import Asyncio, Blocking, Call, operation
from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    SCOPE_SUBTREE,
    AddGroupMemberRequest,
    CreateGrantRequest,
    CreateGroupRequest,
    Decision,
    Effect,
    Grant,
    Group,
    ListGrantsRequest,
    ListGroupsRequest,
    RemoveGrantRequest,
    RemoveGroupMemberRequest,
    Scope,
    Subject,
    TestPermissionsRequest,
    Verb,
)

_SERVICE: Final = "/sealwire.v1.PermissionService"


class PermissionOperations:
    """Deny wins; what nothing allows is denied. ForbiddenError for what the caller may not do."""

    @operation
    def create_group(self, name: str) -> Call[Group]:
        """Make a group without members; for admins. ExistsError if there is one of that name."""
        request = CreateGroupRequest(name=name)
        return Call(f"{_SERVICE}/CreateGroup", request, lambda answer: answer.group)

    @operation
    def add_member(self, group: str, identity: str) -> Call[Group]:
        """Add an identity to a group, if it is not in it; for admins."""
        request = AddGroupMemberRequest(group=group, identity=identity)
        return Call(f"{_SERVICE}/AddGroupMember", request, lambda answer: answer.group)

    @operation
    def remove_member(self, group: str, identity: str) -> Call[Group]:
        """Remove an identity from a group; for admins."""
        request = RemoveGroupMemberRequest(group=group, identity=identity)
        return Call(f"{_SERVICE}/RemoveGroupMember", request, lambda answer: answer.group)

    @operation
    def groups(self) -> Call[tuple[Group, ...]]:
        """Return all groups to an admin; to a member, those that the member is in."""
        request = ListGroupsRequest()
        return Call(f"{_SERVICE}/ListGroups", request, lambda answer: tuple(answer.groups))

    @operation
    def grant(
        self,
        subject: Subject,
        verbs: Iterable[Verb],
        namespace: str,
        *,
        effect: Effect = EFFECT_ALLOW,
        scope: Scope = SCOPE_SUBTREE,
        expires_at: int = 0,
    ) -> Call[tuple[Grant, ...]]:
        """Allow or deny verbs; nobody grants more than they hold. One grant for each verb.

        `expires_at` is in milliseconds since the Unix epoch; 0 for never.
        """
        request = CreateGrantRequest(
            subject=subject,
            verbs=verbs,
            namespace=namespace,
            effect=effect,
            scope=scope,
            expires_at=expires_at,
        )
        return Call(f"{_SERVICE}/CreateGrant", request, lambda answer: tuple(answer.grants))

    @operation
    def ungrant(
        self,
        subject: Subject,
        verbs: Iterable[Verb],
        namespace: str,
        *,
        effect: Effect = EFFECT_ALLOW,
    ) -> Call[tuple[Grant, ...]]:
        """Take verbs back from a subject at exactly this name, and return what was removed."""
        request = RemoveGrantRequest(
            subject=subject, verbs=verbs, namespace=namespace, effect=effect
        )
        return Call(f"{_SERVICE}/RemoveGrant", request, lambda answer: tuple(answer.removed))

    @operation
    def grants(self, namespace: str) -> Call[tuple[Grant, ...]]:
        """Return every grant that covers a namespace, those on its ancestors included."""
        request = ListGrantsRequest(namespace=namespace)
        return Call(f"{_SERVICE}/ListGrants", request, lambda answer: tuple(answer.grants))

    @operation
    def test(
        self, verbs: Iterable[Verb], namespace: str, *, identity: str = ""
    ) -> Call[tuple[Decision, ...]]:
        """Return whether each verb is allowed, and which grant decides.

        About the caller, unless an identity is named: by its name, or the id of one of its keys.
        """
        request = TestPermissionsRequest(identity=identity, verbs=verbs, namespace=namespace)
        return Call(f"{_SERVICE}/TestPermissions", request, lambda answer: tuple(answer.decisions))


class Permissions(PermissionOperations, Blocking):
    """Groups and grants, for `Client`."""


class AsyncPermissions(PermissionOperations, Asyncio):
    """Groups and grants, for `AsyncClient`."""
