"""What grants add up to: pure rules, and an oracle that says the same in another way.

The oracle walks up a name's text, and asks of a right over a subtree whether it holds at every name
in it and at every moment, where the code looks at the grants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealwire.server.decisions import FOREVER, Decisions, decide, held_until
from sealwire.storage import Effect, GrantRow, Scope, SubjectKind, Verb

NOW = 10
HORIZON = 20
"""No grant of the property tests ends later, but for those that never end."""

SEGMENTS = ("team", "team2", "payments", "payments2", "*")


def grant(
    namespace: str,
    *,
    verb: Verb = Verb.READ,
    effect: Effect = Effect.ALLOW,
    scope: Scope = Scope.SUBTREE,
    expires_at: int | None = None,
    subject: str = "alice",
) -> GrantRow:
    return GrantRow(
        subject_kind=SubjectKind.IDENTITY,
        subject_id=subject,
        verb=verb,
        namespace=namespace,
        scope=scope,
        effect=effect,
        expires_at=expires_at,
        granted_by=None,
        created_at=0,
    )


def deny(
    namespace: str, *, scope: Scope = Scope.SUBTREE, expires_at: int | None = None
) -> GrantRow:
    return grant(namespace, effect=Effect.DENY, scope=scope, expires_at=expires_at)


def reaches(row: GrantRow, name: str) -> bool:
    """Walk up from a name; an exact grant is met before the first step only."""
    at = name
    while at != row.namespace:
        at, slash, _ = at.rpartition("/")
        if not slash:
            return False
    return at == name or row.scope == "subtree"


def decided(rows: Iterable[GrantRow], name: str, *, now: int = NOW) -> Decisions:
    return decide([row for row in rows if reaches(row, name)], now=now)


def reads(rows: Iterable[GrantRow], name: str, *, now: int = NOW) -> bool:
    return decided(rows, name, now=now)[Verb.READ].allowed


def held(rows: Sequence[GrantRow], name: str, scope: Scope, *, now: int = NOW) -> int:
    return held_until(
        Verb.READ,
        name,
        scope,
        covering=[row for row in rows if reaches(row, name)],
        denials_below=[
            row
            for row in rows
            if row.effect == Effect.DENY and row.namespace.startswith(f"{name}/")
        ],
        now=now,
    )


def test_what_nothing_allows_is_denied_and_no_grant_is_named() -> None:
    decisions = decided([], "team")
    assert {verb: decisions[verb].allowed for verb in Verb} == dict.fromkeys(Verb, False)
    assert {decisions[verb].grant for verb in Verb} == {None}


@pytest.mark.parametrize("verb", Verb)
def test_a_grant_gives_its_own_verb_and_no_other(verb: Verb) -> None:
    decisions = decided([grant("team", verb=verb)], "team")
    assert [other for other in Verb if decisions[other].allowed] == [verb]


# case 50
@pytest.mark.parametrize("name", ["team/payments", "team/payments/eu", "team/payments/eu/2027"])
def test_a_subtree_is_the_name_itself_and_all_below(name: str) -> None:
    assert reads([grant("team/payments")], name)


# case 50, case 51, case 52
@pytest.mark.parametrize(
    "name",
    [
        "team/payments2",
        "team/payment",
        "team/payments ",
        "team/Payments",
        "team/p\u0430yments",  # a Cyrillic a
        "team/payments%2feu",
        "team/payments\\eu",
        "team",
        "payments",
        "team/x/payments",
        "x/team/payments",
    ],
)
def test_a_subtree_is_nothing_beside_or_above_it(name: str) -> None:
    assert not reads([grant("team/payments")], name)


# case 52
@pytest.mark.parametrize("wild", ["*", "team/*", "team/**", "%", "team/%", "_", ".*", "?"])
def test_a_wild_name_covers_itself_and_what_is_below_it_alone(wild: str) -> None:
    assert reads([grant(wild)], wild)
    assert reads([grant(wild)], f"{wild}/below")
    assert not reads([grant(wild)], "team/payments")


def test_an_exact_grant_covers_its_name_and_nothing_else() -> None:
    rows = [grant("team/payments", scope=Scope.EXACT)]
    assert reads(rows, "team/payments")
    assert not any(reads(rows, name) for name in ("team", "team/payments/eu", "team/payments2"))


# case 54
@pytest.mark.parametrize("allowed", ["team", "team/payments", "team/payments/eu"])
@pytest.mark.parametrize("denied", ["team", "team/payments", "team/payments/eu"])
def test_a_denial_wins_however_broad_it_is_and_however_narrow_the_allow(
    allowed: str, denied: str
) -> None:
    rows = [grant(allowed), deny(denied)]
    for order in itertools.permutations(rows):
        assert not reads(order, "team/payments/eu")
        assert decided(order, "team/payments/eu")[Verb.READ].grant == rows[1]


# case 54
def test_a_denial_takes_one_verb_in_one_place_and_leaves_the_rest() -> None:
    rows = [grant("team", verb=verb) for verb in Verb] + [deny("team/secret", scope=Scope.EXACT)]
    decisions = decided(rows, "team/secret")
    assert [verb for verb in Verb if not decisions[verb].allowed] == [Verb.READ]
    assert reads(rows, "team/secret/below")
    assert reads(rows, "team")


def test_a_grant_counts_until_the_tick_before_its_end() -> None:
    rows = [grant("team", expires_at=NOW)]
    assert reads(rows, "team", now=NOW - 1)
    assert not reads(rows, "team", now=NOW)
    denied = [grant("team"), deny("team", expires_at=NOW)]
    assert not reads(denied, "team", now=NOW - 1)
    assert reads(denied, "team", now=NOW)


def test_decisions_hold_until_the_first_of_their_grants_ends() -> None:
    decisions = decided([grant("team", expires_at=15), deny("team", expires_at=12)], "team")
    assert [now for now in range(5, HORIZON) if decisions.hold(now)] == [10, 11]
    assert decided([grant("team")], "team").hold(FOREVER - 1)


def test_the_nearest_grant_explains_and_always_the_same_one() -> None:
    near = grant("team/payments", subject="bob")
    rows = [grant("team"), grant("team/payments"), near]
    for order in itertools.permutations(rows):
        assert decided(order, "team/payments/eu")[Verb.READ].grant == near


def test_a_right_is_held_as_long_as_the_longest_of_its_grants() -> None:
    rows = [grant("team", expires_at=12), grant("team/payments", expires_at=15)]
    assert held(rows, "team/payments", Scope.SUBTREE) == 15
    assert held(rows, "team", Scope.SUBTREE) == 12
    assert held([*rows, grant("team")], "team/payments", Scope.EXACT) == FOREVER
    assert held(rows, "team/payments", Scope.EXACT, now=15) == 0


def test_an_exact_right_is_none_over_the_subtree() -> None:
    rows = [grant("team", scope=Scope.EXACT)]
    assert held(rows, "team", Scope.EXACT) == FOREVER
    assert held(rows, "team", Scope.SUBTREE) == 0


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("below", ["team/payments", "team/payments/eu"])
def test_one_denial_below_takes_the_right_over_the_subtree_and_not_over_the_name(
    below: str, scope: Scope
) -> None:
    rows = [grant("team"), deny(below, scope=scope, expires_at=15)]
    assert held(rows, "team", Scope.SUBTREE) == 0
    assert held(rows, "team", Scope.SUBTREE, now=15) == FOREVER
    assert held(rows, "team", Scope.EXACT) == FOREVER


names = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map("/".join)
ends = st.none() | st.integers(1, HORIZON)
moments = st.integers(0, HORIZON + 1)
grants = st.lists(
    st.builds(
        grant,
        names,
        verb=st.sampled_from([Verb.READ, Verb.WRITE]),
        effect=st.sampled_from(Effect),
        scope=st.sampled_from(Scope),
        expires_at=ends,
        subject=st.sampled_from(["alice", "bob"]),
    ),
    max_size=8,
)


def oracle(rows: Iterable[GrantRow], verb: Verb, name: str, now: int) -> bool:
    """Say allowed if there is a reason for it, and none against it."""
    effects = [
        row.effect
        for row in rows
        if row.verb == verb
        and reaches(row, name)
        and not (row.expires_at is not None and row.expires_at <= now)
    ]
    return "allow" in effects and "deny" not in effects


def oracle_held(rows: Sequence[GrantRow], name: str, scope: Scope, now: int) -> int:
    """Ask at every name of the scope, and at every tick, whether the verb is allowed there."""
    places = [name]
    if scope == Scope.SUBTREE:
        below = [row.namespace for row in rows if row.namespace.startswith(f"{name}/")]
        places += [*below, f"{name}/nobody", *(f"{place}/nobody" for place in below)]
    for tick in range(now, HORIZON + 1):
        if not all(oracle(rows, Verb.READ, place, tick) for place in places):
            return 0 if tick == now else tick
    return FOREVER


@settings(max_examples=500, deadline=None)
@given(rows=grants, name=names, now=moments)
def test_decisions_are_the_oracles(rows: list[GrantRow], name: str, now: int) -> None:
    decisions = decided(rows, name, now=now)
    for verb in Verb:
        decision = decisions[verb]
        assert decision.allowed == oracle(rows, verb, name, now)
        if decision.grant is not None:
            assert (decision.grant.effect == "allow") == decision.allowed
            assert reaches(decision.grant, name)
            assert decision.grant.in_force(now)


@settings(max_examples=300, deadline=None)
@given(rows=grants, name=names, now=moments)
def test_decisions_stay_true_for_as_long_as_they_hold(
    rows: list[GrantRow], name: str, now: int
) -> None:
    decisions = decided(rows, name, now=now)
    for later in range(HORIZON + 2):
        if decisions.hold(later):
            assert decisions.by_verb == decided(rows, name, now=later).by_verb


@settings(max_examples=500, deadline=None)
@given(rows=grants, name=names, scope=st.sampled_from(Scope), now=st.integers(0, HORIZON))
def test_a_right_is_held_exactly_where_and_as_long_as_the_oracle_says(
    rows: list[GrantRow], name: str, scope: Scope, now: int
) -> None:
    assert held(rows, name, scope, now=now) == oracle_held(rows, name, scope, now)


@settings(max_examples=200, deadline=None)
@given(rows=grants, name=names, now=moments, more=grants)
def test_a_denial_never_allows_what_was_denied(
    rows: list[GrantRow], name: str, now: int, more: list[GrantRow]
) -> None:
    denials = [row for row in more if row.effect == Effect.DENY]
    before, after = decided(rows, name, now=now), decided([*rows, *denials], name, now=now)
    assert all(before[verb].allowed or not after[verb].allowed for verb in Verb)
