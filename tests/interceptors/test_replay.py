"""Every nonce is good once, whatever the clock does and however often the server restarts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sealwire.core.envelope import sign_request
from sealwire.core.errors import AuthenticationError, Code, ConfigurationError, OverloadedError
from sealwire.core.requests import TimeWindow
from sealwire.interceptors import NonceStore, create_journal, open_nonce_store
from sealwire.v1.envelope_pb2 import RequestStatement
from tests.interceptors.shop import Shop, open_shop
from tests.support.clocks import AdjustableClock
from tests.support.servers import House

WINDOW = TimeWindow()
RETENTION_MS = WINDOW.window_ms + WINDOW.skew_ms
HOUR_MS = 60 * 60 * 1000


def test_a_request_is_accepted_once(shop: Shop) -> None:
    # case 19
    signed = shop.order()
    shop.line.place(signed)
    assert shop.line.refusal(signed).code == Code.UNAUTHENTICATED
    assert "used before" in str(shop.house.refusals[-1].error)
    assert len(shop.service.orders) == 1


def test_a_request_on_another_connection_is_still_a_replay(shop: Shop) -> None:
    # case 19
    signed = shop.order()
    shop.line.place(signed)
    with shop.line_of(shop.alice) as line:
        assert line.refusal(signed).code == Code.UNAUTHENTICATED


def test_a_new_request_with_an_old_nonce_is_a_replay(shop: Shop) -> None:
    # case 19
    signed = shop.order()
    shop.line.place(signed)
    statement = RequestStatement.FromString(signed.payload)
    statement.issued_at += 1
    again = sign_request(statement, shop.alice.key)
    assert shop.line.refusal(again).code == Code.UNAUTHENTICATED


def test_a_refused_request_does_not_use_up_its_nonce(shop: Shop) -> None:
    signed, forged = shop.order(), shop.order()
    forged.CopyFrom(signed)
    forged.signature = bytes(64)
    shop.line.refusal(forged)
    shop.line.place(signed)


def test_of_a_hundred_identical_requests_at_once_exactly_one_is_accepted(shop: Shop) -> None:
    # case 22
    signed = shop.order()
    futures = [shop.line.future(signed) for _ in range(100)]
    failed = [future for future in futures if future.exception() is not None]
    assert len(failed) == 99
    codes = {shop.line.refused(future, signed).code for future in failed}
    assert codes == {Code.UNAUTHENTICATED}
    assert len(shop.service.orders) == 1


def test_two_keys_may_use_the_same_nonce(shop: Shop) -> None:
    # case 28
    bob = shop.house.enrol("bob")
    shop.granted["bob"] = shop.granted["alice"]
    signed = shop.order()
    statement = RequestStatement.FromString(signed.payload)
    statement.public_key_id = bob.key_id
    shop.line.place(signed)
    with shop.line_of(bob) as line:
        line.place(sign_request(statement, bob.key))


def test_a_full_store_refuses_and_forgets_nothing(house: House) -> None:
    # case 29
    house.replay = house.fresh_nonces(capacity=3)
    with open_shop(house) as shop:
        accepted = [shop.order() for _ in range(3)]
        for signed in accepted:
            shop.line.place(signed)
        refused = shop.order()
        status = shop.line.refusal(refused)
        assert (status.code, status.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
        for signed in accepted:
            assert shop.line.refusal(signed).code == Code.UNAUTHENTICATED
        assert len(shop.service.orders) == 3


def test_a_memory_of_nonces_refuses_what_a_predecessor_may_have_accepted(house: House) -> None:
    # case 20
    with open_shop(house) as shop:
        alice, signed = shop.alice, shop.order()
        shop.line.place(signed)
    house.replay = NonceStore.in_memory(clock=house.clock, monotonic_ms=house.monotonic)
    with open_shop(house) as shop, shop.line_of(alice) as line:
        assert line.refusal(signed).code == Code.UNAUTHENTICATED
        assert "not kept" in str(house.refusals[-1].error)


@pytest.mark.parametrize("restarts", [1, 3])
def test_a_restart_with_its_journal_knows_what_was_accepted(
    house: House, tmp_path: Path, restarts: int
) -> None:
    # case 20
    create_journal(tmp_path / "replay")
    with_journal(house, tmp_path)
    with open_shop(house) as shop:
        alice, signed = shop.alice, shop.order()
        shop.line.place(signed)
    for _ in range(restarts):
        with_journal(house, tmp_path)
        with open_shop(house) as shop, shop.line_of(alice) as line:
            assert line.refusal(signed).code == Code.UNAUTHENTICATED
            assert "used before" in str(house.refusals[-1].error)
            shop.line.place(shop.order())  # and takes new ones at once


def test_a_restart_without_its_journal_refuses_what_may_have_been_accepted(
    house: House, tmp_path: Path
) -> None:
    # case 20
    create_journal(tmp_path / "replay")
    with_journal(house, tmp_path)
    with open_shop(house) as shop:
        alice, signed = shop.alice, shop.order()
        shop.line.place(signed)
    for file in (tmp_path / "replay").iterdir():
        file.unlink()
    with_journal(house, tmp_path)
    with open_shop(house) as shop, shop.line_of(alice) as line:
        assert line.refusal(signed).code == Code.UNAUTHENTICATED
        assert shop.line.refusal(shop.order()).code == Code.UNAUTHENTICATED
        house.clock.advance(WINDOW.skew_ms + 1)
        shop.line.place(shop.order())
        assert line.refusal(signed).code == Code.UNAUTHENTICATED


def with_journal(house: House, folder: Path) -> None:
    """Begin again with the journal in `folder`, as a restarted server does."""
    house.replay = open_nonce_store(
        folder / "replay", clock=house.clock, monotonic_ms=house.monotonic, window=WINDOW
    )


class Claims:
    """A store of nonces whose two clocks a test moves."""

    def __init__(self, *, capacity: int = 1_000) -> None:
        """Begin with a store that accepts requests of this moment."""
        self.clock, self.monotonic = AdjustableClock(), AdjustableClock(0)
        self.store = NonceStore.in_memory(
            clock=self.clock, monotonic_ms=self.monotonic, capacity=capacity
        )
        self.pass_time(WINDOW.skew_ms + 1)

    def pass_time(self, milliseconds: int) -> None:
        """Let both clocks go on."""
        self.clock.advance(milliseconds)
        self.monotonic.advance(milliseconds)

    def statement(self) -> RequestStatement:
        """Return a new statement, issued now."""
        return RequestStatement(issued_at=self.clock(), nonce=os.urandom(24), public_key_id="k")

    def claim(self, statement: RequestStatement) -> RequestStatement:
        """Claim a nonce that must be new."""
        asyncio.run(self.store.claim(statement))
        return statement

    def assert_replayed(self, statement: RequestStatement) -> None:
        """Assert that a nonce can't be claimed."""
        with pytest.raises(AuthenticationError):
            asyncio.run(self.store.claim(statement))

    def fill_generations(self) -> None:
        """Let so much time and so many requests pass that both generations are new."""
        for _ in range(4):
            self.pass_time(RETENTION_MS + 1)
            self.claim(self.statement())

    @property
    def remembered(self) -> int:
        """How many nonces are kept."""
        return len(self.store.current.nonces) + len(self.store.older.nonces)


def test_a_nonce_is_kept_for_as_long_as_its_request_could_pass() -> None:
    claims = Claims()
    ahead = claims.statement()
    ahead.issued_at += WINDOW.skew_ms
    claims.claim(ahead)
    step = 1_000
    while WINDOW.admits(ahead.issued_at, now=claims.clock()):
        claims.assert_replayed(ahead)
        claims.claim(claims.statement())
        claims.pass_time(step)


def test_generations_retire_when_both_clocks_have_moved_on() -> None:
    claims = Claims()
    for _ in range(10):
        claims.claim(claims.statement())
    claims.fill_generations()
    assert claims.remembered <= 2


def test_nothing_retires_while_only_the_wall_clock_moves() -> None:
    # case 101
    claims = Claims()
    claims.claim(claims.statement())
    for _ in range(5):
        claims.clock.advance(HOUR_MS)
        claims.claim(claims.statement())
    assert claims.remembered == 6


def test_nothing_retires_while_only_the_monotonic_clock_moves() -> None:
    # case 101
    claims = Claims()
    claims.claim(claims.statement())
    for _ in range(5):
        claims.monotonic.advance(HOUR_MS)
        claims.claim(claims.statement())
    assert claims.remembered == 6


def test_a_clock_that_steps_forward_and_back_lets_no_request_pass_twice() -> None:
    # case 101
    claims = Claims()
    before = claims.claim(claims.statement())
    claims.clock.advance(HOUR_MS)
    during = claims.claim(claims.statement())
    claims.fill_generations()
    claims.clock.advance(-HOUR_MS)
    claims.assert_replayed(before)
    claims.assert_replayed(during)


def test_a_clock_that_steps_back_lets_no_request_of_then_pass_twice() -> None:
    # case 101
    claims = Claims()
    start = claims.clock()
    accepted = [claims.claim(claims.statement()) for _ in range(3)]
    claims.fill_generations()
    assert claims.remembered <= 2
    claims.clock.now = start
    for statement in accepted:
        claims.assert_replayed(statement)


def test_a_clock_that_stepped_back_is_remembered_across_a_restart(tmp_path: Path) -> None:
    # case 101
    claims = Claims()
    create_journal(tmp_path / "replay")

    def restart() -> NonceStore:
        return open_nonce_store(
            tmp_path / "replay",
            clock=claims.clock,
            monotonic_ms=claims.monotonic,
            window=WINDOW,
        )

    claims.store = restart()
    start = claims.clock()
    accepted = claims.claim(claims.statement())
    claims.fill_generations()
    claims.clock.now = start
    with pytest.raises(ConfigurationError, match="ahead of this machine's clock"):
        restart()
    claims.clock.now = start + 2 * RETENTION_MS
    claims.store = restart()
    claims.assert_replayed(accepted)


def test_a_full_store_makes_room_once_generations_retire() -> None:
    # case 29
    claims = Claims(capacity=5)
    accepted = [claims.claim(claims.statement()) for _ in range(5)]
    with pytest.raises(OverloadedError):
        claims.claim(claims.statement())
    for statement in accepted:
        claims.assert_replayed(statement)
    claims.pass_time(RETENTION_MS + 1)
    with pytest.raises(OverloadedError):
        claims.claim(claims.statement())
    claims.pass_time(RETENTION_MS + 1)
    claims.claim(claims.statement())
