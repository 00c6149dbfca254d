"""Somebody is always left who can act for good: the last admin, whatever is tried."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sealwire.v1.identity_pb2 import IDENTITY_STATE_ACTIVE
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE, KEY_STATE_REVOKED, KEY_STATE_ROTATED
from tests.server.applicants import received, recovery
from tests.server.cast import Actor, Cast, outcome, refused
from tests.server.keyring import rotated
from tests.server.members import enrol

HOUR_MS = 60 * 60 * 1000


def suspend(by: Actor, admin: Actor) -> None:
    by.client.identities.suspend(admin.name)


def demote(by: Actor, admin: Actor) -> None:
    by.client.identities.demote(admin.name)


def remove(by: Actor, admin: Actor) -> None:
    by.client.identities.remove(admin.name)


def revoke_key(by: Actor, admin: Actor) -> None:
    by.client.keys.revoke(admin.key_id)


def set_end(by: Actor, admin: Actor) -> None:
    by.client.keys.revoke(admin.key_id, at=admin.member.clock() + HOUR_MS)


WAYS = [suspend, demote, remove, revoke_key, set_end]


def assert_untouched(admin: Actor) -> None:
    who = admin.client.whoami()
    assert (who.role, who.state) == ("admin", IDENTITY_STATE_ACTIVE)
    (key,) = admin.client.keys.list()
    assert (key.state, key.expires_at) == (KEY_STATE_ACTIVE, 0)
    assert [event.kind for event in admin.client.identities.get("").events] == ["identity.enrolled"]


# case 57
@pytest.mark.parametrize("way", WAYS)
def test_the_only_admin_stays_as_it_is(own_cast: Cast, way: Callable[[Actor, Actor], None]) -> None:
    admin = own_cast.admin()
    own_cast.join()
    assert refused(way, admin, admin) == "LAST_ADMIN"
    assert_untouched(admin)


# case 57
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_an_admin_who_can_not_act_for_good_does_not_count(
    own_cast: Cast, way: Callable[[Actor, Actor], None], other: Callable[[Actor, Actor], None]
) -> None:
    admin, second = own_cast.admin(), own_cast.admin()
    other(second, second)  # by their own hand, so that nothing happens to the first
    assert refused(way, admin, admin) == "LAST_ADMIN"
    assert_untouched(admin)


# case 57
def test_an_admin_whose_key_has_ended_does_not_count(own_cast: Cast) -> None:
    admin, second = own_cast.admin(), own_cast.admin()
    set_end(second, second)
    own_cast.house.clock.advance(HOUR_MS)
    assert refused(second.client.whoami) == "UNAUTHENTICATED"
    for way in WAYS:
        assert refused(way, admin, admin) == "LAST_ADMIN"


@pytest.mark.parametrize("way", WAYS)
def test_one_of_two_admins_may_go(own_cast: Cast, way: Callable[[Actor, Actor], None]) -> None:
    admin, second = own_cast.admin(), own_cast.admin()
    way(admin, second)
    assert_untouched(admin)
    way(own_cast.admin(), admin)


def test_an_admin_whose_key_is_to_end_counts_again_when_recovered(own_cast: Cast) -> None:
    house, admin, second = own_cast.house, own_cast.admin(), own_cast.admin()
    set_end(second, second)
    assert refused(demote, admin, admin) == "LAST_ADMIN"
    next_key = own_cast.enter(rotated(second.member))
    assert refused(demote, next_key, admin) == "LAST_ADMIN"
    lasting = own_cast.enter(enrol(recovery(house, second.name), clock=house.clock))
    demote(lasting, admin)
    assert refused(demote, lasting, lasting) == "LAST_ADMIN"


def test_a_suspended_admin_counts_when_resumed(own_cast: Cast) -> None:
    admin, second = own_cast.admin(), own_cast.admin()
    suspend(admin, second)
    assert refused(remove, admin, admin) == "LAST_ADMIN"
    admin.client.identities.resume(second.name)
    remove(admin, admin)
    assert second.client.whoami().role == "admin"


def test_the_last_admin_may_change_its_key(own_cast: Cast) -> None:
    before = own_cast.admin()
    after = own_cast.enter(rotated(before.member))
    assert after.client.whoami().role == "admin"
    assert [key.state for key in after.client.keys.list()] == [KEY_STATE_ACTIVE, KEY_STATE_ROTATED]
    assert refused(revoke_key, after, after) == "LAST_ADMIN"
    revoke_key(after, before)  # what has ended is nobody's last key


def test_the_last_admin_may_be_recovered(own_cast: Cast) -> None:
    house, before = own_cast.house, own_cast.admin()
    after = own_cast.enter(enrol(recovery(house, before.name), clock=house.clock))
    assert after.client.whoami().role == "admin"
    assert [key.state for key in after.client.keys.list()] == [KEY_STATE_ACTIVE, KEY_STATE_REVOKED]
    again = received(house, after.client.identities.recover(after.name))
    assert enrol(again, clock=house.clock).identity.role == "admin"


def test_where_there_is_no_admin_members_go_as_they_like(own_cast: Cast) -> None:
    member = own_cast.join()
    member.client.keys.revoke(member.key_id)
    assert refused(member.client.whoami) == "UNAUTHENTICATED"


# Races: one of the two is refused, as the last admin or as nobody's any more.


def race(*attempts: Callable[[], None]) -> list[str]:
    """Run the attempts at once, and return their outcomes."""
    start = threading.Barrier(len(attempts))

    def run(attempt: Callable[[], None]) -> str:
        start.wait(timeout=20)
        return outcome(attempt)

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


# case 57
@pytest.mark.parametrize("way", WAYS)
def test_of_two_admins_who_give_up_at_once_one_stays(
    own_cast: Cast, way: Callable[[Actor, Actor], None]
) -> None:
    admins = [own_cast.admin()]
    for _ in range(5):
        admins.append(own_cast.admin())
        outcomes = race(*(functools.partial(way, admin, admin) for admin in admins))
        assert sorted(outcomes) == ["LAST_ADMIN", "OK"]
        admins = [admins[outcomes.index("LAST_ADMIN")]]
        assert_untouched(admins[0])


# case 57
@pytest.mark.parametrize(
    ("way", "refusals"),
    [
        (remove, {"UNAUTHENTICATED"}),
        (suspend, {"UNAUTHENTICATED"}),
        (revoke_key, {"UNAUTHENTICATED"}),
        (demote, {"PERMISSION_DENIED"}),
        (set_end, {"LAST_ADMIN"}),
    ],
)
def test_of_two_admins_who_end_each_other_at_once_one_stays(
    own_cast: Cast, way: Callable[[Actor, Actor], None], refusals: set[str]
) -> None:
    stays = own_cast.admin()
    for _ in range(5):
        pair = stays, own_cast.admin()
        outcomes = race(*(functools.partial(way, one, other) for one, other in (pair, pair[::-1])))
        assert sorted(outcomes) == sorted(["OK", *refusals])
        stays = pair[outcomes.index("OK")]
        who = stays.client.whoami()
        assert (who.role, who.state) == ("admin", IDENTITY_STATE_ACTIVE)


# case 57
def test_of_many_admins_who_remove_each_other_at_once_one_stays(own_cast: Cast) -> None:
    admins = [own_cast.admin() for _ in range(4)]
    attempts = [
        functools.partial(remove, admin, other)
        for admin in admins
        for other in admins
        if other is not admin
    ]
    outcomes = race(*attempts)
    assert outcomes.count("OK") == 3
    assert set(outcomes) <= {"OK", "UNAUTHENTICATED", "IDENTITY_REMOVED"}
    assert [outcome(admin.client.whoami) for admin in admins].count("OK") == 1
