"""How watches end: at once with the right to them, with a slow client, and with the server."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from sealwire.client import (
    AsyncSigningChannel,
    ForbiddenError,
    UnauthenticatedError,
)
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from sealwire.core.rotation import rotation_proof
from sealwire.server.invitations import open_store
from sealwire.server.watch_hub import WatchLimits
from sealwire.storage import IdentityState, Transaction
from sealwire.v1.identity_pb2 import (
    IDENTITY_STATE_SUSPENDED,
    RemoveIdentityRequest,
    UpdateIdentityRequest,
)
from sealwire.v1.keys_pb2 import RevokeCertificateRequest, RevokeKeyRequest, RotateKeyRequest
from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    EFFECT_DENY,
    VERB_LIST,
    RemoveGrantRequest,
    Subject,
)
from sealwire.v1.records_pb2 import WatchRecordsRequest
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.kept import kept_server, stub_of
from tests.server.watch_house import Somebody, Watch, WatchHouse, watch_house
from tests.support.event_loops import LoopThread
from tests.support.pki import DAY_MS
from tests.support.servers import AUDIENCE


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """Somebody with a namespace, a guest who watches it, and an admin."""

    house: WatchHouse
    owner: Somebody
    guest: Somebody
    admin: Somebody
    place: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, loop: LoopThread) -> Iterator[WatchHouse]:
    limits = WatchLimits(max_of_identity=250)
    with watch_house(tmp_path_factory.mktemp("watch") / "deployment", loop, limits) as house:
        yield house


@pytest.fixture
def scene(house: WatchHouse) -> Scene:
    place = f"watched/{uuid.uuid4()}"
    owner, guest, admin = house.join("owner"), house.join("guest"), house.admin()
    owner.put(place, "first")
    owner.grant(guest, VERB_LIST, place)
    return Scene(house, owner, guest, admin, place)


# --- with the right to it


def rotate(scene: Scene) -> None:
    proof = rotation_proof(
        PrivateKey.generate(os.urandom),
        audience=AUDIENCE,
        old_public_key_id=scene.guest.client.key_id,
    )
    scene.guest.keys.RotateKey(RotateKeyRequest(next_key=proof))


def ungrant(scene: Scene) -> None:
    scene.owner.permissions.RemoveGrant(
        RemoveGrantRequest(
            subject=Subject(identity=scene.guest.row.name),
            verbs=[VERB_LIST],
            namespace=scene.place,
            effect=EFFECT_ALLOW,
        )
    )


REVOCATIONS: dict[str, Callable[[Scene], object]] = {
    "the key is revoked": lambda scene: scene.admin.keys.RevokeKey(
        RevokeKeyRequest(public_key_id=scene.guest.client.key_id)
    ),
    "the key is rotated": rotate,
    "the certificate is revoked": lambda scene: scene.admin.keys.RevokeCertificate(
        RevokeCertificateRequest(
            public_key_id=scene.guest.client.key_id, serial=scene.guest.client.serial
        )
    ),
    "the identity is suspended": lambda scene: scene.admin.identities.UpdateIdentity(
        UpdateIdentityRequest(identity=scene.guest.row.name, state=IDENTITY_STATE_SUSPENDED)
    ),
    "the identity is removed": lambda scene: scene.admin.identities.RemoveIdentity(
        RemoveIdentityRequest(identity=scene.guest.row.name)
    ),
    "the identity is erased": lambda scene: scene.house.erase(scene.guest),
}


# case 7, case 17, case 47
@pytest.mark.parametrize("what", REVOCATIONS)
def test_an_idle_watch_ends_when_its_watcher_has_ended(scene: Scene, what: str) -> None:
    watch = scene.guest.watch(scene.place).begun()
    REVOCATIONS[what](scene)
    assert isinstance(watch.refusal(), UnauthenticatedError)


# case 47, case 54, case 55
@pytest.mark.parametrize("what", ["the grant is taken back", "it is denied"])
def test_an_idle_watch_ends_when_its_watcher_may_not_list_any_more(scene: Scene, what: str) -> None:
    watch = scene.guest.watch(scene.place).begun()
    if what == "it is denied":
        scene.owner.grant(scene.guest, VERB_LIST, scene.place, effect=EFFECT_DENY)
    else:
        ungrant(scene)
    assert isinstance(watch.refusal(), ForbiddenError)


# case 56
def test_nothing_that_came_after_the_right_was_lost_is_sent(scene: Scene) -> None:
    watch = scene.guest.watch(scene.place).begun()
    scene.owner.put(scene.place, "before")
    ungrant(scene)
    scene.owner.put(scene.place, "after")
    assert isinstance(watch.refusal(), ForbiddenError)
    assert {change.name for change in watch.seen} <= {"before"}


def test_a_watch_goes_on_when_it_is_others_who_lose_their_rights(scene: Scene) -> None:
    other = scene.house.join("other")
    scene.owner.grant(other, VERB_LIST, scene.place)
    watch, lost = scene.guest.watch(scene.place).begun(), other.watch(scene.place).begun()
    scene.admin.keys.RevokeKey(RevokeKeyRequest(public_key_id=other.client.key_id))
    assert isinstance(lost.refusal(), UnauthenticatedError)
    scene.owner.put(scene.place, "later")
    assert watch.names(1) == [f"{scene.place}:later"]


# case 56
def test_an_idle_watch_ends_when_another_process_ends_its_watcher(
    tmp_path: Path, loop: LoopThread
) -> None:
    def suspend(tx: Transaction) -> None:
        found = tx.identities.find_by_name(owner.row.name)
        assert found is not None
        tx.identities.set_state(found, IdentityState.SUSPENDED)

    with watch_house(tmp_path / "deployment", loop, WatchLimits(poll_seconds=0.01)) as house:
        owner = house.join()
        owner.put("team", "first")
        watch = owner.watch("team").begun()
        with open_store(house.house.deployment, random=os.urandom) as beside:
            beside.write_blocking(suspend)
        assert isinstance(watch.refusal(), UnauthenticatedError)


def test_an_idle_watch_ends_when_its_right_has_run_out(tmp_path: Path, loop: LoopThread) -> None:
    """Time passes without a commit: a quiet watch looks for itself now and then."""
    with watch_house(tmp_path / "deployment", loop, WatchLimits(quiet_seconds=0.01)) as house:
        owner, guest, soon = house.join(), house.join(), house.house.clock() + 1_000
        owner.put("team", "first")
        owner.grant(guest, VERB_LIST, "team", expires_at=soon)
        watch = guest.watch("team").begun()
        house.house.clock.advance(999)
        assert not watch.message().changes
        house.house.clock.advance(1)
        assert isinstance(watch.refusal(), ForbiddenError)


def test_an_idle_watch_ends_when_the_certificate_of_its_connection_has_run_out(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(quiet_seconds=0.01)) as house:
        owner = house.join()
        owner.put("team", "first")
        watch = owner.watch("team").begun()
        house.house.clock.advance(2 * DAY_MS)
        assert isinstance(watch.refusal(), UnauthenticatedError)


# --- with a slow client


def long_names(count: int) -> list[str]:
    return [f"{number:04}-{'x' * 500}" for number in range(count)]


def test_a_client_that_takes_its_changes_too_slowly_is_cut_off_and_goes_on_where_it_was(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(max_lag=50)) as house:
        owner = house.join()
        owner.put("team", "first")
        watch = house.narrowly(owner).watch("team").begun()
        witness = owner.watch("team").begun()
        first = watch.next_revision
        # More than the connection takes while nobody reads, and then more than it may lag behind.
        owner.put_all("team", *long_names(500))
        witness.changes(500)
        last = owner.put_all("team", *(f"short-{number}" for number in range(600)))
        witness.changes(600)
        refusal = watch.refusal()
        assert (refusal.code, refusal.status_reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert f"Watch again from revision {watch.next_revision} on" in str(refusal)
        assert [change.revision for change in watch.seen] == list(range(first, first + 500))
        rest = owner.watch("team", watch.next_revision).changes(600)
        assert [change.revision for change in rest] == list(range(first + 500, last + 1))


def test_what_happens_elsewhere_is_not_what_a_slow_client_lags_behind(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(max_lag=50)) as house:
        owner, neighbour = house.join(), house.join()
        owner.put("team", "first")
        neighbour.put("loud", "first")
        watch = house.narrowly(owner).watch("team").begun()
        witnesses = owner.watch("team").begun(), neighbour.watch("loud").begun()
        owner.put_all("team", *long_names(500))  # more than the connection takes meanwhile
        witnesses[0].changes(500)
        for _ in range(2):
            neighbour.put_all("loud", *(f"{number}" for number in range(1_000)))
        owner.put("team", "last")
        witnesses[0].changes(1)
        witnesses[1].changes(2_000)
        assert watch.names(501)[-1] == "team:last"


# --- with the server


def test_watches_end_when_the_server_stops_and_say_from_where_they_may_go_on(
    tmp_path: Path, loop: LoopThread
) -> None:
    with kept_server(tmp_path / "deployment", loop) as kept:
        alice = kept.house.enrol("alice")
        with alice.client() as client, stub_of(alice) as stub:
            client.put("team", "first", b"")
            watches = [Watch(stub, "team").begun() for _ in range(3)]
            kept.restart()
            for watch in watches:
                refusal = watch.refusal()
                assert (refusal.code, refusal.status_reason) == (Code.UNAVAILABLE, "UNAVAILABLE")
                assert f"from revision {watch.next_revision} on" in str(refusal)


def test_there_are_no_more_watches_than_the_server_can_bear(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(max_watchers=2)) as house:
        owner = house.join()
        owner.put("team", "first")
        first, second = owner.watch("team").begun(), owner.watch("team").begun()
        assert owner.watch("team").refusal().status_reason == "OVERLOADED"
        owner.put("team", "second")
        assert [watch.names(1) for watch in (first, second)] == [["team:second"]] * 2


def test_nobody_has_more_watches_than_one_may_and_others_have_theirs(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(max_of_identity=2)) as house:
        owner, other = house.join(), house.join()
        owner.put("team", "first")
        other.put("others", "first")
        watches = [owner.watch("team").begun() for _ in range(2)]
        refusal = owner.watch("team").refusal()
        assert refusal.status_reason == "OVERLOADED"
        assert "may have 2 watches at once" in str(refusal)
        other.watch("others").begun()
        owner.put("team", "second")
        assert [watch.names(1) for watch in watches] == [["team:second"]] * 2


# --- at rest


def test_a_quiet_watch_says_now_and_then_how_far_it_has_come(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop, WatchLimits(quiet_seconds=0.01)) as house:
        owner = house.join()
        owner.put("team", "first")
        watch = owner.watch("team").begun()
        position = owner.put("elsewhere", "a", "b") + 1
        while watch.next_revision < position:
            assert not watch.message().changes
        owner.put("team", "second")
        assert watch.changes(1)[0].revision == position


def test_of_many_idle_watches_only_those_are_woken_whose_subtree_has_changed(
    house: WatchHouse, loop: LoopThread
) -> None:
    owner, top = house.join("owner"), f"many-{uuid.uuid4()}"
    owner.put(top, "first")
    owner.put(f"{top}-other", "first")
    other = owner.watch(f"{top}-other").begun()  # the hub is at work
    owner.put(f"{top}-other", "second")
    other.changes(1)
    places = [f"{top}/{number}" for number in range(200)]
    for place in places[:3]:
        owner.put(place, "first")

    async def watched() -> tuple[int, list[str]]:
        credentials = owner.house.credentials(owner.client.tls)
        channel = grpc.aio.secure_channel(owner.house.address, credentials)
        stub = RecordServiceStub(
            AsyncSigningChannel(channel, owner.client.key, **owner.house.signing_options)
        )
        watches = [stub.WatchRecords(WatchRecordsRequest(namespace=place)) for place in places]
        async with channel:
            await asyncio.gather(*(anext(watch) for watch in watches))
            before = house.read_by_watches()
            for _ in range(20):
                await asyncio.to_thread(owner.put, top, "elsewhere")
            await asyncio.to_thread(owner.put, places[2], "here")
            message = await anext(watches[2])
            return house.read_by_watches() - before, [change.name for change in message.changes]

    reads, names = loop.run(watched())
    assert names == ["here"]
    assert reads == 1


def test_who_may_go_on_is_not_woken_when_others_come_by_rights(scene: Scene) -> None:
    claimer, lost = scene.house.join("claimer"), scene.guest.watch(scene.place).begun()
    watches = [scene.owner.watch(scene.place).begun() for _ in range(3)]
    before = scene.house.read_by_watches()
    for number in range(10):
        claimer.put(f"{scene.place[8:]}-{number}", "r")
    ungrant(scene)
    assert isinstance(lost.refusal(), ForbiddenError)  # so the hub has looked
    assert scene.house.read_by_watches() - before == 1
    scene.owner.put(scene.place, "later")
    assert [watch.names(1) for watch in watches] == [[f"{scene.place}:later"]] * 3
