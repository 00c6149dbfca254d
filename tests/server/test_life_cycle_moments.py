"""Killed between any two writes, a server goes on with all of a change of keys, or none of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.applicants import recovery
from tests.server.keyring import certified, new_key, proof, works
from tests.server.members import Member, enrol
from tests.server.moments import Moments, step_by_step
from tests.server.served import Served
from tests.server.wire import wire_of
from tests.support.event_loops import LoopThread


class Killed:
    """The lives of a server after each moment of the first one."""

    def __init__(self, moments: Moments, house: Served, loop: LoopThread, into: Path) -> None:
        self._moments, self._house, self._loop, self._into = moments, house, loop, into

    def lives(self) -> Iterator[Served]:
        """Serve what was left at each moment, one after the other."""
        for number in range(len(self._moments.states)):
            deployment = self._moments.restored(number, self._into / str(number))
            again = Served(deployment, self._loop, self._house.clock)
            server = again.start()
            try:
                yield again
            finally:
                self._loop.run(server.stop())


Watched = tuple[Served, Moments, Killed]


@pytest.fixture
def watched(tmp_path: Path, loop: LoopThread) -> Iterator[Watched]:
    with step_by_step(tmp_path / "deployment") as (house, moments):
        yield house, moments, Killed(moments, house, loop, tmp_path / "killed")


def let_in(house: Served, member: Member) -> bool:
    reached = member.at(house.identity)
    with wire_of(reached) as line:
        return works(line, reached)


def assert_one_moment(outcomes: list[bool]) -> None:
    """Fail unless the change was not there at first, came once, and stayed."""
    assert len(outcomes) > 2
    assert outcomes == sorted(outcomes)
    assert (outcomes[0], outcomes[-1]) == (False, True)


# case 17, case 70
def test_a_rotation_leaves_one_usable_key_at_every_moment(watched: Watched) -> None:
    house, moments, killed = watched
    old = house.enrol("alice")
    new = certified(old)
    with old.client() as client:
        client.whoami()
        with moments.watched():
            client.keys.rotate(proof(new.key, old))
    outcomes = []
    for again in killed.lives():
        outcomes.append(let_in(again, new))
        assert let_in(again, old) != outcomes[-1]
        if not outcomes[-1]:
            with old.at(again.identity).client() as client:
                client.keys.rotate(proof(new.key, old))
        assert let_in(again, new)
    assert_one_moment(outcomes)


# case 17, case 70
def test_a_revocation_that_was_acknowledged_holds_and_none_is_half_done(watched: Watched) -> None:
    house, moments, killed = watched
    alice = house.enrol("alice")
    with alice.client() as client, moments.watched():
        client.keys.revoke(alice.key.public_key.key_id)
    assert_one_moment([not let_in(again, alice) for again in killed.lives()])


# case 70
@pytest.mark.parametrize("kind", ["new", "recovered"])
def test_an_enrolment_goes_on_with_the_same_key_from_every_moment(
    watched: Watched, kind: str
) -> None:
    house, moments, killed = watched
    key = new_key()
    lost = house.enrol("lost")
    invitation = house.invite("alice") if kind == "new" else recovery(house, "lost")
    with moments.watched():
        member = enrol(invitation, key=key, clock=house.clock)
    outcomes = []
    for again in killed.lives():
        outcomes.append(let_in(again, member))
        assert let_in(again, lost) == (kind == "new" or not outcomes[-1])
        reached = dataclasses.replace(invitation, server=again.identity)
        repeated = enrol(reached, key=key, clock=house.clock)
        assert repeated.identity.name == member.identity.name
        assert let_in(again, repeated)
    assert_one_moment(outcomes)
