"""Denying: whoever holds admin over all that a denial covers, and nobody else."""

from __future__ import annotations

import pytest

from sealwire.v1.permissions_pb2 import (
    SCOPE_EXACT,
)
from tests.server.cast import ALL, Actor, Cast, exact, refused

DENIED = "PERMISSION_DENIED"
MINUTE = 60_000


# case 53
@pytest.mark.parametrize("held", ["read share", "share", "read write delete list share"])
def test_only_a_holder_of_admin_denies(
    owner: Actor, guest: Actor, third: Actor, owned: str, held: str
) -> None:
    owner.grant(guest, held, owned)
    assert refused(guest.deny, third, "read", owned) == DENIED
    assert refused(guest.deny, owner, "read", owned) == DENIED
    assert owner.can(owned) == ALL


def test_admin_over_less_than_the_denial_would_cover_is_not_enough(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    exact(owner, guest, "admin", owned)
    assert refused(guest.deny, third, "read", owned) == DENIED
    guest.deny(third, "read", owned, scope=SCOPE_EXACT)
    owner.grant(guest, "admin", f"{owned}/a")
    assert refused(guest.deny, third, "read", owned) == DENIED
    guest.deny(third, "read", f"{owned}/a/b")
    owner.deny(guest, "admin", f"{owned}/a/c")
    assert refused(guest.deny, third, "read", f"{owned}/a") == DENIED


def test_admin_denies_verbs_that_it_does_not_hold_because_that_gives_nothing(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "admin", owned)
    owner.grant(third, "read", owned)
    guest.deny(third, "read", owned)
    assert third.does(owned) == ""


def test_a_denial_can_be_made_longer_by_whoever_could_make_it(
    cast: Cast, owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    now = cast.house.clock()
    owner.grant(guest, "admin", owned)
    guest.deny(third, "read", owned, expires_at=now + MINUTE)
    (longer,) = guest.deny(third, "read", owned)
    assert longer.expires_at == 0


def test_a_shorter_denial_leaves_the_longer_one_in_force(own_cast: Cast, namespace: str) -> None:
    owner, guest, clock = own_cast.join(), own_cast.join(), own_cast.house.clock
    owner.client.put(namespace, "record", b"")
    owner.grant(guest, "read", namespace)
    (longer,) = owner.deny(guest, "read", namespace)
    assert owner.deny(guest, "read", namespace, expires_at=clock() + 1) == (longer,)
    clock.advance(1)
    assert guest.does(namespace) == ""
