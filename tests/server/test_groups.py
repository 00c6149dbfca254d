"""Groups: members hold what they are granted, and admins fill them, but not for themselves."""

from __future__ import annotations

import uuid

import pytest

from sealwire.v1.permissions_pb2 import SCOPE_EXACT
from tests.server.cast import Actor, Cast, exact, outcome, refused
from tests.server.test_names import REFUSED

DENIED, MISSING = "PERMISSION_DENIED", "NOT_FOUND"
MINUTE = 60_000


@pytest.fixture
def admin(cast: Cast) -> Actor:
    return cast.admin()


def members(viewer: Actor, group: str) -> list[str]:
    """Return the names of a group's members, as somebody sees them."""
    return {g.name: list(g.members) for g in viewer.client.permissions.groups()}[group]


# --- what membership gives


def test_a_member_holds_what_its_groups_are_granted_from_the_next_request_on(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    group, other = cast.group(admin), cast.group(admin)
    owner.grant(group, "read", owned)
    owner.grant(other, "list", owned)
    seen = [guest.does(owned)]
    for change in (admin.client.permissions.add_member, admin.client.permissions.remove_member):
        for name in (group, other):
            change(name, guest.name)
            seen.append(guest.does(owned))
    assert seen == ["", "read", "read list", "list", ""]


# case 54
def test_a_denial_to_a_group_wins_over_an_allow_to_its_member_and_the_other_way_round(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(admin, guest)
    owner.grant(guest, "read", owned)
    owner.deny(group, "read", owned)
    assert guest.does(owned) == ""
    owner.undeny(group, "read", owned)
    owner.grant(group, "list", owned)
    owner.deny(guest, "list", owned)
    assert guest.does(owned) == "read"


def test_a_member_grants_by_what_its_group_holds(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    group, third = cast.group(admin, guest), cast.join()
    owner.grant(group, "read share", owned)
    guest.grant(third, "read", owned)
    assert refused(guest.grant, third, "list", owned) == DENIED
    admin.client.permissions.remove_member(group, guest.name)
    assert refused(guest.grant, third, "read", owned) == DENIED
    assert third.does(owned) == "read"  # the grant is the third's own


def test_a_group_is_granted_to_as_a_whole_and_members_of_other_groups_get_nothing(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    third = cast.join()
    group, _ = cast.group(admin, guest), cast.group(admin, third)
    owner.grant(group, "read", owned)
    assert (guest.does(owned), third.does(owned)) == ("read", "")


# --- who changes groups


def test_only_admins_make_and_change_groups(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor
) -> None:
    group = cast.group(admin, guest)
    permissions = guest.client.permissions
    for name in (group, "no-such-group"):
        assert refused(permissions.create_group, name) == DENIED
        for whom in (owner.name, guest.name, "no-such-name"):
            assert refused(permissions.add_member, name, whom) == DENIED
            assert refused(permissions.remove_member, name, whom) == DENIED
    assert members(admin, group) == [guest.name]


def test_a_change_answers_with_the_group_and_is_recorded_with_who_made_it(
    cast: Cast, admin: Actor, guest: Actor
) -> None:
    group = cast.group(admin)
    added = admin.client.permissions.add_member(group, guest.key_id)  # named by its key
    assert (added.name, list(added.members)) == (group, [guest.name])
    assert list(admin.client.permissions.add_member(group, guest.name).members) == [guest.name]
    assert list(admin.client.permissions.remove_member(group, guest.name).members) == []
    assert refused(admin.client.permissions.remove_member, group, guest.name) == MISSING
    events = guest.client.identities.get(guest.name).events
    assert [(e.kind, e.detail, e.actor, e.actor_key_id) for e in events[:2]] == [
        ("group.left", group, admin.name, admin.key_id),
        ("group.joined", group, admin.name, admin.key_id),
    ]
    assert [event.kind for event in events].count("group.joined") == 1


def test_a_group_that_does_not_exist_and_an_identity_that_does_not_are_not_found(
    cast: Cast, admin: Actor, guest: Actor
) -> None:
    group = cast.group(admin)
    for change in (admin.client.permissions.add_member, admin.client.permissions.remove_member):
        assert refused(change, f"{group}x", guest.name) == MISSING
        assert refused(change, group, f"{guest.name}x") == MISSING
    assert refused(admin.client.permissions.create_group, group) == "ALREADY_EXISTS"


def test_whoever_is_removed_leaves_every_group_and_can_not_be_put_into_one(
    cast: Cast, admin: Actor, guest: Actor
) -> None:
    group, other = cast.group(admin, guest), cast.group(admin)
    admin.client.identities.remove(guest.name)
    assert members(admin, group) == []
    assert refused(admin.client.permissions.add_member, other, guest.name) == MISSING


# case 49, case 51
@pytest.mark.parametrize("text", [*REFUSED, "a/b", "group:x", "A" * 43], ids=ascii)
def test_a_groups_name_of_another_form_is_refused(admin: Actor, text: str) -> None:
    assert refused(admin.client.permissions.create_group, text) == "MALFORMED"


# case 51, case 52
def test_groups_whose_names_look_alike_are_kept_apart(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    stem = uuid.uuid4().hex
    twins = [f"{stem}{end}" for end in ("x", "X", "\u0445", "\uff58", "*", "%", "_", "x ")]
    for name in twins:
        admin.client.permissions.create_group(name)
    admin.client.permissions.add_member(twins[0], guest.name)
    for name in twins[1:]:
        owner.grant(name, "read", owned)
    assert guest.does(owned) == ""
    owner.grant(twins[0], "read", owned)
    assert guest.does(owned) == "read"


# --- who sees groups


# case 55
def test_a_member_sees_its_own_groups_and_an_admin_sees_all(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor
) -> None:
    shared, own = cast.group(admin, owner, guest), cast.group(admin, guest)
    assert [g.name for g in guest.client.permissions.groups()] == sorted([shared, own])
    assert [g.name for g in owner.client.permissions.groups()] == [shared]
    assert members(owner, shared) == sorted([owner.name, guest.name])
    assert {shared, own} <= {g.name for g in admin.client.permissions.groups()}
    assert cast.join().client.permissions.groups() == ()


# --- nobody changes their own membership to their own gain


# case 53
@pytest.mark.parametrize("verb", ["read", "write", "delete", "list", "share", "admin"])
def test_an_admin_does_not_join_a_group_that_holds_what_the_admin_does_not(
    cast: Cast, admin: Actor, owner: Actor, owned: str, verb: str
) -> None:
    group = cast.group(admin)
    owner.grant(group, verb, f"{owned}/deep")
    for named in (admin.name, admin.key_id):
        assert refused(admin.client.permissions.add_member, group, named) == DENIED
    assert members(admin, group) == []
    owner.grant(admin, verb, owned)
    admin.client.permissions.add_member(group, admin.name)
    assert members(admin, group) == [admin.name]


# case 53
def test_what_the_admin_holds_must_reach_as_far_as_what_the_group_holds(
    cast: Cast, admin: Actor, owner: Actor, owned: str
) -> None:
    group, exactly = cast.group(admin), cast.group(admin)
    owner.grant(group, "read", owned)
    exact(owner, exactly, "read", owned)
    exact(owner, admin, "read", owned)
    admin.client.permissions.add_member(exactly, admin.name)
    assert refused(admin.client.permissions.add_member, group, admin.name) == DENIED
    owner.grant(admin, "read", owned)
    owner.deny(admin, "read", f"{owned}/secret", scope=SCOPE_EXACT)
    assert refused(admin.client.permissions.add_member, group, admin.name) == DENIED


# case 53
def test_what_the_admin_holds_must_last_as_long_as_what_the_group_holds(
    own_cast: Cast, namespace: str
) -> None:
    admin, owner, clock = own_cast.admin(), own_cast.join(), own_cast.house.clock
    owner.client.put(namespace, "record", b"")
    group = own_cast.group(admin)
    owner.grant(group, "read", namespace, expires_at=clock() + MINUTE)
    owner.grant(admin, "read", namespace, expires_at=clock() + MINUTE - 1)
    assert refused(admin.client.permissions.add_member, group, admin.name) == DENIED
    clock.advance(MINUTE)  # now nobody holds anything
    admin.client.permissions.add_member(group, admin.name)
    assert admin.can(namespace) == ""


# case 53
def test_an_admin_does_not_leave_a_group_that_is_denied_something(
    cast: Cast, admin: Actor, owner: Actor, owned: str
) -> None:
    group, other = cast.group(admin, admin), cast.group(admin, admin)
    owner.grant(admin, "read list", owned)
    owner.deny(group, "read", owned)
    assert refused(admin.client.permissions.remove_member, group, admin.name) == DENIED
    assert admin.does(owned) == "list"
    admin.client.permissions.remove_member(other, admin.name)
    second = cast.admin()  # deliberate, and recorded with who did it
    second.client.permissions.remove_member(group, admin.name)
    assert admin.does(owned) == "read list"
    assert admin.client.identities.get(admin.name).events[0].actor == second.name


def test_a_denial_that_has_ended_keeps_nobody_in_a_group(own_cast: Cast, namespace: str) -> None:
    admin, owner, clock = own_cast.admin(), own_cast.join(), own_cast.house.clock
    owner.client.put(namespace, "record", b"")
    group = own_cast.group(admin, admin)
    owner.deny(group, "read", namespace, expires_at=clock() + 1)
    assert refused(admin.client.permissions.remove_member, group, admin.name) == DENIED
    clock.advance(1)
    admin.client.permissions.remove_member(group, admin.name)


def test_an_admin_can_put_others_into_a_group_and_that_is_recorded(
    cast: Cast, admin: Actor, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(admin)
    owner.grant(group, "read", owned)
    assert outcome(admin.client.permissions.add_member, group, guest.name) == "OK"
    assert guest.does(owned) == "read"
    assert guest.client.identities.get(guest.name).events[0].actor == admin.name
