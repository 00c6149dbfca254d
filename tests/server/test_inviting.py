"""Admins invite: the operator's own `invite` in a signed request, and nobody else's to make."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from sealwire.core.invitation import Invitation
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import CreateInvitationRequest
from sealwire.v1.keys_pb2 import KEY_STATE_ROTATED
from tests.server.applicants import certificate_for, received, refusal
from tests.server.cast import Actor, Cast, refused
from tests.server.keyring import rotated
from tests.server.members import enrol
from tests.server.wire import UNAUTHENTICATED, wire_of

INVITE = "/sealwire.v1.IdentityService/CreateInvitation"
DAY = 24 * 60 * 60
SOON_MS = 4 * 60 * 1000
NO_RIGHT = Status(code=7, reason="PERMISSION_DENIED", message="You have no right to this.")


@pytest.mark.parametrize("role", ["member", "admin"])
def test_an_admin_invites_somebody_who_joins_as_what_the_invitation_says(
    cast: Cast, name: str, role: str
) -> None:
    admin, house = cast.admin(), cast.house
    invitation = received(house, admin.client.identities.invite(name, role=role))
    assert (invitation.name, invitation.expires_at) == (name, house.clock() + DAY * 1000)
    joined = cast.enter(enrol(invitation, clock=house.clock))
    assert (joined.client.whoami().name, joined.client.whoami().role) == (name, role)


def test_an_invitation_says_how_the_server_is_known(cast: Cast, name: str) -> None:
    told = Invitation.from_json(cast.admin().client.identities.invite(name)).server
    assert dataclasses.replace(told, address=cast.house.identity.address) == cast.house.identity


def test_who_invited_whom_is_written_down(cast: Cast, name: str) -> None:
    admin = cast.admin()
    joined = cast.enter(
        enrol(received(cast.house, admin.client.identities.invite(name)), clock=cast.house.clock)
    )
    (invited, _) = admin.client.identities.get(admin.name).events
    assert (invited.kind, invited.detail) == ("invitation.created", name)
    assert (invited.actor, invited.actor_key_id) == (admin.name, admin.key_id)
    (enrolled,) = admin.client.identities.get(name).events
    assert (enrolled.kind, enrolled.detail) == ("identity.enrolled", joined.key_id)
    assert (enrolled.actor, enrolled.actor_key_id) == (name, joined.key_id)


def test_a_member_invites_nobody_and_learns_of_nobody(cast: Cast, name: str) -> None:
    admin, member, other = cast.admin(), cast.join(), cast.join()
    requests = [
        CreateInvitationRequest(name=named, role=role, valid_seconds=DAY, recover=recover)
        for recover, role in ((False, "member"), (False, "admin"), (True, ""))
        for named in (name, other.name, member.name, admin.name)
    ]
    requests += [CreateInvitationRequest(name=name, role="member", valid_seconds=0)]
    requests += [CreateInvitationRequest(name=other.key_id, valid_seconds=DAY, recover=True)]
    with wire_of(member.member) as line:
        for request in requests:
            assert line.refusal(INVITE, member.member.signed(INVITE, request)) == NO_RIGHT
    assert [event.kind for event in admin.client.identities.get(other.name).events] == [
        "identity.enrolled"
    ]


# case 49, case 51
@pytest.mark.parametrize(
    "named",
    [
        *("", "a/b", "..", "x" * 513, "e\u0301", "a\x1b[2Jb", "a\0b"),
        *("group:", "group:team", "A" * 43, "Zm9v-_" * 7 + "A"),
    ],
)
def test_a_name_that_may_be_taken_for_something_else_is_refused(cast: Cast, named: str) -> None:
    invite = cast.admin().client.identities.invite
    assert refused(invite, named) == "MALFORMED"


# case 51
@pytest.mark.parametrize("named", ["A" * 42, "A" * 44, "A" * 42 + ".", "Group:x", "groups"])
def test_a_name_that_only_resembles_those_is_given(cast: Cast, named: str) -> None:
    assert received(cast.house, cast.admin().client.identities.invite(named)).name == named


@pytest.mark.parametrize("role", ["", "owner", "Admin", "admin "])
def test_a_role_that_is_none_is_refused(cast: Cast, name: str, role: str) -> None:
    assert refused(cast.admin().client.identities.invite, name, role=role) == "MALFORMED"


@pytest.mark.parametrize("seconds", [1, 7, 59, 3_599, 86_399, 1_234_567, 30 * DAY])
def test_an_invitation_ends_as_many_seconds_later_as_was_asked_for(
    cast: Cast, name: str, seconds: int
) -> None:
    data = cast.admin().client.identities.invite(name, valid_seconds=seconds)
    assert Invitation.from_json(data).expires_at == cast.house.clock() + seconds * 1000


@pytest.mark.parametrize("seconds", [0, 30 * DAY + 1, 2**32 - 1])
def test_an_invitation_for_no_time_or_for_too_long_is_refused(
    cast: Cast, name: str, seconds: int
) -> None:
    invite = cast.admin().client.identities.invite
    assert refused(invite, name, valid_seconds=seconds) == "MALFORMED"


def test_a_name_that_is_taken_stays_taken_whatever_became_of_its_owner(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    invite = admin.client.identities.invite
    assert refused(invite, member.name) == "ALREADY_EXISTS"
    admin.client.identities.suspend(member.name)
    assert refused(invite, member.name) == "ALREADY_EXISTS"
    admin.client.identities.remove(member.name)
    assert refused(invite, member.name) == "ALREADY_EXISTS"


def test_an_invitation_is_good_once(cast: Cast, name: str) -> None:
    invitation = received(cast.house, cast.admin().client.identities.invite(name))
    joined = cast.enter(enrol(invitation, clock=cast.house.clock))
    assert refusal(cast.house, invitation) == UNAUTHENTICATED
    assert joined.client.whoami().name == name


def test_an_invitation_is_good_until_the_tick_before_its_end(own_cast: Cast) -> None:
    house, invite = own_cast.house, own_cast.admin().client.identities.invite
    punctual, late = (
        received(house, invite(name, valid_seconds=3600)) for name in ("punctual", "late")
    )
    lasting = {each.name: certificate_for(house, each.invitation_id) for each in (punctual, late)}
    house.clock.advance(3600 * 1000 - 1)
    wrong = dataclasses.replace(punctual, token=bytes(32))
    assert refusal(house, wrong, tls=lasting["punctual"]) == UNAUTHENTICATED
    joined = enrol(punctual, clock=house.clock, tls=lasting["punctual"])
    assert joined.identity.name == "punctual"
    house.clock.advance(1)
    assert refusal(house, late, tls=lasting["late"]) == UNAUTHENTICATED


def test_an_invitation_is_good_at_its_own_server_only(
    cast: Cast, own_cast: Cast, name: str
) -> None:
    elsewhere = received(own_cast.house, own_cast.admin().client.identities.invite(name))
    tls = certificate_for(cast.house, elsewhere.invitation_id)
    assert refusal(cast.house, elsewhere, tls=tls) == UNAUTHENTICATED
    assert enrol(elsewhere, clock=own_cast.house.clock).identity.name == name


# An invitation is as good as whoever made it.


def suspended(by: Actor, inviter: Actor) -> None:
    by.client.identities.suspend(inviter.name)


def demoted(by: Actor, inviter: Actor) -> None:
    by.client.identities.demote(inviter.name)


def removed(by: Actor, inviter: Actor) -> None:
    by.client.identities.remove(inviter.name)


def bereft_of_the_key(by: Actor, inviter: Actor) -> None:
    by.client.keys.revoke(inviter.key_id)


def recovered(by: Actor, inviter: Actor) -> None:
    invitation = dataclasses.replace(
        Invitation.from_json(by.client.identities.recover(inviter.name)),
        server=inviter.member.server,
    )
    enrol(invitation, clock=inviter.member.clock)


# case 17, case 53
@pytest.mark.parametrize("become", [suspended, demoted, removed, bereft_of_the_key, recovered])
def test_who_may_not_invite_any_more_has_invited_nobody(
    cast: Cast, name: str, become: Callable[[Actor, Actor], None]
) -> None:
    admin, inviter, lost = cast.admin(), cast.admin(), cast.join()
    invitations = [
        received(cast.house, inviter.client.identities.invite(name, role="admin")),
        received(cast.house, inviter.client.identities.recover(lost.name)),
    ]
    become(admin, inviter)
    for invitation in invitations:
        assert refusal(cast.house, invitation) == UNAUTHENTICATED
    assert lost.client.whoami() == lost.member.identity
    anew = received(cast.house, admin.client.identities.invite(name))
    assert enrol(anew, clock=cast.house.clock).identity.role == "member"


def test_an_inviter_who_is_resumed_has_invited(cast: Cast, name: str) -> None:
    admin, inviter = cast.admin(), cast.admin()
    invitation = received(cast.house, inviter.client.identities.invite(name))
    admin.client.identities.suspend(inviter.name)
    assert refusal(cast.house, invitation) == UNAUTHENTICATED
    admin.client.identities.resume(inviter.name)
    assert enrol(invitation, clock=cast.house.clock).identity.name == name


def test_an_inviter_who_changed_keys_has_invited(cast: Cast, name: str) -> None:
    inviter = cast.admin()
    invitation = received(cast.house, inviter.client.identities.invite(name))
    rotated(rotated(inviter.member))
    assert enrol(invitation, clock=cast.house.clock).identity.name == name


# case 17
def test_what_a_stolen_key_invited_to_before_it_was_rotated_ends_when_it_is_revoked(
    cast: Cast, name: str
) -> None:
    house, admin, inviter, lost = cast.house, cast.admin(), cast.admin(), cast.join()
    stolen = [
        received(house, inviter.client.identities.invite(name, role="admin")),
        received(house, inviter.client.identities.recover(lost.name)),
    ]
    used = received(house, inviter.client.identities.invite(f"{name} before"))
    after = cast.enter(rotated(inviter.member))
    meant = received(house, after.client.identities.invite(f"{name} after"))
    later = house.clock() + SOON_MS
    assert admin.client.keys.revoke(inviter.key_id, at=later).state == KEY_STATE_ROTATED
    joined = enrol(used, clock=house.clock)
    assert admin.client.keys.revoke(inviter.key_id).state == KEY_STATE_ROTATED
    for invitation in stolen:
        assert refusal(house, invitation) == UNAUTHENTICATED
    assert lost.client.whoami() == lost.member.identity
    assert enrol(used, key=joined.key, clock=house.clock).identity == joined.identity
    assert enrol(meant, clock=house.clock).identity.name == f"{name} after"


def test_what_a_key_was_used_to_invite_to_ends_with_it(own_cast: Cast) -> None:
    house, admin, inviter = own_cast.house, own_cast.admin(), own_cast.admin()
    early, late = (
        received(house, inviter.client.identities.invite(name)) for name in ("early", "late")
    )
    admin.client.keys.revoke(inviter.key_id, at=house.clock() + SOON_MS)
    rotated(inviter.member)
    house.clock.advance(SOON_MS - 1)
    assert enrol(early, clock=house.clock).identity.name == "early"
    house.clock.advance(1)
    assert refusal(house, late) == UNAUTHENTICATED


def test_what_the_operator_invited_to_needs_no_admin(cast: Cast, name: str) -> None:
    assert enrol(cast.house.invite(name), clock=cast.house.clock).identity.name == name


def test_who_joined_stays_whatever_becomes_of_the_inviter(cast: Cast, name: str) -> None:
    admin, inviter = cast.admin(), cast.admin()
    invitation = received(cast.house, inviter.client.identities.invite(name))
    joined = enrol(invitation, clock=cast.house.clock)
    admin.client.identities.remove(inviter.name)
    assert cast.enter(joined).client.whoami() == joined.identity
    again = enrol(invitation, key=joined.key, clock=cast.house.clock)  # the answer was lost
    assert again.identity == joined.identity
