"""How requests were answered: kept with their effect, for whoever asked, as long as is said."""

from __future__ import annotations

import pytest

from sealwire.core.errors import ErasedError, RequestIdReusedError
from sealwire.storage import (
    IdentityState,
    KeyState,
    NewIdentity,
    NewRecord,
    Store,
    Transaction,
    finish_erasures,
)
from tests.storage.builders import ALICE, BOB, NOW, get, namespace_of, private_key
from tests.storage.suite.engines import Engine

REQUEST = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
DIGEST, OTHER_DIGEST = bytes(32), bytes([1]) * 32


@pytest.fixture
def alice(store: Store) -> str:
    new = NewIdentity("alice", "member", ALICE.public_key)
    return store.write_blocking(lambda tx: tx.identities.create(new, NOW).id)


@pytest.fixture
def bob(store: Store) -> str:
    new = NewIdentity("bob", "member", BOB.public_key)
    return store.write_blocking(lambda tx: tx.identities.create(new, NOW).id)


def answer(store: Store, asker: str, response: bytes, *, now: int = NOW) -> None:
    store.write_blocking(
        lambda tx: tx.answers.add(asker, REQUEST, digest=DIGEST, response=response, now=now)
    )


def answered(store: Store, asker: str, digest: bytes = DIGEST) -> bytes | None:
    return store.read_blocking(lambda tx: tx.answers.find(asker, REQUEST, digest=digest))


@pytest.mark.parametrize("response", [b"", b"answer", bytes(200_000)])
def test_a_request_that_was_answered_is_answered_alike(
    engine: Engine, store: Store, alice: str, response: bytes
) -> None:
    assert answered(store, alice) is None
    answer(store, alice, response)
    assert answered(store, alice) == response
    store.close()
    with engine.opened(seed="again") as again:
        assert answered(again, alice) == response


def test_another_request_of_the_same_id_is_refused(store: Store, alice: str) -> None:
    answer(store, alice, b"answer")
    with pytest.raises(RequestIdReusedError, match="nothing was changed"):
        answered(store, alice, OTHER_DIGEST)
    assert answered(store, alice) == b"answer"


def test_ids_of_one_identity_are_not_anothers(store: Store, alice: str, bob: str) -> None:
    answer(store, alice, b"alice's")
    assert answered(store, bob) is None
    answer(store, bob, b"bob's")
    assert (answered(store, alice), answered(store, bob)) == (b"alice's", b"bob's")


def test_an_answer_is_there_if_and_only_if_its_effect_is(store: Store, alice: str) -> None:
    namespace = namespace_of(store, ALICE, "team")

    def unit(tx: Transaction) -> None:
        tx.records.put(namespace, NewRecord("march", b"value"), now=NOW)
        tx.answers.add(alice, REQUEST, digest=DIGEST, response=b"answer", now=NOW)

    def fails(tx: Transaction) -> None:
        unit(tx)
        raise LookupError("Refused.")

    with pytest.raises(LookupError):
        store.write_blocking(fails)
    assert (get(store, namespace, "march"), answered(store, alice)) == (None, None)
    store.write_blocking(unit)
    assert (get(store, namespace, "march"), answered(store, alice)) == (b"value", b"answer")


def test_answers_are_forgotten_from_the_tick_before_a_moment_on(store: Store, alice: str) -> None:
    answer(store, alice, b"answer")
    assert store.write_blocking(lambda tx: tx.answers.forget(before=NOW)) == 0
    assert answered(store, alice) == b"answer"
    assert store.write_blocking(lambda tx: tx.answers.forget(before=NOW + 1)) == 1
    assert answered(store, alice) is None


def test_an_answer_stays_good_when_its_asker_has_another_key(store: Store, alice: str) -> None:
    answer(store, alice, b"answer")

    def rotate(tx: Transaction) -> None:
        (key,) = tx.keys.of_identity(alice)
        tx.keys.add(alice, private_key(0xA2).public_key, now=NOW)
        tx.keys.end(key, KeyState.ROTATED, now=NOW)

    store.write_blocking(rotate)
    assert answered(store, alice) == b"answer"


def test_what_an_erased_identity_was_answered_opens_no_more(
    store: Store, alice: str, bob: str
) -> None:
    answer(store, alice, b"alice's")
    answer(store, bob, b"bob's")

    def erase(tx: Transaction) -> None:
        row = tx.identities.find(alice)
        assert row is not None
        tx.identities.set_state(row, IdentityState.ERASED)

    store.write_blocking(erase)
    finish_erasures(store)
    with pytest.raises(ErasedError):
        answered(store, alice)
    assert answered(store, bob) == b"bob's"
