"""Grants are looked up by index: what comes back is what walking through all of them would find."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealwire.storage import Effect, GrantRow, Scope, Store, SubjectKind, Transaction, Verb
from tests.storage.builders import NOW

SUBJECTS = ["alice", "bob", "group-1", "group-2"]
NAMES = [
    "team",
    "team0",
    "team/",  # no name that gets in; here to see that nothing hangs on that
    "team/payments",
    "team/payments/eu",
    "team/payments/eu/2027",
    "team/payments2",
    "team/payments-eu",
    "team/payments0",
    "team.payments",
    "tea",
    "*",
    "team/*",
    "team/%",
    "%",
]


def grant(namespace: str, subject: str = "alice", *, scope: Scope = Scope.SUBTREE) -> GrantRow:
    return GrantRow(
        subject_kind=SubjectKind.IDENTITY,
        subject_id=subject,
        verb=Verb.READ,
        namespace=namespace,
        scope=scope,
        effect=Effect.ALLOW,
        expires_at=None,
        granted_by=None,
        created_at=NOW,
    )


def is_below(name: str, above: str) -> bool:
    """Compare segment by segment."""
    segments, prefix = name.split("/"), above.split("/")
    return len(segments) > len(prefix) and segments[: len(prefix)] == prefix


def covers(row: GrantRow, name: str) -> bool:
    return row.namespace == name or (row.scope == "subtree" and is_below(name, row.namespace))


class Undo(Exception):
    """Ends a unit without leaving anything."""


class Found:
    """What the look-ups say of one set of grants; the test undoes what it wrote."""

    def __init__(self, store: Store, rows: list[GrantRow], name: str, subjects: list[str]) -> None:
        def unit(tx: Transaction) -> None:
            for row in rows:
                tx.grants.put(row)
            self.covering = set(tx.grants.covering(name, subjects=subjects))
            self.covering_all = set(tx.grants.covering_all(name))
            self.denials_below = set(tx.grants.denials_below(name, subjects=subjects))
            self.at = set(tx.grants.at(name, subject_id=SUBJECTS[0]))
            self.touched = tx.grants.touch(name)
            raise Undo

        with pytest.raises(Undo):
            store.write_blocking(unit)


rows_of_grants = st.lists(
    st.builds(
        GrantRow,
        subject_kind=st.sampled_from(SubjectKind),
        subject_id=st.sampled_from(SUBJECTS),
        verb=st.sampled_from(Verb),
        namespace=st.sampled_from(NAMES),
        scope=st.sampled_from(Scope),
        effect=st.sampled_from(Effect),
        expires_at=st.none() | st.integers(1, 5),
        granted_by=st.none(),
        created_at=st.just(NOW),
    ),
    max_size=10,
    unique_by=lambda row: row.address,
)


# case 50, case 52
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=rows_of_grants,
    name=st.sampled_from(NAMES),
    subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, unique=True),
)
def test_look_ups_find_what_a_walk_through_all_grants_finds(
    store: Store, rows: list[GrantRow], name: str, subjects: list[str]
) -> None:
    found = Found(store, rows, name, subjects)
    covering = {row for row in rows if covers(row, name)}
    assert found.covering_all == covering
    assert found.covering == {row for row in covering if row.subject_id in subjects}
    assert found.denials_below == {
        row
        for row in rows
        if row.subject_id in subjects and row.effect == "deny" and is_below(row.namespace, name)
    }
    assert found.at == {
        row for row in rows if row.subject_id == SUBJECTS[0] and row.namespace == name
    }
    assert found.touched == any(
        row.namespace == name or is_below(row.namespace, name) or is_below(name, row.namespace)
        for row in rows
    )


def test_a_grant_takes_the_place_of_one_that_differs_in_its_end_only(store: Store) -> None:
    first = grant("team")
    later = dataclasses.replace(first, expires_at=NOW + 1)

    def unit(tx: Transaction) -> list[GrantRow]:
        tx.grants.put(first)
        tx.grants.put(later)
        return tx.grants.of_subject("alice")

    assert store.write_blocking(unit) == [later]


def test_grants_that_differ_in_anything_else_stand_side_by_side(store: Store) -> None:
    first = grant("team")
    others = [
        dataclasses.replace(first, subject_id="bob"),
        dataclasses.replace(first, verb=Verb.WRITE),
        dataclasses.replace(first, scope=Scope.EXACT),
        dataclasses.replace(first, effect=Effect.DENY),
        dataclasses.replace(first, namespace="team/x"),
    ]

    def unit(tx: Transaction) -> list[GrantRow]:
        for row in (first, *others):
            tx.grants.put(row)
        return [*tx.grants.of_subject("alice"), *tx.grants.of_subject("bob")]

    assert set(store.write_blocking(unit)) == {first, *others}


def test_what_is_taken_back_is_gone_and_the_rest_stays(store: Store) -> None:
    kept, gone = grant("team"), grant("team", scope=Scope.EXACT)

    def unit(tx: Transaction) -> None:
        tx.grants.put(kept)
        tx.grants.put(gone)
        tx.grants.remove(gone)

    store.write_blocking(unit)
    assert store.read_blocking(lambda tx: tx.grants.of_subject("alice")) == [kept]
    store.write_blocking(lambda tx: tx.grants.remove_subject("alice"))
    assert store.read_blocking(lambda tx: tx.grants.of_subject("alice")) == []
