"""What may happen to a deployment, drawn at random, and what is there before it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.server.authority_model import VERBS, Subject

SHORTEST, LONGEST = 10, 50

FIRST = ("admin", "admin", "member", "member")
NAMESPACES = ("n", "n/a", "n/a/b", "n/a2", "n/c", "m", "m/x")
RECORDS = ("r0", "r1")
WRITTEN = ("n", "n/a")
"""Where the first record is there already, with a value of 7."""
GROUPS: dict[str, set[int]] = {"g0": {3, 1}}
OWNER = 2
CLAIMED = "n"


class Given(NamedTuple):
    """What the owner has granted; `lasts` is in ticks."""

    subject: Subject
    verbs: tuple[str, ...]
    namespace: str
    scope: str = "subtree"
    effect: str = "allow"
    lasts: int | None = None


GRANTED = (
    Given(("group", "g0"), ("read", "share"), "n"),
    Given(("group", "g0"), ("list",), "n", lasts=3),
    Given(("identity", 1), ("read",), "n", lasts=3),
    Given(("identity", 3), ("admin", "write"), "n/a"),
    Given(("identity", 3), ("read", "delete"), "n/a", scope="exact"),
    Given(("group", "g0"), ("delete",), "n/a/b", effect="deny"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step by the name of its method, which model and world both have."""

    name: str
    args: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.name}{self.args}"


# Whoever holds something comes up more often: the rest is refused, which is soon known.
_numbers = st.sampled_from([2, 3, 4, 2, 3, 4, 0, 1, 5, 6])
_signers = st.tuples(_numbers, st.sampled_from([0] * 7 + [1]))
_granters = st.tuples(st.sampled_from([2, 2, 2, 2, 3, 3, 3, 4, 1, 0]), st.just(0))
_admins = st.tuples(st.sampled_from([0, 1, 0, 1, 2]), st.just(0))
_namespaces = st.sampled_from(["n", "n", "n/a", "n/a", *NAMESPACES])
_groups = st.sampled_from(["g0", "g0", "g1"])
_subjects = st.one_of(
    st.tuples(st.just("identity"), _numbers), st.tuples(st.just("group"), _groups)
)
_verbs = st.sampled_from(
    [
        *[(verb,) for verb in VERBS],
        ("share",),
        ("read", "share"),
        ("list", "delete"),
        ("admin", "share"),
        VERBS,
    ]
)
_scopes = st.sampled_from(["subtree", "subtree", "exact"])
_effects = st.sampled_from(["allow", "allow", "allow", "deny"])
_ends = st.sampled_from([None, None, 1, 1, 2, 3, 0])
_grants = st.tuples(_granters, _subjects, _verbs, _namespaces, _scopes, _effects, _ends)
_regrants = st.tuples(
    _granters,
    st.sampled_from([(given.subject, given.verbs, given.namespace) for given in GRANTED]),
    _ends,
).map(lambda drawn: (drawn[0], *drawn[1], "subtree", "allow", drawn[2]))
_guesses = st.tuples(_granters, _subjects, _verbs, _namespaces, _effects)
_aimed = st.tuples(
    _granters,
    st.sampled_from(
        [
            (given.subject, verbs, given.namespace, given.effect)
            for given in (*GRANTED, Given(("identity", OWNER), VERBS, CLAIMED))
            for verbs in (*((verb,) for verb in given.verbs), given.verbs)
        ]
    ),
).map(lambda drawn: (drawn[0], *drawn[1]))
_leavings = st.just(((1, 0), "g0", 1))
_records = st.sampled_from(RECORDS)
_changes = st.sampled_from(["active", "suspended", "admin", "member", "active"])

PLAN: dict[str, tuple[int, st.SearchStrategy[Any]]] = {
    "wait": (8, st.tuples(st.sampled_from([0, 1, 1, 2]))),
    "put": (10, st.tuples(_signers, _namespaces, _records, st.integers(0, 255))),
    "get": (6, st.tuples(_signers, _namespaces, _records)),
    "list_records": (3, st.tuples(_signers, _namespaces)),
    "delete": (3, st.tuples(_signers, _namespaces, _records)),
    "grant": (20, st.one_of(_grants, _grants, _grants, _regrants)),
    "ungrant": (9, st.one_of(_guesses, _aimed)),
    "list_grants": (2, st.tuples(_signers, _namespaces)),
    "test": (4, st.tuples(_signers, _numbers, _namespaces)),
    "create_group": (2, st.tuples(_admins, _groups)),
    "add_member": (5, st.tuples(_admins, _groups, _numbers)),
    "remove_member": (4, st.one_of(st.tuples(_admins, _groups, _numbers), _leavings)),
    "list_groups": (1, st.tuples(_signers)),
    "enrol": (2, st.tuples(_admins, st.sampled_from(["member", "admin"]))),
    "recover": (1, st.tuples(_admins, _numbers)),
    "change": (6, st.tuples(_admins, _numbers, _changes)),
    "remove": (1, st.tuples(_admins, _numbers)),
    "look": (2, st.tuples(_signers, _numbers)),
    "rotate": (2, st.tuples(_signers)),
    "revoke_key": (2, st.tuples(_signers, _signers, _ends)),
    "revoke_certificate": (1, st.tuples(_signers, _signers)),
    "renew": (1, st.tuples(_signers)),
    "whoami": (1, st.tuples(_signers)),
}
"""How often each step comes up, and with what."""

steps = st.one_of(
    *(
        st.builds(Step, st.just(name), args)
        for name, (weight, args) in PLAN.items()
        for _ in range(weight)
    )
)
sequences = st.lists(steps, min_size=SHORTEST, max_size=LONGEST)
