"""Keys end: at once or at a time that was set, for good, by their owner's hand or an admin's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sealwire.core.keys import thumbprint
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE, KEY_STATE_REVOKED, KEY_STATE_ROTATED
from tests.server.applicants import recovery, refusal
from tests.server.cast import Cast, refused
from tests.server.keyring import (
    ask,
    certified,
    new_key,
    proof,
    renewed,
    rotated,
    serial,
    works,
)
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess
from tests.server.wire import UNAUTHENTICATED, wire_of

HOUR_MS = 60 * 60 * 1000
SOON_MS = 4 * 60 * 1000
# TLS goes by the real clock, and certificates are good from five minutes before they are issued.
FOREVER = 2**63 - 1


# At once.


# case 17
def test_a_revoked_key_is_refused_at_the_next_request_of_an_open_connection(cast: Cast) -> None:
    admin, owner, stolen = cast.admin(), cast.join(), cast.join()
    for by, whose in ((owner, owner), (admin, stolen)):
        with wire_of(whose.member) as line:
            assert works(line, whose.member)
            key = by.client.keys.revoke(whose.key_id)
            assert (key.state, key.ended_at) == (KEY_STATE_REVOKED, cast.house.clock())
            assert ask(line, whose.member).status == UNAUTHENTICATED
        event = admin.client.identities.get(whose.name).events[0]
        assert (event.kind, event.detail) == ("key.revoked", whose.key_id)
        assert (event.actor, event.actor_key_id) == (by.name, by.key_id)


# case 17
def test_a_revoked_key_is_as_unknown_as_one_that_never_was(cast: Cast) -> None:
    member = cast.join()
    member.client.keys.revoke(member.key_id)
    with wire_of(member.member) as line:
        revoked = ask(line, member.member)
        unknown = ask(line, dataclasses.replace(member.member, key=new_key()))
    assert revoked.status.SerializeToString() == unknown.status.SerializeToString()


def test_what_has_ended_ends_no_second_time(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    after = rotated(member.member)
    revoked = admin.client.keys.revoke(after.key.public_key.key_id)
    assert admin.client.keys.revoke(after.key.public_key.key_id) == revoked
    assert admin.client.keys.revoke(after.key.public_key.key_id, at=FOREVER) == revoked
    assert admin.client.keys.revoke(member.key_id).state == KEY_STATE_ROTATED
    kinds = [event.kind for event in admin.client.identities.get(member.name).events]
    assert kinds == ["key.revoked", "key.rotated", "identity.enrolled"]


# case 17
def test_a_revoked_key_comes_back_by_no_way(cast: Cast, name: str) -> None:
    admin, member, other = cast.admin(), cast.join(), cast.join()
    member.client.keys.revoke(member.key_id)
    key, house = member.member.key, cast.house
    assert refusal(house, house.invite(name), key=key) == UNAUTHENTICATED
    assert refusal(house, recovery(house, member.name), key=key) == UNAUTHENTICATED
    assert refused(other.client.keys.rotate, proof(key, other.member)) == "ALREADY_EXISTS"
    admin.client.identities.suspend(member.name)
    admin.client.identities.resume(member.name)
    assert refused(member.client.whoami) == "UNAUTHENTICATED"


# case 48, case 53, case 58
def test_a_member_ends_its_own_keys_and_nobody_elses(cast: Cast) -> None:
    admin, member, other = cast.admin(), cast.join(), cast.join()
    for named in (other.key_id, admin.key_id, thumbprint(b"nobody's")):
        for at in (0, FOREVER, -1):
            assert refused(member.client.keys.revoke, named, at=at) == "PERMISSION_DENIED"
        assert refused(member.client.keys.list, named) == "PERMISSION_DENIED"
    assert other.client.whoami() == other.member.identity
    after = cast.enter(rotated(member.member))
    assert after.client.keys.revoke(member.key_id).state == KEY_STATE_ROTATED
    assert after.client.keys.revoke(after.key_id).state == KEY_STATE_REVOKED


def test_a_key_is_named_by_its_id(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    for named in ("", member.name, member.key_id[:-1], member.key_id + "A"):
        assert refused(admin.client.keys.revoke, named) == "MALFORMED"
    assert refused(admin.client.keys.revoke, thumbprint(b"nobody's")) == "NOT_FOUND"


# At a time to come.


# case 17
def test_a_key_is_good_until_the_tick_before_its_end(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join()
    end = clock() + SOON_MS
    key = member.client.keys.revoke(member.key_id, at=end)
    assert (key.state, key.expires_at, key.ended_at) == (KEY_STATE_ACTIVE, end, 0)
    with wire_of(member.member) as line:
        clock.advance(SOON_MS - 1)
        assert works(line, member.member)
        clock.advance(1)
        assert ask(line, member.member).status == UNAUTHENTICATED
    event = own_cast.admin().client.identities.get(member.name).events[0]
    assert (event.kind, event.detail) == ("key.end_set", member.key_id)


def test_an_end_may_come_sooner_and_never_later(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join()
    admin, revoke = own_cast.admin(), member.client.keys.revoke
    end = clock() + SOON_MS
    assert revoke(member.key_id, at=end).expires_at == end
    assert revoke(member.key_id, at=end).expires_at == end
    assert revoke(member.key_id, at=end - 1).expires_at == end - 1
    kinds = [event.kind for event in admin.client.identities.get(member.name).events]
    assert kinds == ["key.end_set", "key.end_set", "identity.enrolled"]
    for later in (end, FOREVER):
        assert refused(revoke, member.key_id, at=later) == "ENDS_SOONER"
        assert refused(admin.client.keys.revoke, member.key_id, at=later) == "ENDS_SOONER"
    assert revoke(member.key_id).state == KEY_STATE_REVOKED
    assert refused(member.client.whoami) == "UNAUTHENTICATED"


# case 26
@pytest.mark.parametrize("at", [-FOREVER - 1, -1, 1])
def test_a_key_ends_at_no_time_that_has_passed(cast: Cast, at: int) -> None:
    member, revoke = cast.join(), cast.admin().client.keys.revoke
    for moment in (at, cast.house.clock(), cast.house.clock() - 1):
        assert refused(revoke, member.key_id, at=moment) == "MALFORMED"
    assert revoke(member.key_id, at=FOREVER).expires_at == FOREVER
    assert member.client.whoami() == member.member.identity


def test_a_key_that_has_ended_is_followed_by_none_and_its_owner_is_recovered(
    own_cast: Cast,
) -> None:
    house, admin, member = own_cast.house, own_cast.admin(), own_cast.join()
    successor = certified(member.member)
    member.client.keys.revoke(member.key_id, at=house.clock() + SOON_MS)
    house.clock.advance(SOON_MS)
    assert refused(member.client.keys.rotate, proof(successor.key, member.member)) == (
        "UNAUTHENTICATED"
    )
    assert admin.client.identities.get(member.name).identity.public_key_id == ""
    assert refused(admin.client.keys.revoke, member.key_id, at=FOREVER) == "ENDS_SOONER"
    found = own_cast.enter(enrol(recovery(house, member.name), clock=house.clock))
    assert found.client.whoami().public_key_id == found.key_id
    assert [key.state for key in found.client.keys.list()] == [KEY_STATE_ACTIVE, KEY_STATE_REVOKED]
    assert refused(member.client.whoami) == "UNAUTHENTICATED"


def test_an_end_that_was_set_is_not_shed_by_rotating(own_cast: Cast) -> None:
    house, member = own_cast.house, own_cast.join()
    member.client.keys.revoke(member.key_id, at=house.clock() + SOON_MS)
    end = house.clock() + SOON_MS
    after = own_cast.enter(rotated(rotated(member.member)))
    assert [key.expires_at for key in after.client.keys.list()] == [end] * 3
    assert refused(after.client.keys.revoke, after.key_id, at=end + 1) == "ENDS_SOONER"
    house.clock.advance(SOON_MS - 1)
    assert after.client.whoami().name == member.name
    house.clock.advance(1)
    assert refused(after.client.whoami) == "UNAUTHENTICATED"


# Clocks.


# case 101
def test_what_was_ended_stays_ended_wherever_the_servers_clock_goes(own_cast: Cast) -> None:
    clock, admin = own_cast.house.clock, own_cast.admin()
    bystander, revoked, late, suspended, old = (own_cast.join() for _ in range(5))
    late.client.keys.revoke(late.key_id, at=clock() + HOUR_MS)
    clock.advance(HOUR_MS)
    rotated(old.member)
    admin.client.keys.revoke(revoked.key_id)
    admin.client.keys.revoke(late.key_id)  # so that it does not come back with an earlier time
    admin.client.identities.suspend(suspended.name)
    for step in (0, -HOUR_MS, HOUR_MS, HOUR_MS, -2 * HOUR_MS):
        clock.advance(step)
        assert bystander.client.whoami() == bystander.member.identity
        for gone in (revoked, late, suspended, old):
            with wire_of(gone.member) as line:
                answer = ask(line, gone.member)
            assert (answer.status, answer.issued_at) == (UNAUTHENTICATED, clock())


# case 25, case 101
def test_a_key_ends_by_the_servers_clock_and_not_by_what_a_request_states(own_cast: Cast) -> None:
    clock, member = own_cast.house.clock, own_cast.join()
    end = clock() + HOUR_MS
    member.client.keys.revoke(member.key_id, at=end)
    slow = dataclasses.replace(member.member, clock=lambda: end - 1)
    fast = dataclasses.replace(member.member, clock=lambda: end + 1_000)
    with wire_of(member.member) as line:
        clock.advance(HOUR_MS - 1)
        assert works(line, slow)
        assert works(line, fast)
        clock.advance(1)
        assert ask(line, slow).status == UNAUTHENTICATED
        assert ask(line, fast).status == UNAUTHENTICATED


# Restarts.


# case 17
def test_what_was_ended_stays_ended_when_the_server_is_started_again(directory: Path) -> None:
    with ServerProcess(directory) as server:
        names = ("root", "ended", "suspended", "old", "shown", "fine")
        everybody = {name: enrol(invite(server.deployment, name, role="admin")) for name in names}
        new = rotated(everybody["old"])
        spare = renewed(everybody["shown"])
        with everybody["root"].client() as admin:
            admin.keys.revoke(everybody["ended"].key.public_key.key_id)
            admin.identities.suspend("suspended")
            shown = everybody["shown"]
            admin.keys.revoke_certificate(shown.key.public_key.key_id, serial(shown))
        assert server.terminate().code == 0
    with ServerProcess(directory) as again:
        for name, member in everybody.items():
            with wire_of(member.at(again.identity)) as line:
                assert works(line, member) == (name in {"root", "fine"}), name
        for member in (new, spare):
            with wire_of(member.at(again.identity)) as line:
                assert works(line, member)
