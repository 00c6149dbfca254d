"""Taking back: what oneself gave, or with admin what anybody gave; a denial costs the verb."""

from __future__ import annotations

import pytest

from sealwire.client import RemoteError
from sealwire.v1.permissions_pb2 import (
    SCOPE_EXACT,
    SCOPE_SUBTREE,
)
from tests.server.cast import ALL, Actor, Cast, exact, refused, words

DENIED, MISSING = "PERMISSION_DENIED", "NOT_FOUND"
MINUTE = 60_000


def test_what_is_taken_back_is_the_allow_at_exactly_this_name(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.grant(guest, "read list", owned)
    owner.grant(guest, "read", f"{owned}/a")
    (removed,) = owner.ungrant(guest, "read", owned)
    assert (removed.namespace, words([removed.verb])) == (owned, "read")
    assert [guest.can(name) for name in (owned, f"{owned}/a")] == ["list", "read list"]
    assert refused(owner.ungrant, guest, "read", owned) == MISSING
    assert refused(owner.ungrant, guest, "read", f"{owned}/a/b") == MISSING


def test_both_the_exact_grant_and_the_subtrees_are_taken_back(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.grant(guest, "read", owned)
    exact(owner, guest, "read", owned)
    assert {g.scope for g in owner.ungrant(guest, "read", owned)} == {SCOPE_SUBTREE, SCOPE_EXACT}
    assert guest.can(owned) == ""


def test_all_that_is_asked_is_taken_back_or_nothing(owner: Actor, guest: Actor, owned: str) -> None:
    owner.grant(guest, "read", owned)
    assert refused(owner.ungrant, guest, "read list", owned) == MISSING
    assert guest.can(owned) == "read"


# case 53
def test_a_holder_of_share_takes_back_what_it_gave_and_nothing_that_others_gave(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read list share", owned)
    owner.grant(third, "list", owned)
    guest.grant(third, "read", owned)
    for subject_, verb in ((third, "list"), (owner, "read"), (guest, "share")):
        assert refused(guest.ungrant, subject_, verb, owned) == DENIED
    assert refused(guest.ungrant, third, "read list", owned) == DENIED
    assert third.can(owned) == "read list"
    guest.ungrant(third, "read", owned)
    assert third.can(owned) == "list"
    assert owner.can(owned) == ALL


# case 53
def test_a_holder_of_share_does_not_come_by_a_grant_of_others_through_granting_it_again(
    cast: Cast, owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    end = cast.house.clock() + MINUTE
    owner.grant(guest, "read list share", owned)
    (longer,) = owner.grant(third, "read", owned)
    assert guest.grant(third, "read", owned, expires_at=end) == (longer,)  # not shortened
    assert guest.grant(third, "read", owned) == (longer,)  # still the owner's
    assert refused(guest.ungrant, third, "read", owned) == DENIED
    owner.grant(third, "list", owned, expires_at=end)
    assert refused(guest.grant, third, "list", owned) == DENIED  # it would become the guest's
    assert third.can(owned) == "read list"


def test_whoever_gave_a_grant_may_make_it_longer(
    cast: Cast, owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    end = cast.house.clock() + MINUTE
    owner.grant(guest, "read share", owned)
    guest.grant(third, "read", owned, expires_at=end)
    assert guest.grant(third, "read", owned, expires_at=end + 1)[0].expires_at == end + 1
    assert guest.grant(third, "read", owned)[0].expires_at == 0


def test_a_holder_of_admin_takes_back_what_anybody_gave_over_what_it_covers(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(third, "read", owned)
    exact(owner, guest, "admin", owned)
    assert refused(guest.ungrant, third, "read", owned) == DENIED  # it reaches further down
    owner.grant(guest, "admin", owned)
    guest.ungrant(third, "read", owned)
    assert third.can(owned) == ""


def test_who_may_no_longer_share_takes_back_nothing_not_even_what_it_gave(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read share", owned)
    guest.grant(third, "read", owned)
    owner.ungrant(guest, "share", owned)
    assert refused(guest.ungrant, third, "read", owned) == DENIED
    assert third.can(owned) == "read"  # what was given stays given


# case 53, case 54
def test_a_denial_is_taken_back_only_by_whoever_could_grant_what_it_denies(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(third, "read", owned)
    owner.grant(guest, "admin share", owned)
    owner.deny(third, "read", owned)
    assert refused(guest.undeny, third, "read", owned) == DENIED  # holds no read
    owner.grant(guest, "read", owned)
    guest.undeny(third, "read", owned)
    assert third.does(owned) == "read"


# case 53, case 54
def test_a_denial_is_not_taken_back_by_whoever_holds_what_it_denies_for_a_while_only(
    cast: Cast, owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "admin", owned)
    owner.grant(guest, "read", owned, expires_at=cast.house.clock() + MINUTE)
    owner.deny(third, "read", owned)
    assert refused(guest.undeny, third, "read", owned) == DENIED
    with pytest.raises(RemoteError, match="take back a denial of read: your own right to it ends"):
        guest.undeny(third, "read", owned)
    owner.grant(guest, "read", owned)
    guest.undeny(third, "read", owned)


# case 53
def test_several_verbs_are_decided_by_what_was_held_before_any_of_them(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.grant(guest, ALL, owned)
    guest.deny(guest, "admin read", owned)  # the first of them takes what the second needs
    assert guest.can(owned) == "write delete list share"
    owner.ungrant(guest, ALL, owned)
    assert len(owner.ungrant(owner, ALL, owned)) == len(ALL.split())
    assert owner.can(owned) == ""


# case 53, case 54
def test_nobody_lifts_a_denial_from_themselves(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(cast.admin(), guest)
    owner.grant(guest, ALL, owned)
    owner.deny(guest, "read", owned)
    assert refused(guest.undeny, guest, "read", owned) == DENIED
    assert refused(guest.grant, guest, "read", owned) == DENIED
    owner.undeny(guest, "read", owned)
    owner.deny(group, "read", owned)
    assert refused(guest.undeny, group, "read", owned) == DENIED
    assert guest.does(owned) == "write delete list"


# case 54
def test_whoever_is_given_admin_can_lock_out_the_giver(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.grant(guest, ALL, owned)
    guest.deny(owner, "admin share", owned)  # to give somebody admin is to give the house away
    assert refused(owner.ungrant, guest, "admin", owned) == DENIED
    assert refused(owner.undeny, owner, "admin", owned) == DENIED
    guest.undeny(owner, "share", owned)
    owner.ungrant(guest, "admin", owned)  # which the owner gave
    assert refused(owner.undeny, owner, "admin", owned) == DENIED
    assert refused(guest.undeny, owner, "admin", owned) == DENIED


# case 53
def test_a_denial_and_an_allow_are_two_grants_and_each_is_taken_back_by_itself(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.grant(guest, "read", owned)
    owner.deny(guest, "read", owned)
    owner.ungrant(guest, "read", owned)
    assert guest.can(owned) == ""
    assert refused(owner.ungrant, guest, "read", owned) == MISSING
    owner.undeny(guest, "read", owned)
    assert refused(owner.undeny, guest, "read", owned) == MISSING
    assert guest.can(owned) == ""
