"""Granting, denying and taking back: nobody gives what they do not hold themselves."""

from __future__ import annotations

import pytest

from sealwire.v1 import permissions_pb2
from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    EFFECT_DENY,
    SCOPE_EXACT,
    SCOPE_SUBTREE,
    CreateGrantRequest,
    Effect,
    Grant,
    ListGrantsRequest,
    RemoveGrantRequest,
    Scope,
    Subject,
)
from tests.server.cast import ALL, VERBS, Actor, Cast, exact, refused, subject, words
from tests.server.test_names import REFUSED
from tests.server.wire import FORBIDDEN, wire_of

CREATE = "/sealwire.v1.PermissionService/CreateGrant"
REMOVE = "/sealwire.v1.PermissionService/RemoveGrant"
LIST_GRANTS = "/sealwire.v1.PermissionService/ListGrants"
DENIED, MISSING = "PERMISSION_DENIED", "NOT_FOUND"
MINUTE = 60_000


@pytest.fixture
def owner(cast: Cast) -> Actor:
    return cast.join("owner")


@pytest.fixture
def guest(cast: Cast) -> Actor:
    return cast.join("guest")


@pytest.fixture
def third(cast: Cast) -> Actor:
    return cast.join("third")


@pytest.fixture
def owned(owner: Actor, namespace: str) -> str:
    """A namespace of the owner's, with one record."""
    owner.client.put(namespace, "record", b"value")
    return namespace


# --- what a grant is


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


# --- nobody grants more than they hold


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


# --- denying


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


# --- taking back


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


# --- who sees grants


@pytest.mark.parametrize("verb", ALL.split())
def test_grants_are_shown_to_those_who_may_grant_and_to_nobody_else(
    owner: Actor, guest: Actor, owned: str, verb: str
) -> None:
    owner.grant(guest, verb, owned)
    if verb in {"share", "admin"}:
        assert guest.client.permissions.grants(owned) == owner.client.permissions.grants(owned)
    else:
        assert refused(guest.client.permissions.grants, owned) == DENIED


def test_the_grants_of_a_namespace_are_all_that_cover_it_and_no_others(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(cast.admin(), guest)
    owner.grant(guest, "read", owned)
    owner.grant(group, "list", f"{owned}/a")
    owner.deny(guest, "delete", f"{owned}/a", scope=SCOPE_EXACT)
    exact(owner, guest, "share", owned)  # not of what is below
    owner.grant(guest, "write", f"{owned}/a/b")  # below
    owner.grant(guest, "write", f"{owned}/a2")  # beside

    def told(namespace: str) -> set[tuple[str, str, str, Effect]]:
        return {
            (
                grant.subject.identity or f"group:{grant.subject.group}",
                words([grant.verb]),
                grant.namespace.removeprefix(owned),
                grant.effect,
            )
            for grant in owner.client.permissions.grants(namespace)
            if grant.granted_by
        }

    assert told(f"{owned}/a") == {
        (guest.name, "read", "", EFFECT_ALLOW),
        (f"group:{group}", "list", "/a", EFFECT_ALLOW),
        (guest.name, "delete", "/a", EFFECT_DENY),
    }


# --- what a request may say


def test_a_grant_to_nobody_is_not_found_and_said_to_those_who_may_grant_only(
    owner: Actor, guest: Actor, owned: str
) -> None:
    for nobody in (Subject(identity="no-such-name"), Subject(group="no-such-group")):
        read = [VERBS["read"]]
        assert refused(owner.client.permissions.grant, nobody, read, owned) == MISSING
        assert refused(guest.client.permissions.grant, nobody, read, owned) == DENIED
        assert refused(owner.client.permissions.ungrant, nobody, read, owned) == MISSING


def test_a_group_and_an_identity_of_one_name_are_two_subjects(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    cast.admin().client.permissions.create_group(guest.name)
    owner.grant(guest.name, "read", owned)  # the group
    assert guest.can(owned) == ""
    owner.grant(guest, "list", owned)
    assert guest.can(owned) == "list"


def test_a_grant_can_not_end_in_the_past(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    now = cast.house.clock()
    for end in (now, now - 1, 1, -1, -(2**63)):
        assert refused(owner.grant, guest, "read", owned, expires_at=end) == "MALFORMED"
    assert owner.grant(guest, "read", owned, expires_at=2**63 - 1)


READ = VERBS["read"]
WHOLE = CreateGrantRequest(
    subject=Subject(identity="x"),
    verbs=[READ],
    namespace="a",
    scope=SCOPE_SUBTREE,
    effect=EFFECT_ALLOW,
)


@pytest.mark.parametrize(
    "change",
    [
        CreateGrantRequest(verbs=[READ]),  # twice
        CreateGrantRequest(verbs=[99]),  # type: ignore[list-item]
        CreateGrantRequest(verbs=[permissions_pb2.VERB_UNSPECIFIED]),
        CreateGrantRequest(scope=9),  # type: ignore[arg-type]
        CreateGrantRequest(effect=9),  # type: ignore[arg-type]
        CreateGrantRequest(subject=Subject(identity="")),
        CreateGrantRequest(subject=Subject(group="")),
    ],
    ids=str,
)
def test_a_request_that_says_what_can_not_be_is_malformed(
    owner: Actor, owned: str, change: CreateGrantRequest
) -> None:
    request = CreateGrantRequest(namespace=owned)
    for part in (WHOLE, change):
        request.MergeFrom(part)
    request.namespace = owned
    with wire_of(owner.member) as line:
        assert line.refusal(CREATE, owner.member.signed(CREATE, request)).reason == "MALFORMED"


@pytest.mark.parametrize("missing", ["subject", "verbs", "namespace", "scope", "effect"])
def test_a_request_that_leaves_something_out_is_malformed_and_never_filled_in(
    owner: Actor, guest: Actor, owned: str, missing: str
) -> None:
    request = CreateGrantRequest()
    request.CopyFrom(WHOLE)
    request.namespace = owned
    request.subject.identity = guest.name
    with wire_of(owner.member) as line:
        assert line.answer(CREATE, owner.member.signed(CREATE, request)).HasField("body")
        request.ClearField(missing)
        assert line.refusal(CREATE, owner.member.signed(CREATE, request)).reason == "MALFORMED"


# case 49, case 51
@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_a_namespace_that_is_not_of_the_form_is_refused_in_every_request_about_grants(
    owner: Actor, text: str
) -> None:
    to, verbs, member = subject(owner), [READ], owner.member
    requests = {
        CREATE: CreateGrantRequest(
            subject=to, verbs=verbs, namespace=text, scope=SCOPE_SUBTREE, effect=EFFECT_ALLOW
        ),
        REMOVE: RemoveGrantRequest(subject=to, verbs=verbs, namespace=text, effect=EFFECT_ALLOW),
        LIST_GRANTS: ListGrantsRequest(namespace=text),
        "/sealwire.v1.PermissionService/TestPermissions": permissions_pb2.TestPermissionsRequest(
            verbs=verbs, namespace=text
        ),
    }
    with wire_of(member) as line:
        for path, request in requests.items():
            assert line.refusal(path, member.signed(path, request)).reason == "MALFORMED"


# case 51
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payments", "Payments"),
        ("file", "\ufb01le"),  # NFKC makes the ligature two letters
        ("1", "\u2460"),  # NFKC makes the circled digit a digit
        ("a/b", "a\uff0fb"),  # NFKC makes the full-width slash a slash
        ("a/b", "a%2fb"),
        ("payments", "p\u0430yments"),  # a Cyrillic a
        ("payments", "payments "),
        ("strasse", "stra\u00dfe"),
    ],
    ids=ascii,
)
def test_a_grant_on_one_of_two_names_that_look_alike_is_none_on_the_other(
    owner: Actor, guest: Actor, owned: str, one: str, other: str
) -> None:
    for granted, not_granted in ((one, other), (other, one)):
        owner.grant(guest, "read", f"{owned}/{granted}")
        assert guest.can(f"{owned}/{granted}") == "read"
        assert guest.can(f"{owned}/{not_granted}") == ""
        owner.ungrant(guest, "read", f"{owned}/{granted}")


# case 52
@pytest.mark.parametrize("wild", ["*", "**", "%", "_", "?", ".*", "[a-z]"])
def test_a_grant_on_a_star_is_a_grant_on_a_star(
    owner: Actor, guest: Actor, owned: str, wild: str
) -> None:
    owner.client.put(f"{owned}/a", "record", b"")
    owner.grant(guest, "read", f"{owned}/{wild}")
    assert guest.can(f"{owned}/{wild}") == "read"
    assert guest.can(f"{owned}/a") == ""
    assert guest.does(f"{owned}/a") == ""
    owner.deny(guest, "read", f"{owned}/{wild}")
    owner.grant(guest, "read", f"{owned}/a")
    assert guest.does(f"{owned}/a") == "read"


# case 52
def test_a_star_for_a_subject_is_a_name_like_any_other(owner: Actor, owned: str) -> None:
    for star in (Subject(identity="*"), Subject(group="*")):
        assert refused(owner.client.permissions.grant, star, [READ], owned) == MISSING


# case 58
def test_a_grant_is_given_by_whoever_signed_whatever_the_request_says(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read share", owned)
    request = CreateGrantRequest(
        subject=subject(third),
        verbs=[VERBS["write"]],
        namespace=owned,
        scope=SCOPE_SUBTREE,
        effect=EFFECT_ALLOW,
    )
    with wire_of(guest.member) as line:
        refusal = line.refusal(CREATE, guest.member.signed(CREATE, request))
        assert refusal.reason == DENIED
        body = request.SerializeToString() + _field(Grant.GRANTED_BY_FIELD_NUMBER, owner.name)
        assert line.refusal(CREATE, guest.member.signed_bytes(CREATE, body)).reason == "MALFORMED"
    assert third.can(owned) == ""


# case 48
def test_whoever_may_not_grant_hears_the_same_whether_the_namespace_exists(
    guest: Actor, owned: str
) -> None:
    with wire_of(guest.member) as line:
        for namespace in (owned, f"{owned}/missing", f"{owned}-missing"):
            request = ListGrantsRequest(namespace=namespace)
            assert line.refusal(LIST_GRANTS, guest.member.signed(LIST_GRANTS, request)) == FORBIDDEN


def _field(number: int, text: str) -> bytes:
    data = text.encode()
    return bytes([number << 3 | 2, len(data)]) + data
