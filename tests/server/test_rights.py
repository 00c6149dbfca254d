"""What is remembered of who may do what: it is true of one state of the store, and no other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.core.clock import system_clock
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PrivateKey
from sealwire.server.claims import claim
from sealwire.server.deployment import init_deployment
from sealwire.server.invitations import open_store
from sealwire.server.rights import Rights, RightsView
from sealwire.storage import IdentityState, NewIdentity, Store, Transaction, Verb

NOW = system_clock()
KEY = PrivateKey.generate(os.urandom).public_key


class Undo(MalformedError):
    """Ends a unit, and undoes what it did."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    deployment = init_deployment(
        tmp_path / "deployment",
        hosts=["localhost"],
        listen="127.0.0.1:0",
        clock=system_clock,
        random=os.urandom,
    )
    with open_store(deployment, random=os.urandom) as opened:
        yield opened


@pytest.fixture
def identity_id(store: Store) -> str:
    new = NewIdentity("alice", "member", KEY)
    return store.write_blocking(lambda tx: tx.identities.create(new, NOW).id)


def may_read(view: RightsView, identity_id: str) -> bool:
    return view.decisions(identity_id, "notes", now=NOW)[Verb.READ].allowed


def is_active(view: RightsView) -> bool:
    standing = view.standing(KEY.key_id)
    return standing is not None and standing.may_act(NOW)


def test_a_decision_is_made_once_for_a_state_and_anew_for_the_next(
    store: Store, identity_id: str
) -> None:
    rights = Rights()

    def asked(tx: Transaction) -> tuple[bool, bool]:
        view = rights.of(tx)
        first = view.decisions(identity_id, "notes", now=NOW)
        return first[Verb.READ].allowed, first is view.decisions(identity_id, "notes", now=NOW)

    assert store.read_blocking(asked) == (False, True)
    store.write_blocking(lambda tx: claim(tx, "notes", identity_id=identity_id, now=NOW))
    assert store.read_blocking(asked) == (True, True)
    store.write_blocking(lambda tx: tx.grants.remove_subject(identity_id))
    assert store.read_blocking(asked) == (False, True)


# case 53
def test_what_a_unit_finds_out_after_its_own_change_is_forgotten_with_the_change(
    store: Store, identity_id: str
) -> None:
    rights = Rights()

    def grants_itself_and_fails(tx: Transaction) -> None:
        view = rights.of(tx)
        claim(tx, "notes", identity_id=identity_id, now=NOW)
        tx.groups.add_member(tx.groups.create("group", now=NOW), identity_id, now=NOW)
        assert may_read(view, identity_id)
        assert len(view.subjects(identity_id)) == 2
        raise Undo("This unit has no effect.")

    with pytest.raises(MalformedError):
        store.write_blocking(grants_itself_and_fails)
    assert not store.read_blocking(lambda tx: may_read(rights.of(tx), identity_id))
    assert store.read_blocking(lambda tx: rights.of(tx).subjects(identity_id)) == {identity_id}


# case 17
def test_a_standing_found_after_an_undone_change_is_forgotten_with_it(
    store: Store, identity_id: str
) -> None:
    rights = Rights()

    def set_state(tx: Transaction, state: IdentityState) -> None:
        found = tx.identities.find(identity_id)
        assert found is not None
        tx.identities.set_state(found, state)

    def resumes_itself_and_fails(tx: Transaction) -> None:
        view = rights.of(tx)
        set_state(tx, IdentityState.ACTIVE)
        assert is_active(view)
        raise Undo("This unit has no effect.")

    store.write_blocking(lambda tx: set_state(tx, IdentityState.SUSPENDED))
    with pytest.raises(MalformedError):
        store.write_blocking(resumes_itself_and_fails)
    assert not store.read_blocking(lambda tx: is_active(rights.of(tx)))
