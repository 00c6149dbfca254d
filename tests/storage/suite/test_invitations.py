from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import threading

import pytest

from sealwire.core.errors import AlreadyExistsError, AuthenticationError
from sealwire.storage import IdentityRow, InvitationRow, NewIdentity, Store, Transaction
from tests.storage.builders import ALICE, BOB, NOW

DIGEST = hashlib.sha256(b"token").digest()
INVITATION = InvitationRow("invitation-1", DIGEST, "alice", "member", NOW, NOW + 1000)
RACERS = 16


@pytest.fixture
def invited(store: Store) -> Store:
    store.write_blocking(lambda tx: tx.invitations.create(INVITATION))
    return store


def take(store: Store, digest: bytes = DIGEST, now: int = NOW) -> InvitationRow:
    return store.write_blocking(
        lambda tx: tx.invitations.take(INVITATION.id, token_digest=digest, now=now)
    )


def enrol(tx: Transaction, name: str) -> IdentityRow:
    taken = tx.invitations.take(INVITATION.id, token_digest=DIGEST, now=NOW)
    identity = tx.identities.create(NewIdentity(name, "member", ALICE.public_key), NOW)
    tx.invitations.finish(taken, identity_id=identity.id)
    return identity


def test_an_invitation_is_taken_until_the_tick_before_it_expires(invited: Store) -> None:
    taken = take(invited, now=INVITATION.expires_at - 1)
    assert taken == dataclasses.replace(INVITATION, used_at=INVITATION.expires_at - 1)


def test_an_expired_invitation_is_refused(invited: Store) -> None:
    with pytest.raises(AuthenticationError):
        take(invited, now=INVITATION.expires_at)


@pytest.mark.parametrize("digest", [b"", DIGEST[:-1], DIGEST + b"\0", bytes(32)])
def test_another_token_is_refused_and_does_not_use_the_invitation_up(
    invited: Store, digest: bytes
) -> None:
    with pytest.raises(AuthenticationError):
        take(invited, digest)
    assert take(invited).id == INVITATION.id


def test_an_invitation_is_taken_once(invited: Store) -> None:
    take(invited)
    with pytest.raises(AuthenticationError):
        take(invited)


def test_racing_threads_have_exactly_one_winner(invited: Store) -> None:
    start = threading.Barrier(RACERS)

    def race() -> bool:
        start.wait()
        try:
            take(invited)
        except AuthenticationError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        winners = [future.result() for future in [pool.submit(race) for _ in range(RACERS)]]
    assert winners.count(True) == 1


def test_every_refusal_reads_the_same(invited: Store) -> None:
    def refusal(invitation_id: str, digest: bytes, now: int) -> str:
        with pytest.raises(AuthenticationError) as refused:
            invited.write_blocking(
                lambda tx: tx.invitations.take(invitation_id, token_digest=digest, now=now)
            )
        return str(refused.value)

    unknown = refusal("invitation-2", DIGEST, NOW)
    no_token = refusal("invitation-2", b"", NOW)
    wrong = refusal(INVITATION.id, bytes(32), NOW)
    expired = refusal(INVITATION.id, DIGEST, INVITATION.expires_at)
    take(invited)
    used = refusal(INVITATION.id, DIGEST, NOW)
    assert {unknown, no_token, wrong, expired} == {used}


def test_enrolment_notes_who_came(invited: Store) -> None:
    identity = invited.write_blocking(lambda tx: enrol(tx, "alice"))
    assert invited.read_blocking(lambda tx: tx.identities.find(identity.id)) == identity
    with pytest.raises(AuthenticationError):
        take(invited)


def test_an_enrolment_that_fails_leaves_the_invitation_unused(invited: Store) -> None:
    taken = NewIdentity("alice", "member", BOB.public_key)
    invited.write_blocking(lambda tx: tx.identities.create(taken, NOW))
    with pytest.raises(AlreadyExistsError):
        invited.write_blocking(lambda tx: enrol(tx, "alice"))
    assert invited.write_blocking(lambda tx: enrol(tx, "alice-2")).name == "alice-2"


def test_an_invitation_has_an_id_of_its_own(invited: Store) -> None:
    with pytest.raises(AlreadyExistsError):
        invited.write_blocking(lambda tx: tx.invitations.create(INVITATION))


def test_the_digest_of_a_token_is_not_shown() -> None:
    assert repr(DIGEST) not in repr(INVITATION)


def test_a_newcomer_may_show_the_invitation_that_it_became(invited: Store) -> None:
    identity = invited.write_blocking(lambda tx: enrol(tx, "alice"))
    invited.read_blocking(
        lambda tx: tx.invitations.require_spent_on(
            identity.id, invitation_id=INVITATION.id, token_digest=DIGEST, now=NOW
        )
    )


@pytest.mark.parametrize(
    ("token", "now"), [(bytes(32), NOW), (DIGEST, INVITATION.expires_at)], ids=["token", "time"]
)
def test_an_invitation_is_shown_with_its_token_and_in_its_time(
    invited: Store, token: bytes, now: int
) -> None:
    identity = invited.write_blocking(lambda tx: enrol(tx, "alice"))
    with pytest.raises(AuthenticationError):
        invited.read_blocking(
            lambda tx: tx.invitations.require_spent_on(
                identity.id, invitation_id=INVITATION.id, token_digest=token, now=now
            )
        )


@pytest.mark.parametrize("identity_id", ["somebody-else", ""])
def test_an_invitation_that_became_nobody_or_another_is_refused(
    invited: Store, identity_id: str
) -> None:
    with pytest.raises(AuthenticationError):
        invited.read_blocking(
            lambda tx: tx.invitations.require_spent_on(
                identity_id, invitation_id=INVITATION.id, token_digest=DIGEST, now=NOW
            )
        )
