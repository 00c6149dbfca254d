"""What a grant is: who gives what to whom, where and until when; a denial beats any."""

from __future__ import annotations

import pytest

from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    SCOPE_EXACT,
    SCOPE_SUBTREE,
    Scope,
    Subject,
)
from tests.server.cast import VERBS, Actor, Cast, exact

MINUTE = 60_000


def test_a_grant_says_who_gave_what_to_whom_where_and_until_when(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    now = cast.house.clock()
    made = owner.grant(guest, "list read", owned, expires_at=now + MINUTE)
    assert [grant.verb for grant in made] == [VERBS["list"], VERBS["read"]]
    for grant in made:
        assert grant.subject == Subject(identity=guest.name)
        assert (grant.namespace, grant.scope, grant.effect) == (owned, SCOPE_SUBTREE, EFFECT_ALLOW)
        assert (grant.granted_by, grant.created_at, grant.expires_at) == (
            owner.name,
            now,
            now + MINUTE,
        )
    assert [g for g in owner.client.permissions.grants(owned) if g.granted_by] == sorted(
        made, key=lambda grant: grant.verb != VERBS["list"]
    )


def test_an_identity_may_be_named_by_its_key_and_the_answer_says_its_name(
    owner: Actor, guest: Actor, owned: str
) -> None:
    by_key = Subject(identity=guest.key_id)
    (grant,) = owner.client.permissions.grant(by_key, [VERBS["read"]], owned)
    assert grant.subject == Subject(identity=guest.name)
    assert guest.can(owned) == "read"
    assert owner.client.permissions.ungrant(by_key, [VERBS["read"]], owned) == (grant,)
    assert guest.can(owned) == ""


def test_a_grant_made_twice_is_made_once(owner: Actor, guest: Actor, owned: str) -> None:
    assert owner.grant(guest, "read", owned) == owner.grant(guest, "read", owned)
    owner.ungrant(guest, "read", owned)
    assert guest.can(owned) == ""


# case 50
def test_an_exact_grant_gives_its_name_alone_and_a_subtree_what_is_below(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    for name in (f"{owned}/a", f"{owned}/a/b", f"{owned}/ab"):
        owner.client.put(name, "record", b"")
    exact(owner, guest, "read", f"{owned}/a")
    owner.grant(third, "read", f"{owned}/a")
    places = [owned, f"{owned}/a", f"{owned}/a/b", f"{owned}/ab", f"{owned}/a2"]
    assert [guest.can(name) for name in places] == ["", "read", "", "", ""]
    assert [third.can(name) for name in places] == ["", "read", "read", "", ""]
    assert [third.does(name) for name in places[1:3]] == ["read", "read"]


# case 54
@pytest.mark.parametrize("above", ["", "/a", "/a/b"])
@pytest.mark.parametrize("scope", [SCOPE_SUBTREE, SCOPE_EXACT])
def test_a_denial_wins_over_every_allow_broader_or_narrower(
    owner: Actor, guest: Actor, owned: str, above: str, scope: Scope
) -> None:
    owner.client.put(f"{owned}/a/b", "record", b"")
    for name in (owned, f"{owned}/a", f"{owned}/a/b"):
        owner.grant(guest, "read list", name)
    owner.deny(guest, "read list", f"{owned}{above}", scope=scope)
    denied = scope == SCOPE_SUBTREE or above == "/a/b"
    assert guest.does(f"{owned}/a/b") == ("" if denied else "read list")
    owner.undeny(guest, "read list", f"{owned}{above}")
    assert guest.does(f"{owned}/a/b") == "read list"


def test_a_grant_ends_at_its_tick(own_cast: Cast, namespace: str) -> None:
    owner, guest, clock = own_cast.join(), own_cast.join(), own_cast.house.clock
    owner.client.put(namespace, "record", b"")
    owner.grant(guest, "read list", namespace, expires_at=clock() + 1000)
    owner.deny(guest, "list", namespace, expires_at=clock() + 500)
    seen = []
    for step in (0, 499, 1, 499, 1):
        clock.advance(step)
        seen.append(guest.does(namespace))
    assert seen == ["read", "read", "read list", "read list", ""]
    assert guest.can(namespace) == ""


def test_a_right_that_has_ended_can_be_granted_again(own_cast: Cast, namespace: str) -> None:
    owner, guest, clock = own_cast.join(), own_cast.join(), own_cast.house.clock
    owner.client.put(namespace, "record", b"")
    owner.grant(guest, "read", namespace, expires_at=clock() + 1)
    clock.advance(1)
    assert guest.does(namespace) == ""
    owner.grant(guest, "read", namespace, expires_at=clock() + 1000)
    assert guest.does(namespace) == "read"
