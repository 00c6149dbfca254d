"""Whose key is lost is invited again: a new key, and everything else as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwire.client import UnauthenticatedError
from sealwire.core.errors import NotFoundError, StatusError
from sealwire.core.invitation import Invitation
from sealwire.core.keys import thumbprint
from sealwire.core.secret_files import read_secret
from sealwire.v1.identity_pb2 import (
    IDENTITY_STATE_SUSPENDED,
    CreateInvitationRequest,
    WhoAmIRequest,
)
from sealwire.v1.keys_pb2 import KEY_STATE_ACTIVE, KEY_STATE_REVOKED, KEY_STATE_ROTATED
from tests.server.applicants import certificate_for, received, recovery, refusal
from tests.server.cast import Actor, Cast, exact, refused
from tests.server.keyring import ask, rotated, works
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess, operate
from tests.server.wire import UNAUTHENTICATED, WHOAMI, wire_of

INVITE = "/sealwire.v1.IdentityService/CreateInvitation"
DAY_MS = 24 * 60 * 60 * 1000

Recover = Callable[[Cast, Actor, str], Invitation]
"""A way to make an invitation: where, by which admin, and for whom."""


def by_the_operator(cast: Cast, _admin: Actor, named: str) -> Invitation:
    return recovery(cast.house, named)


def by_an_admin(cast: Cast, admin: Actor, named: str) -> Invitation:
    return received(cast.house, admin.client.identities.recover(named))


both = pytest.mark.parametrize("recover", [by_the_operator, by_an_admin])


# case 17
@both
def test_a_new_key_becomes_the_identity_and_the_lost_one_is_refused_at_once(
    cast: Cast, recover: Recover
) -> None:
    admin, lost = cast.admin(), cast.join(role="admin")
    with wire_of(lost.member) as line:
        invitation = recover(cast, admin, lost.name)
        assert works(line, lost.member)  # until the invitation is used
        found = cast.enter(enrol(invitation, clock=cast.house.clock))
        assert ask(line, lost.member).status == UNAUTHENTICATED
    before, after = lost.member.identity, found.client.whoami()
    assert (after.id, after.name, after.role) == (before.id, before.name, "admin")
    assert (after.created_at, after.public_key_id) == (before.created_at, found.key_id)
    assert [(key.public_key_id, key.generation, key.state) for key in found.client.keys.list()] == [
        (found.key_id, 2, KEY_STATE_ACTIVE),
        (lost.key_id, 1, KEY_STATE_REVOKED),
    ]


@both
def test_records_grants_and_groups_are_as_they_were(
    cast: Cast, namespace: str, recover: Recover
) -> None:
    admin, lost, friend = cast.admin(), cast.join(), cast.join()
    group = cast.group(admin, lost)
    lost.client.put(namespace, "record", b"value")
    friend.client.put(f"{namespace}-shared", "record", b"shared")
    exact(friend, lost, "read", f"{namespace}-shared")
    found = cast.enter(enrol(recover(cast, admin, lost.name), clock=cast.house.clock))
    assert found.client.get(namespace, "record").value == b"value"
    assert found.client.put(namespace, "record", b"again").version == 2
    assert found.client.get(f"{namespace}-shared", "record").value == b"shared"
    assert refused(found.client.put, f"{namespace}-shared", "record", b"") == "PERMISSION_DENIED"
    assert [each.name for each in found.client.permissions.groups()] == [group]


@both
def test_a_recovery_is_written_down_when_it_is_invited_to_and_when_it_happens(
    cast: Cast, recover: Recover
) -> None:
    admin, lost = cast.admin(), cast.join()
    found = cast.enter(enrol(recover(cast, admin, lost.name), clock=cast.house.clock))
    recovered, invited, _ = found.client.identities.get("").events
    assert (recovered.kind, recovered.detail) == ("identity.recovered", found.key_id)
    assert (recovered.actor, recovered.actor_key_id) == (lost.name, found.key_id)
    by = (admin.name, admin.key_id) if recover is by_an_admin else ("", "")
    assert (invited.kind, invited.actor, invited.actor_key_id) == (
        "identity.recovery_invited",
        *by,
    )


@both
def test_any_key_that_an_identity_ever_had_names_it(cast: Cast, recover: Recover) -> None:
    admin, first = cast.admin(), cast.join()
    second = cast.enter(rotated(first.member))
    found = enrol(recover(cast, admin, first.key_id), clock=cast.house.clock)
    assert found.identity.id == second.member.identity.id
    with found.client() as client:
        states = [key.state for key in client.keys.list()]
    assert states == [KEY_STATE_ACTIVE, KEY_STATE_REVOKED, KEY_STATE_ROTATED]


def test_who_does_not_exist_is_not_recovered(cast: Cast) -> None:
    admin = cast.admin()
    for named in ("nobody", "", thumbprint(b"nobody's"), "group:x"):
        assert refused(admin.client.identities.recover, named) == "NOT_FOUND"
        with pytest.raises(NotFoundError, match="There is no identity of the name or key"):
            recovery(cast.house, named)


# Once, and for whom it was meant.


def test_whoever_recovered_an_identity_may_repeat_it_and_nobody_else(own_cast: Cast) -> None:
    house, lost = own_cast.house, own_cast.join()
    invitation = recovery(house, lost.name)
    first = enrol(invitation, clock=house.clock)
    second = enrol(invitation, key=first.key, clock=house.clock)
    assert second.identity == first.identity
    for member in (first, second):
        with member.client() as client:
            assert [key.generation for key in client.keys.list()] == [2, 1]
    assert refusal(house, invitation) == UNAUTHENTICATED
    assert refusal(house, invitation, key=lost.member.key) == UNAUTHENTICATED
    lasting = certificate_for(house, invitation.invitation_id)
    house.clock.advance(DAY_MS - 1)
    enrol(invitation, key=first.key, tls=lasting, clock=house.clock)
    house.clock.advance(1)
    assert refusal(house, invitation, key=first.key, tls=lasting) == UNAUTHENTICATED


# case 17
@both
def test_what_any_former_key_invited_to_is_worth_nothing_after_a_recovery(
    cast: Cast, name: str, recover: Recover
) -> None:
    admin, first = cast.admin(), cast.join(role="admin")
    by_first = received(cast.house, first.client.identities.invite(f"{name} 1", role="admin"))
    second = cast.enter(rotated(first.member))
    by_second = received(cast.house, second.client.identities.invite(f"{name} 2"))
    by_another = received(cast.house, admin.client.identities.invite(f"{name} 3"))
    enrol(recover(cast, admin, first.name), clock=cast.house.clock)
    for invitation in (by_first, by_second):
        assert refusal(cast.house, invitation) == UNAUTHENTICATED
    assert enrol(by_another, clock=cast.house.clock).identity.name == f"{name} 3"


def test_of_several_invitations_to_recover_one_is_used(cast: Cast) -> None:
    admin, lost, other = cast.admin(), cast.join(), cast.join()
    unused = [by_an_admin(cast, admin, lost.name), recovery(cast.house, lost.key_id)]
    for_another = recovery(cast.house, other.name)
    found = enrol(recovery(cast.house, lost.name), clock=cast.house.clock)
    for invitation in unused:
        assert refusal(cast.house, invitation) == UNAUTHENTICATED
    assert cast.enter(found).client.whoami() == found.identity
    assert enrol(for_another, clock=cast.house.clock).identity.id == other.member.identity.id


def test_of_many_keys_that_race_for_a_recovery_one_wins(cast: Cast) -> None:
    admin, racers = cast.admin(), 4
    with ThreadPoolExecutor(racers) as pool:
        for _ in range(5):
            lost = cast.join()
            invitation = recovery(cast.house, lost.name)
            start = threading.Barrier(racers)

            def race(
                _: int, invitation: Invitation = invitation, start: threading.Barrier = start
            ) -> Member | None:
                start.wait(timeout=20)
                try:
                    return enrol(invitation, clock=cast.house.clock)
                except UnauthenticatedError:
                    return None

            (winner,) = filter(None, pool.map(race, range(racers)))
            keys = admin.client.keys.list(lost.name)
            assert [(key.public_key_id, key.state) for key in keys] == [
                (winner.key.public_key.key_id, KEY_STATE_ACTIVE),
                (lost.key_id, KEY_STATE_REVOKED),
            ]


def test_a_key_that_is_somebodys_or_was_recovers_nobody(cast: Cast) -> None:
    lost, other = cast.join(), cast.join()
    current = rotated(lost.member)
    invitation = recovery(cast.house, lost.name)
    for key in (other.member.key, lost.member.key, current.key):
        assert refusal(cast.house, invitation, key=key) == UNAUTHENTICATED
    with current.client() as client:
        assert client.whoami().name == lost.name
    assert other.client.whoami() == other.member.identity
    assert enrol(invitation, clock=cast.house.clock).identity.name == lost.name


def test_a_key_that_was_lost_does_not_come_back_with_an_invitation_of_its_own(
    cast: Cast, name: str
) -> None:
    first = cast.house.invite(name)
    lost = enrol(first, clock=cast.house.clock)
    found = enrol(recovery(cast.house, name), clock=cast.house.clock)
    for invitation in (first, cast.house.invite(f"another {name}"), recovery(cast.house, name)):
        assert refusal(cast.house, invitation, key=lost.key) == UNAUTHENTICATED
    with found.client() as client:
        assert client.whoami().name == name


def test_an_invitation_to_recover_is_good_for_one_use_in_its_time(own_cast: Cast) -> None:
    house, lost = own_cast.house, own_cast.join()
    invitation = recovery(house, lost.name)
    lasting = certificate_for(house, invitation.invitation_id)
    house.clock.advance(DAY_MS)
    assert refusal(house, invitation, tls=lasting) == UNAUTHENTICATED
    assert lost.client.whoami().name == lost.name


# Who is suspended, or was removed.


@both
def test_who_is_suspended_stays_so_with_a_new_key(cast: Cast, recover: Recover) -> None:
    admin, lost = cast.admin(), cast.join()
    admin.client.identities.suspend(lost.name)
    invitation = recover(cast, admin, lost.name)
    found = enrol(invitation, clock=cast.house.clock)
    assert found.identity.state == IDENTITY_STATE_SUSPENDED
    with wire_of(found) as line, wire_of(lost.member) as old:
        assert ask(line, found).status == UNAUTHENTICATED
        assert refusal(cast.house, invitation, key=found.key) == UNAUTHENTICATED
        admin.client.identities.resume(lost.name)
        assert enrol(invitation, key=found.key, clock=cast.house.clock).identity.id
        assert works(line, found)
        assert ask(old, lost.member).status == UNAUTHENTICATED


def test_who_was_removed_is_not_recovered(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    before = recovery(cast.house, member.name)
    admin.client.identities.remove(member.name)
    assert refused(admin.client.identities.recover, member.name) == "IDENTITY_REMOVED"
    with pytest.raises(StatusError, match="removed for good"):
        recovery(cast.house, member.name)
    for _ in range(2):
        status = refusal(cast.house, before)
        assert (status.code, status.reason) == (9, "IDENTITY_REMOVED")
    (key,) = admin.client.keys.list(member.name)
    assert key.state == KEY_STATE_REVOKED


@pytest.mark.parametrize("role", ["admin", "member"])
def test_a_role_is_not_asked_for_at_a_recovery(cast: Cast, role: str) -> None:
    admin, member = cast.admin().member, cast.join()
    request = CreateInvitationRequest(name=member.name, role=role, valid_seconds=60, recover=True)
    with wire_of(admin) as line:
        assert line.refusal(INVITE, admin.signed(INVITE, request)).reason == "MALFORMED"


# The operator's command.


def test_the_command_recovers_beside_a_running_server(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "recovery"
    with ServerProcess(directory) as server:
        lost = enrol(invite(server.deployment, "alice", role="admin"))
        settings = directory / "sealwire.toml"
        settings.write_text(settings.read_text().replace("127.0.0.1:0", server.identity.address))
        with wire_of(lost) as line:
            done = operate("invite", directory, "alice", "--recover", "--out", out)
            assert (done.code, done.err) == (0, "")
            assert works(line, lost)
            found = enrol(Invitation.from_json(read_secret(out)))
            assert line.refusal(WHOAMI, lost.signed(WHOAMI, WhoAmIRequest())) == UNAUTHENTICATED
    assert (found.identity.id, found.identity.role) == (lost.identity.id, "admin")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", "--recover"), "There is no identity of the name or key 'nobody'."),
        (("nobody", "--recover", "--valid-hours", "0"), "There is no identity"),
    ],
)
def test_the_command_recovers_nobody_who_does_not_exist(
    directory: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "recovery"
    operate("invite", directory, *arguments, "--out", out).assert_refused(sentence)
    assert not out.exists()


def test_the_command_takes_no_role_for_a_recovery(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "recovery"
    done = operate("invite", directory, "alice", "--recover", "--role", "admin", "--out", out)
    assert (done.code, out.exists()) == (1, False)
    assert "keeps its role; leave --role out" in done.err
