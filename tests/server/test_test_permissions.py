"""What an identity may do, and why: said to those who may ask, and true."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealwire.v1 import permissions_pb2
from sealwire.v1.permissions_pb2 import EFFECT_ALLOW, EFFECT_DENY, SCOPE_EXACT, Decision
from tests.server.cast import ALL, VERBS, Actor, Cast, exact, numbers, refused
from tests.server.wire import wire_of

TEST = "/sealwire.v1.PermissionService/TestPermissions"
DENIED, MISSING = "PERMISSION_DENIED", "NOT_FOUND"


def why(asker: Actor, who: Actor, verb: str, namespace: str) -> Decision:
    """Return the decision on one verb."""
    permissions = asker.client.permissions
    (decision,) = permissions.test(numbers(verb), namespace, identity=who.name)
    return decision


# --- who may ask


def test_everybody_may_ask_about_themselves_anywhere(guest: Actor, owned: str) -> None:
    for namespace in (owned, f"{owned}/missing", "nowhere"):
        assert guest.can(namespace) == guest.can(namespace, guest) == ""
    by_key = guest.client.permissions.test(VERBS.values(), owned, identity=guest.key_id)
    assert by_key == guest.decisions(owned)


def test_an_answer_has_the_verbs_that_were_asked_in_their_order(owner: Actor, owned: str) -> None:
    decisions = owner.client.permissions.test(numbers("list read admin"), owned)
    assert [decision.verb for decision in decisions] == numbers("list read admin")


# case 48
@pytest.mark.parametrize("verb", ALL.split())
def test_others_are_asked_about_by_those_who_may_grant_there_and_by_nobody_else(
    cast: Cast, owner: Actor, guest: Actor, owned: str, verb: str
) -> None:
    third = cast.join()
    owner.grant(guest, verb, owned)
    for about in (third, owner):
        if verb in {"share", "admin"}:
            assert guest.can(owned, about) == about.can(owned)
        else:
            assert refused(guest.can, owned, about) == DENIED
    assert refused(guest.can, owned.rpartition("/")[0], third) == DENIED


def test_an_admin_may_ask_about_everybody_everywhere_and_gets_no_right_by_it(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    admin = cast.admin()
    assert (admin.can(owned, owner), admin.can(owned, guest)) == (ALL, "")
    assert admin.does(owned) == ""


# case 48
def test_somebody_who_does_not_exist_is_not_found_and_said_to_those_who_may_ask_only(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    read = numbers("read")
    for named in ("no-such-name", "A" * 43, "*", "../x"):
        for asker, reason in ((owner, MISSING), (cast.admin(), MISSING), (guest, DENIED)):
            assert refused(asker.client.permissions.test, read, owned, identity=named) == reason


# --- what is said


def test_what_nothing_allows_is_denied_and_the_sentence_says_that(
    owner: Actor, guest: Actor, owned: str
) -> None:
    decision = why(owner, guest, "read", owned)
    assert (decision.allowed, decision.HasField("grant")) == (False, False)
    assert decision.reason == (
        f"No grant allows {guest.name} to read here, and what nothing allows is denied."
    )


def test_a_decision_names_the_grant_that_made_it_and_says_it_in_a_sentence(
    owner: Actor, guest: Actor, owned: str
) -> None:
    (grant,) = owner.grant(guest, "read", owned)
    decision = why(owner, guest, "read", f"{owned}/below")
    assert (decision.allowed, decision.grant) == (True, grant)
    assert decision.reason == (
        f"{guest.name} is allowed to read in {owned} and below, by {owner.name}."
    )


# case 54
def test_a_denial_is_the_grant_that_decides(owner: Actor, guest: Actor, owned: str) -> None:
    exact(owner, guest, "read", owned)
    (denial,) = owner.deny(guest, "read", owned, scope=SCOPE_EXACT)
    decision = why(guest, guest, "read", owned)
    assert (decision.allowed, decision.grant) == (False, denial)
    assert decision.reason == f"{guest.name} is denied to read in {owned} alone, by {owner.name}."


def test_a_grant_to_a_group_is_explained_with_the_group(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    group = cast.group(cast.admin(), guest)
    owner.grant(group, "read", owned)
    decision = why(guest, guest, "read", owned)
    assert decision.grant.subject.group == group
    assert decision.reason == (
        f"the group {group} is allowed to read in {owned} and below, by {owner.name}."
    )


def test_a_claim_is_explained_as_the_servers(owner: Actor, owned: str) -> None:
    decision = why(owner, owner, "admin", owned)
    assert decision.grant.granted_by == ""
    assert "the server, which gave it to the first to write there" in decision.reason


def test_the_nearest_of_several_grants_is_the_one_that_is_named(
    owner: Actor, guest: Actor, owned: str
) -> None:
    for name in (owned, f"{owned}/a/b", f"{owned}/a"):
        owner.grant(guest, "read", name)
    assert why(guest, guest, "read", f"{owned}/a/b/c").grant.namespace == f"{owned}/a/b"
    owner.deny(guest, "read", owned)
    decision = why(guest, guest, "read", f"{owned}/a/b/c")
    assert (decision.grant.namespace, decision.grant.effect) == (owned, EFFECT_DENY)


def test_whoever_may_do_nothing_at_all_is_said_to_be_suspended_or_removed(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    admin = cast.admin()
    owner.grant(guest, "read", owned)
    for change, word in (
        (admin.client.identities.suspend, "suspended"),
        (admin.client.identities.remove, "removed"),
    ):
        change(guest.name)
        decision = why(owner, guest, "read", owned)
        assert (decision.allowed, decision.HasField("grant")) == (False, False)
        assert decision.reason == f"{guest.name} is {word}, and may do nothing."


def test_what_is_said_is_what_happens(cast: Cast, owner: Actor, guest: Actor, owned: str) -> None:
    group = cast.group(cast.admin(), guest)
    owner.client.put(f"{owned}/a", "record", b"")
    changes: list[tuple[Callable[[Actor | str, str, str], object], Actor | str, str]] = [
        (owner.grant, guest, "read list"),
        (owner.grant, group, "delete"),
        (owner.deny, group, "list"),
        (owner.ungrant, guest, "list"),
        (owner.undeny, group, "list"),
        (owner.grant, guest, "write"),
        (owner.deny, guest, "write delete"),
    ]
    seen = []
    for change, whom, verbs in changes:
        change(whom, verbs, owned)
        for place in (owned, f"{owned}/a"):
            assert guest.can(place) == guest.does(place)
        seen.append(guest.can(owned))
    assert seen == [
        "read list",
        "read delete list",
        "read delete",
        "read delete",
        "read delete",
        "read write delete",
        "read",
    ]


def test_effects_are_told_apart(owner: Actor, guest: Actor, owned: str) -> None:
    owner.grant(guest, "read", owned)
    owner.deny(guest, "list", owned)
    effects = [decision.grant.effect for decision in guest.decisions(owned)]
    assert [effects[0], effects[3]] == [EFFECT_ALLOW, EFFECT_DENY]


@pytest.mark.parametrize("verbs", [[], [1, 1], [0], [99], [1, 0]])
def test_verbs_that_can_not_be_asked_about_are_malformed(
    owner: Actor, owned: str, verbs: list[int]
) -> None:
    request = permissions_pb2.TestPermissionsRequest(namespace=owned)
    request.verbs.extend(verbs)  # type: ignore[arg-type]
    with wire_of(owner.member) as line:
        assert line.refusal(TEST, owner.member.signed(TEST, request)).reason == "MALFORMED"
