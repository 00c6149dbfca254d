"""Granting: nobody gives more than they hold, for longer than they hold it."""

from __future__ import annotations

import pytest

from sealwire.v1.permissions_pb2 import (
    SCOPE_EXACT,
)
from tests.server.cast import Actor, Cast, exact, refused

DENIED = "PERMISSION_DENIED"
MINUTE = 60_000


def test_a_holder_of_share_passes_on_what_it_holds(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read share", owned)
    guest.grant(third, "read share", owned)
    assert third.does(owned) == "read"
    third.grant(guest, "read", f"{owned}/below")


# case 53
@pytest.mark.parametrize("verb", ["write", "delete", "list", "admin"])
def test_nobody_grants_a_verb_that_they_do_not_hold(
    owner: Actor, guest: Actor, third: Actor, owned: str, verb: str
) -> None:
    owner.grant(guest, "read share", owned)
    for receiver in (guest, third):
        assert refused(guest.grant, receiver, verb, owned) == DENIED
        assert refused(guest.grant, receiver, f"read {verb}", owned) == DENIED
    assert (guest.can(owned), third.can(owned)) == ("read share", "")


# case 53
def test_nobody_grants_without_share_or_admin_however_much_they_hold(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read write delete list", owned)
    for verb in ("read", "share", "admin"):
        assert refused(guest.grant, third, verb, owned) == DENIED
        assert refused(guest.grant, guest, verb, owned) == DENIED
        assert refused(guest.deny, third, verb, owned) == DENIED
    assert third.can(owned) == ""


def test_admin_is_a_way_to_grant_as_well_but_only_what_it_holds(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "admin read", owned)
    guest.grant(third, "read", owned)
    guest.grant(third, "admin", owned)
    for verb in ("write", "share"):
        assert refused(guest.grant, third, verb, owned) == DENIED
    assert third.can(owned) == "read admin"


# case 53
def test_nobody_grants_a_wider_scope_than_they_hold(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    exact(owner, guest, "read share", owned)
    assert refused(guest.grant, third, "read", owned) == DENIED
    for name in (f"{owned}/below", owned.rpartition("/")[0], f"{owned}2"):
        assert refused(guest.grant, third, "read", name) == DENIED
    exact(guest, third, "read", owned)
    assert third.can(owned) == "read"
    assert third.can(f"{owned}/below") == ""


# case 53
def test_a_right_below_gives_none_above_and_a_right_to_one_subtree_none_to_its_neighbour(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read share", f"{owned}/a")
    for name in (owned, f"{owned}/a2", f"{owned}/b"):
        assert refused(guest.grant, third, "read", name) == DENIED
    guest.grant(third, "read", f"{owned}/a/deep/down")
    assert third.can(f"{owned}/a") == ""


# case 53
@pytest.mark.parametrize("missing", ["read", "share"])
def test_the_verb_and_the_right_to_share_it_must_both_reach_as_far_as_the_grant(
    owner: Actor, guest: Actor, third: Actor, owned: str, missing: str
) -> None:
    (other,) = {"read", "share"} - {missing}
    owner.grant(guest, other, owned)
    exact(owner, guest, missing, owned)
    assert refused(guest.grant, third, "read", owned) == DENIED
    exact(guest, third, "read", owned)


# case 53
def test_nobody_grants_for_longer_than_they_hold(own_cast: Cast, namespace: str) -> None:
    owner, guest, third = (own_cast.join() for _ in range(3))
    owner.client.put(namespace, "record", b"")
    end = own_cast.house.clock() + MINUTE
    owner.grant(guest, "read", namespace, expires_at=end)
    owner.grant(guest, "share", namespace)
    for later in (0, end + 1):
        assert refused(guest.grant, third, "read", namespace, expires_at=later) == DENIED
    guest.grant(third, "read", namespace, expires_at=end)
    own_cast.house.clock.advance(MINUTE)
    assert refused(guest.grant, third, "read", namespace, expires_at=end + 1) == DENIED
    assert third.can(namespace) == ""


# case 53
def test_the_right_to_share_must_last_as_long_as_the_grant(own_cast: Cast, namespace: str) -> None:
    owner, guest, third = (own_cast.join() for _ in range(3))
    owner.client.put(namespace, "record", b"")
    end = own_cast.house.clock() + MINUTE
    owner.grant(guest, "read", namespace)
    owner.grant(guest, "share", namespace, expires_at=end)
    assert refused(guest.grant, third, "read", namespace) == DENIED
    guest.grant(third, "read", namespace, expires_at=end)
    owner.grant(guest, "admin", namespace, expires_at=end + 1)
    guest.grant(third, "read", f"{namespace}/x", expires_at=end + 1)


# case 53, case 54
@pytest.mark.parametrize("denied", ["read", "share"])
@pytest.mark.parametrize("below", ["", "/a", "/a/b"])
def test_a_denial_anywhere_below_stops_a_grant_over_it(
    owner: Actor, guest: Actor, third: Actor, owned: str, denied: str, below: str
) -> None:
    owner.grant(guest, "read share", owned)
    owner.deny(guest, denied, f"{owned}{below}", scope=SCOPE_EXACT)
    assert refused(guest.grant, third, "read", owned) == DENIED
    assert refused(guest.grant, third, "read", f"{owned}{below}") == DENIED
    guest.grant(third, "read", f"{owned}/beside")
    if below:
        exact(guest, third, "read", owned)
        assert third.can(f"{owned}{below}") == ""


# case 53, case 54
def test_a_denial_to_a_group_of_the_grantors_stops_it_and_one_to_another_group_does_not(
    cast: Cast, owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    admin = cast.admin()
    own, other = cast.group(admin, guest), cast.group(admin, third)
    owner.grant(guest, "read share", owned)
    owner.deny(other, "read", f"{owned}/a")
    guest.grant(third, "read", owned)
    assert third.can(f"{owned}/a") == ""
    owner.deny(own, "read", f"{owned}/b")
    assert refused(guest.grant, third, "read", f"{owned}/b") == DENIED
    assert refused(guest.grant, owner, "read", owned) == DENIED


def test_a_grant_is_made_for_all_its_verbs_or_for_none(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read list share", owned)
    assert refused(guest.grant, third, "read list write", owned) == DENIED
    assert third.can(owned) == ""
