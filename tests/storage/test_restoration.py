"""An older database is put back: what ended since ends again, and nothing is given."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sealwire.core.errors import AuthenticationError, ConfigurationError, SealError
from sealwire.storage import (
    AuthorityJournal,
    Effect,
    Fact,
    IdentityState,
    KeyState,
    NewIdentity,
    Store,
    SubjectKind,
    Transaction,
    Verb,
    restore,
)
from sealwire.storage.restoration import Restoration
from tests.core.builders import RepeatableRandom
from tests.storage.builders import (
    ALICE,
    BOB,
    NOW,
    ROOT_KEYS,
    Seconds,
    create,
    journal_of,
    opened,
    plain,
    private_key,
    salts_of,
)
from tests.storage.changes import INVITATION, LATER, found, grant, key_of, populate, sequence

CAROL = private_key(0xC0)
SERIAL = "a1b2"
Act = Callable[[Transaction], Any]


@dataclass
class House:
    """A database, and copies that were made of it."""

    path: Path
    copies: list[bytes] = field(default_factory=list)
    runs: int = 0

    def run(self, *acts: Act) -> None:
        """Do what changes authority, one transaction each."""
        self.runs += 1
        with opened(self.path, seed=f"run {self.runs}") as store:
            for act in acts:
                store.write_blocking(act)

    def copy(self) -> None:
        """Make a backup."""
        self.copies.append(self.path.read_bytes())

    def put_back(self, number: int = -1) -> None:
        """Put a copy in the place of the database."""
        self.path.write_bytes(self.copies[number])

    def restore(self) -> Restoration:
        """Take up what was put back."""
        journal = AuthorityJournal(journal_of(self.path), lambda: NOW)
        lines = journal.read()
        store = Store.open_restored(
            self.path,
            root_keys=ROOT_KEYS,
            journal=journal,
            salts=salts_of(self.path),
            random=RepeatableRandom("restored"),
            monotonic=Seconds(),
        )
        with contextlib.closing(store):
            return store.write_blocking(lambda tx: restore(tx, lines, now=LATER))

    def since_copy(self, *acts: Act) -> Restoration:
        """Copy, do something, put the copy back, and take it up."""
        self.copy()
        self.run(*acts)
        self.put_back()
        return self.restore()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Store]:
        """Open what is there now, as a server does."""
        with opened(self.path, seed="again") as store:
            yield store

    def see(self, act: Act) -> Any:  # noqa: ANN401 - whatever the test asks about
        """Return what a transaction reads."""
        with self.opened() as store:
            return store.read_blocking(act)


@pytest.fixture
def house(tmp_path: Path) -> House:
    path = create(tmp_path / "sealwire.db")
    with opened(path) as store:
        populate(store)
    return House(path)


def names(facts: list[Fact]) -> list[tuple[str, str]]:
    return [(fact.table, fact.column) for fact in facts]


def revoke(tx: Transaction) -> None:
    tx.keys.end(key_of(tx, "bob"), KeyState.REVOKED, now=NOW)


def rotate(tx: Transaction) -> None:
    old = key_of(tx, "bob")
    tx.keys.add(old.identity_id, CAROL.public_key, now=NOW)
    tx.keys.end(old, KeyState.ROTATED, now=NOW)


def state(wanted: IdentityState) -> Act:
    return lambda tx: tx.identities.set_state(found(tx, "bob"), wanted)


def role(wanted: str) -> Act:
    return lambda tx: tx.identities.set_role(found(tx, "bob"), wanted)


def deny(tx: Transaction) -> None:
    tx.grants.put(grant(tx, "bob", Verb.WRITE, effect=Effect.DENY))


def ungrant(tx: Transaction) -> None:
    tx.grants.remove(grant(tx, "bob"))


def leave(tx: Transaction) -> None:
    group = tx.groups.find("ops")
    assert group is not None
    assert tx.groups.remove_member(group, found(tx, "bob").id)


def take(tx: Transaction) -> None:
    tx.invitations.take(INVITATION.id, token_digest=INVITATION.token_digest, now=NOW)


def revoke_certificate(tx: Transaction) -> None:
    tx.keys.revoke_certificate(BOB.public_key.key_id, SERIAL, now=NOW)


def expire(tx: Transaction) -> None:
    tx.keys.expire(key_of(tx, "bob"), at=LATER)


def remove(tx: Transaction) -> None:
    bob = found(tx, "bob")
    revoke(tx)
    tx.grants.remove_subject(bob.id)
    tx.groups.leave_all(bob.id)
    tx.identities.set_state(bob, IdentityState.REMOVED)


ENDINGS: dict[str, tuple[Act, Act, object]] = {
    "a revoked key": (revoke, lambda tx: key_of(tx, "bob").state, KeyState.REVOKED),
    "a key's end": (expire, lambda tx: key_of(tx, "bob").expires_at, LATER),
    "a revoked certificate": (
        revoke_certificate,
        lambda tx: tx.keys.revoked_certificates(BOB.public_key.key_id),
        {SERIAL},
    ),
    "a suspension": (
        state(IdentityState.SUSPENDED),
        lambda tx: found(tx, "bob").state,
        IdentityState.SUSPENDED,
    ),
    "a removal": (
        remove,
        lambda tx: (
            found(tx, "bob").state,
            key_of(tx, "bob").state,
            tx.grants.of_subject(found(tx, "bob").id),
            tx.groups.of_identity(found(tx, "bob").id),
        ),
        (IdentityState.REMOVED, KeyState.REVOKED, [], frozenset()),
    ),
    "an erasure": (
        state(IdentityState.ERASED),
        lambda tx: found(tx, "bob").state,
        IdentityState.ERASED,
    ),
    "an admin's demotion": (role("member"), lambda tx: found(tx, "bob").role, "member"),
    "a grant taken back": (ungrant, lambda tx: tx.grants.of_subject(found(tx, "bob").id), []),
    "a denial": (
        deny,
        lambda tx: {(g.effect, g.verb) for g in tx.grants.of_subject(found(tx, "bob").id)},
        {(Effect.ALLOW, Verb.READ), (Effect.DENY, Verb.WRITE)},
    ),
    "a membership": (leave, lambda tx: tx.groups.of_identity(found(tx, "bob").id), frozenset()),
}


# case 98
@pytest.mark.parametrize(("act", "look", "wanted"), ENDINGS.values(), ids=ENDINGS.keys())
def test_what_ended_since_the_backup_ends_again(
    house: House, act: Act, look: Act, wanted: object
) -> None:
    outcome = house.since_copy(act)
    assert house.see(look) == wanted
    assert outcome.reapplied
    assert (outcome.lost, outcome.incomplete) == ([], False)


# case 98
def test_a_key_that_was_rotated_is_revoked_because_its_successor_is_not_there(
    house: House,
) -> None:
    outcome = house.since_copy(rotate)
    key = house.see(lambda tx: key_of(tx, "bob"))
    assert (key.public_key, key.state, key.ended_at) == (BOB.public_key, KeyState.REVOKED, LATER)
    assert names(outcome.reapplied) == [("keys", "state")]
    assert [fact.row for fact in outcome.lost] == [{"public_key_id": CAROL.public_key.key_id}]


# case 98
def test_an_invitation_that_was_used_is_not_good_again(house: House) -> None:
    outcome = house.since_copy(take)
    assert names(outcome.reapplied) == [("invitations", "used_at")]
    with house.opened() as store, pytest.raises(AuthenticationError):
        store.write_blocking(take)


GIVEN: dict[str, Act] = {
    "an identity": lambda tx: tx.identities.create(
        NewIdentity("carol", "admin", CAROL.public_key), NOW
    ),
    "a grant": lambda tx: tx.grants.put(grant(tx, "bob", Verb.WRITE)),
    "a group": lambda tx: tx.groups.create("staff", now=NOW),
    "a key": lambda tx: tx.keys.add(found(tx, "bob").id, CAROL.public_key, now=NOW),
}


@pytest.mark.parametrize("act", GIVEN.values(), ids=GIVEN.keys())
def test_what_was_given_since_the_backup_is_listed_and_not_given(house: House, act: Act) -> None:
    before = house.see(everything)
    outcome = house.since_copy(act)
    assert outcome.reapplied == []
    assert outcome.lost
    assert house.see(everything) == before


def everything(tx: Transaction) -> object:
    """Return what decides who may do what."""
    people = tx.identities.page(after=None, limit=100)
    return [
        (
            person,
            tx.keys.of_identity(person.id),
            tx.grants.of_subject(person.id),
            tx.groups.of_identity(person.id),
        )
        for person in people
    ] + [tx.groups.all()]


def test_what_was_undone_again_before_the_backup_was_put_back_stays_as_it_was(
    house: House,
) -> None:
    before = house.see(everything)
    outcome = house.since_copy(
        state(IdentityState.SUSPENDED),
        state(IdentityState.ACTIVE),
        role("member"),
        role("admin"),
        ungrant,
        lambda tx: tx.grants.put(grant(tx, "bob")),
        deny,
        lambda tx: tx.grants.remove(grant(tx, "bob", Verb.WRITE, effect=Effect.DENY)),
    )
    assert (outcome.reapplied, outcome.lost) == ([], [])
    assert house.see(everything) == before


@pytest.mark.parametrize("before", [IdentityState.SUSPENDED, IdentityState.REMOVED])
def test_whatever_had_become_of_an_identity_before_an_erasure_ends_more(
    house: House, before: IdentityState
) -> None:
    house.run(state(before))
    outcome = house.since_copy(state(IdentityState.ERASED))
    assert names(outcome.reapplied) == [("identities", "state")]
    assert house.see(lambda tx: found(tx, "bob").state) == IdentityState.ERASED


def test_what_was_lifted_since_the_backup_is_not_lifted_but_listed(house: House) -> None:
    house.run(state(IdentityState.SUSPENDED), deny, role("member"))
    before = house.see(everything)
    outcome = house.since_copy(
        state(IdentityState.ACTIVE),
        lambda tx: tx.grants.remove(grant(tx, "bob", Verb.WRITE, effect=Effect.DENY)),
        role("admin"),
    )
    assert outcome.reapplied == []
    assert names(outcome.lost) == [("identities", "state"), ("grants", ""), ("identities", "role")]
    assert house.see(everything) == before


def test_a_denial_holds_again_until_when_it_was_last_said_to(house: House) -> None:
    house.run(lambda tx: tx.grants.put(grant(tx, "bob", effect=Effect.DENY, expires_at=NOW + 1)))
    house.since_copy(lambda tx: tx.grants.put(grant(tx, "bob", effect=Effect.DENY)))
    grants = house.see(lambda tx: tx.grants.of_subject(found(tx, "bob").id))
    assert [g.expires_at for g in grants if g.effect == Effect.DENY] == [None]


def test_a_denial_by_somebody_who_came_since_holds_without_naming_them(house: House) -> None:
    def denied_by_carol(tx: Transaction) -> None:
        carol = tx.identities.create(NewIdentity("carol", "admin", CAROL.public_key), NOW)
        denial = grant(tx, "bob", Verb.WRITE, effect=Effect.DENY)
        tx.grants.put(dataclasses.replace(denial, granted_by=carol.id))

    house.since_copy(denied_by_carol)
    grants = house.see(lambda tx: tx.grants.of_subject(found(tx, "bob").id))
    assert [g.granted_by for g in grants if g.effect == Effect.DENY] == [None]


def test_whoever_was_put_into_a_group_that_is_denied_something_is_in_it_again(
    house: House,
) -> None:
    def deny_staff(tx: Transaction) -> None:
        staff = tx.groups.create("staff", now=NOW)
        denial = grant(tx, "bob", effect=Effect.DENY)
        tx.grants.put(
            dataclasses.replace(denial, subject_kind=SubjectKind.GROUP, subject_id=staff.id)
        )

    def join(tx: Transaction) -> None:
        staff = tx.groups.find("staff")
        assert staff is not None
        assert tx.groups.add_member(staff, found(tx, "bob").id, now=NOW)

    house.run(deny_staff)
    outcome = house.since_copy(join)
    assert names(outcome.reapplied) == [("members", "")]
    assert len(house.see(lambda tx: tx.groups.of_identity(found(tx, "bob").id))) == 2


def test_afterwards_the_store_opens_and_knows_more_than_the_journal_did(house: House) -> None:
    house.copy()
    house.run(revoke, ungrant)
    journalled = house.see(lambda tx: tx.authority.version().sequence)
    house.put_back()
    with pytest.raises(ConfigurationError, match="older"), house.opened():
        pass
    house.restore()
    with house.opened() as store:
        assert sequence(store) > journalled
    assert [line.change["change"] for line in journal_lines(house)][-3:] == [
        "restored",
        "changed",
        "removed",
    ]


def journal_lines(house: House) -> list[Any]:
    return AuthorityJournal(journal_of(house.path), lambda: NOW).read()


def test_the_same_backup_put_back_again_loses_no_ending(house: House) -> None:
    house.since_copy(revoke)
    house.run(ungrant)
    house.put_back()
    outcome = house.restore()
    assert set(names(outcome.reapplied)) == {("keys", "state"), ("grants", "")}


def test_what_was_given_and_then_left_behind_by_a_restoration_does_not_undo_an_ending(
    house: House,
) -> None:
    """The oldest copy has the grant, the middle one does not, and it was given after that one."""
    house.copy()
    house.run(ungrant)
    house.copy()
    house.run(lambda tx: tx.grants.put(grant(tx, "bob")))
    house.put_back(1)
    house.restore()
    assert house.see(lambda tx: tx.grants.of_subject(found(tx, "bob").id)) == []
    house.put_back(0)
    house.restore()
    assert house.see(lambda tx: tx.grants.of_subject(found(tx, "bob").id)) == []


def test_what_ended_and_was_then_left_behind_ends_also_in_a_copy_that_was_made_after_it_began(
    house: House,
) -> None:
    """The later copy has a key that the earlier one does not; its end was left behind with it."""
    house.copy()
    house.run(lambda tx: tx.keys.add(found(tx, "bob").id, CAROL.public_key, now=NOW))
    house.copy()
    house.run(revoke)
    house.put_back(0)
    house.restore()
    house.put_back(1)
    house.restore()
    assert house.see(lambda tx: key_of(tx, "bob").state) == KeyState.REVOKED


def test_a_database_that_is_not_older_stays_as_it_is(house: House) -> None:
    before = house.path.read_bytes(), journal_of(house.path).read_bytes()
    outcome = house.restore()
    assert outcome == Restoration()
    assert (house.path.read_bytes(), journal_of(house.path).read_bytes()) == before


def test_a_journal_that_begins_after_the_backup_says_that_it_may_lack_something(
    house: House,
) -> None:
    house.copy()
    house.run(revoke, ungrant)
    journal_of(house.path).unlink()
    house.run(leave)
    house.put_back()
    assert house.restore().incomplete


def test_a_backup_whose_rows_were_altered_is_refused_and_left_as_it_is(house: House) -> None:
    house.copy()
    house.run(revoke)
    house.put_back()
    with plain(house.path) as connection:
        connection.execute("UPDATE keys SET created_at = 1")
    before = house.path.read_bytes()
    with pytest.raises(SealError):
        house.restore()
    assert house.path.read_bytes() == before


def test_whoever_is_not_in_the_backup_gets_no_denial_and_no_end(house: House) -> None:
    def come_and_go(tx: Transaction) -> None:
        tx.identities.create(NewIdentity("carol", "member", CAROL.public_key), NOW)
        tx.grants.put(grant(tx, "carol", effect=Effect.DENY))
        tx.keys.revoke_certificate(CAROL.public_key.key_id, SERIAL, now=NOW)
        tx.keys.end(key_of(tx, "carol"), KeyState.REVOKED, now=NOW)

    before = house.see(everything)
    outcome = house.since_copy(come_and_go)
    assert outcome.reapplied == []
    assert house.see(everything) == before


def test_alice_who_had_no_part_in_any_of_it_keeps_what_she_has(house: House) -> None:
    before = house.see(lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id))
    house.since_copy(remove, take)
    assert house.see(lambda tx: tx.identities.find_by_key(ALICE.public_key.key_id)) == before
