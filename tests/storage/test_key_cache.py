from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from sealwire.core.errors import ErasedError, OverloadedError, SealError, UnavailableError
from sealwire.core.sealing import IdentityKey
from sealwire.storage.key_cache import KeyCache
from tests.storage.builders import ALICE, BOB, Seconds

KEY_BYTES = 32


class Derivation:
    """Fills a slot with one byte, and keeps what it found there and for whom it was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.found: list[bytes] = []

    def of(self, name: str) -> Callable[[memoryview], None]:
        def derive_into(slot: memoryview) -> None:
            self.calls.append(name)
            self.found.append(bytes(slot))
            slot[:] = name.encode() * KEY_BYTES

        return derive_into


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def derivation() -> Derivation:
    return Derivation()


@pytest.fixture
def cache(clock: Seconds) -> KeyCache:
    return KeyCache(monotonic=clock, ttl_seconds=60, slots=2)


def borrow(
    cache: KeyCache, derivation: Derivation, name: str
) -> AbstractContextManager[IdentityKey]:
    return cache.borrow(
        name, owner=ALICE.public_key, root_version=1, derive_into=derivation.of(name)
    )


def read(cache: KeyCache, derivation: Derivation, name: str) -> bytes:
    with borrow(cache, derivation, name) as key:
        return bytes(key.secret)


def test_a_key_is_derived_once_within_its_time(
    cache: KeyCache, derivation: Derivation, clock: Seconds
) -> None:
    for _ in range(3):
        assert read(cache, derivation, "a") == b"a" * KEY_BYTES
        clock.now += 19.9
    assert derivation.calls == ["a"]


def test_a_key_lives_from_its_derivation_however_often_it_is_used(
    cache: KeyCache, derivation: Derivation, clock: Seconds
) -> None:
    for _ in range(3):
        read(cache, derivation, "a")
        clock.now += 30
    assert derivation.calls == ["a", "a"]


def test_a_key_says_whose_it_is(cache: KeyCache, derivation: Derivation) -> None:
    with cache.borrow(
        "a", owner=BOB.public_key, root_version=7, derive_into=derivation.of("a")
    ) as key:
        assert (key.owner, key.root_version) == (BOB.public_key, 7)


def test_identity_owner_and_root_version_each_have_a_key_of_their_own(clock: Seconds) -> None:
    cache = KeyCache(monotonic=clock)
    derivation = Derivation()
    for identity_id, owner, root_version in itertools.product("ab", (ALICE, BOB), (1, 2)):
        with cache.borrow(
            identity_id,
            owner=owner.public_key,
            root_version=root_version,
            derive_into=derivation.of("k"),
        ):
            pass
    assert len(derivation.calls) == 8


def test_an_expired_key_is_wiped_without_being_asked_for(
    cache: KeyCache, derivation: Derivation, clock: Seconds
) -> None:
    with borrow(cache, derivation, "a") as key:
        secret = key.secret
    clock.now += 59.9
    cache.expire()
    assert bytes(secret) == b"a" * KEY_BYTES
    clock.now += 0.2
    cache.expire()
    with pytest.raises(ValueError, match="released"):
        bytes(secret)
    read(cache, derivation, "b")
    read(cache, derivation, "c")
    assert derivation.found == [bytes(KEY_BYTES)] * 3


def test_the_least_recently_used_key_makes_room_and_its_slot_is_wiped(
    cache: KeyCache, derivation: Derivation
) -> None:
    for name in ["a", "b", "a", "c", "a", "b"]:
        read(cache, derivation, name)
    assert derivation.calls == ["a", "b", "c", "b"]
    assert derivation.found == [bytes(KEY_BYTES)] * 4


def test_a_key_that_is_being_read_never_makes_room(cache: KeyCache, derivation: Derivation) -> None:
    with borrow(cache, derivation, "a") as key:
        for name in "bcdef":
            read(cache, derivation, name)
        assert bytes(key.secret) == b"a" * KEY_BYTES


def test_with_every_slot_being_read_a_further_key_is_refused(
    cache: KeyCache, derivation: Derivation
) -> None:
    with borrow(cache, derivation, "a"):
        with (
            cache.borrow(
                "b", owner=ALICE.public_key, root_version=1, derive_into=derivation.of("b")
            ),
            pytest.raises(OverloadedError),
        ):
            read(cache, derivation, "c")
        assert read(cache, derivation, "c") == b"c" * KEY_BYTES


def test_a_key_that_expires_while_it_is_read_is_wiped_when_it_is_given_back(
    cache: KeyCache, derivation: Derivation, clock: Seconds
) -> None:
    with borrow(cache, derivation, "a") as key:
        secret = key.secret
        clock.now += 61
        cache.expire()
        assert read(cache, derivation, "a") == b"a" * KEY_BYTES
        assert bytes(secret) == b"a" * KEY_BYTES
    assert derivation.calls == ["a", "a"]
    with pytest.raises(ValueError, match="released"):
        bytes(secret)


def test_a_derivation_that_fails_leaves_no_key_and_no_slot_behind(
    cache: KeyCache, derivation: Derivation
) -> None:
    def fail(slot: memoryview) -> None:
        slot[:8] = b"half-way"
        raise SealError("No salt.")

    for _ in range(5):
        with (
            pytest.raises(SealError),
            cache.borrow("a", owner=ALICE.public_key, root_version=1, derive_into=fail),
        ):
            pass
    for name in "ab":
        assert read(cache, derivation, name) == name.encode() * KEY_BYTES
    assert derivation.found == [bytes(KEY_BYTES)] * 2


def test_a_forgotten_identitys_keys_are_wiped_at_once_and_no_other_ones(
    cache: KeyCache, derivation: Derivation
) -> None:
    with borrow(cache, derivation, "a") as key:
        secret = key.secret
    read(cache, derivation, "b")
    cache.forget("a")
    with pytest.raises(ValueError, match="released"):
        bytes(secret)
    assert read(cache, derivation, "b") == b"b" * KEY_BYTES
    assert derivation.calls == ["a", "b"]


def test_a_forgotten_key_that_is_being_read_is_wiped_when_it_is_given_back(
    cache: KeyCache, derivation: Derivation
) -> None:
    with borrow(cache, derivation, "a") as key:
        secret = key.secret
        cache.forget("a")
        assert bytes(secret) == b"a" * KEY_BYTES
    with pytest.raises(ValueError, match="released"):
        bytes(secret)
    for name in "bc":
        read(cache, derivation, name)
    assert derivation.found == [bytes(KEY_BYTES)] * 3


def test_a_forgotten_identitys_key_is_not_derived_again_even_if_it_could_be(
    cache: KeyCache, derivation: Derivation, clock: Seconds
) -> None:
    """As by a reader whose snapshot is older than the erasure."""
    cache.forget("a")
    for _ in range(2):
        with pytest.raises(ErasedError), borrow(cache, derivation, "a"):
            pass
        clock.now += 61
        cache.expire()
    assert derivation.calls == []


def test_closing_wipes_every_key_and_lends_none_any_more(
    cache: KeyCache, derivation: Derivation
) -> None:
    kept: list[IdentityKey] = []
    for name in "ab":
        with borrow(cache, derivation, name) as key:
            kept.append(key)
    cache.close()
    cache.close()
    for key in kept:
        with pytest.raises(ValueError, match="released"):
            bytes(key.secret)
    with pytest.raises(UnavailableError):
        read(cache, derivation, "a")


def test_closing_leaves_a_key_to_its_reader_until_it_is_given_back(
    cache: KeyCache, derivation: Derivation
) -> None:
    with borrow(cache, derivation, "a") as key:
        cache.close()
        assert bytes(key.secret) == b"a" * KEY_BYTES
    with pytest.raises(ValueError, match="released"):
        bytes(key.secret)


def test_no_reader_ever_sees_another_key_or_a_wiped_one() -> None:
    """More names than slots, and time that runs, so that slots change hands all along."""
    ticks = itertools.count()
    cache = KeyCache(monotonic=lambda: float(next(ticks)), ttl_seconds=50, slots=5)
    derivation = Derivation()
    start = threading.Barrier(4)

    def reader(first: int) -> int:
        start.wait()
        wrong = 0
        for step in range(2000):
            name = "abcdefgh"[(first + step * 3) % 8]
            with borrow(cache, derivation, name) as key:
                wrong += any(bytes(key.secret) != name.encode() * KEY_BYTES for _ in range(5))
            if step % 100 == 0:
                cache.expire()
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(reader, range(4))) == 0
    assert len(derivation.calls) > 100
    assert set(derivation.found) == {bytes(KEY_BYTES)}
