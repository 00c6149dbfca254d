"""What a server tidies up by itself, what it leaves alone, and what it does when it can't."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from sealwire.client import MissingError, PreconditionError, RemoteError
from sealwire.core.clock import Clock
from sealwire.core.errors import Code
from sealwire.server.housekeeping import HOUSEKEEPING_SECONDS, ROUND_MS, Housekeeper
from sealwire.storage import NewRecord, Transaction
from sealwire.v1.namespaces_pb2 import CreateNamespaceRequest
from sealwire.v1.namespaces_pb2_grpc import NamespaceServiceStub
from sealwire.v1.records_pb2 import (
    CHANGE_KIND_EXPIRE,
    CHANGE_KIND_PUT,
    GetRecordRequest,
    ListVersionsRequest,
    PutRecordRequest,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.cast import Actor, Cast
from tests.server.guarded import GuardedHouse, guarded_house
from tests.server.kept import Kept, kept_server, signing_channel, stub_of
from tests.server.watch_house import Watch
from tests.storage.builders import plain
from tests.support.event_loops import LoopThread

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Scene:
    """Alice, bob, an admin, and alice's way to records."""

    kept: Kept
    alice: Actor
    bob: Actor
    admin: Actor
    stub: RecordServiceStub
    place: str

    def put(self, name: str, *, ttl_seconds: int = 0, request_id: str = "") -> int:
        """Put a record of alice's; return its version."""
        request = PutRecordRequest(
            namespace=self.place,
            name=name,
            value=b"a secret value",
            ttl_seconds=ttl_seconds,
            request_id=request_id,
        )
        return int(self.stub.PutRecord(request).record.version)

    def later(self, milliseconds: int) -> None:
        """Let time pass, and have the server tidy up."""
        self.kept.house.clock.advance(milliseconds)
        self.kept.sweep()

    def values(self, namespace: str | None = None) -> list[tuple[str, int]]:
        """Return the versions in a namespace that have a value in the database."""
        with plain(self.kept.house.deployment.database) as connection:
            return connection.execute(
                "SELECT v.name, version FROM record_versions v JOIN namespaces n"
                " ON n.id = namespace_id WHERE n.name = ? AND blob IS NOT NULL ORDER BY 1, 2",
                (namespace or self.place,),
            ).fetchall()

    def erase(self, who: Actor) -> None:
        """Erase somebody."""
        self.admin.client.identities.erase(who.name)


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(kept_server(tmp_path / "deployment", loop))
        cast = Cast(kept.house, stack)
        alice, bob, admin = cast.join("alice"), cast.join("bob"), cast.admin()
        stub = stack.enter_context(stub_of(alice.member))
        yield Scene(kept, alice, bob, admin, stub, "team")


# --- expiry


def test_an_expired_record_is_gone_at_once_and_its_value_with_the_next_sweep(scene: Scene) -> None:
    scene.put("soon", ttl_seconds=60)
    scene.put("later", ttl_seconds=120)
    scene.later(MINUTE - 1)
    assert scene.values() == [("later", 1), ("soon", 1)]
    scene.kept.house.clock.advance(1)
    with pytest.raises(MissingError):
        scene.stub.GetRecord(GetRecordRequest(namespace=scene.place, name="soon"))
    assert scene.values() == [("later", 1), ("soon", 1)]
    scene.kept.sweep()
    assert scene.values() == [("later", 1)]
    assert scene.stub.GetRecord(GetRecordRequest(namespace=scene.place, name="later")).value


def test_a_record_goes_on_under_its_name_after_it_has_expired(scene: Scene) -> None:
    scene.put("march", ttl_seconds=60)
    scene.later(MINUTE)
    assert scene.put("march") == 2
    scene.later(DAY)
    assert scene.values() == [("march", 2)]


def test_the_server_tidies_up_by_itself_and_tells_watchers(
    tmp_path: Path, loop: LoopThread
) -> None:
    with (
        kept_server(tmp_path / "deployment", loop, housekeeping_seconds=0.01) as kept,
        stub_of(kept.house.enrol("alice")) as stub,
    ):
        stub.PutRecord(PutRecordRequest(namespace="team", name="march", ttl_seconds=60))
        watch = Watch(stub, "team", 1)
        assert [change.kind for change in watch.changes(1)] == [CHANGE_KIND_PUT]
        kept.house.clock.advance(MINUTE)
        (change,) = watch.changes(1)
        assert (change.kind, change.name, change.version) == (CHANGE_KIND_EXPIRE, "march", 1)
        assert (change.revision, change.at) == (2, kept.house.clock())


# --- versions, changes and answers


def test_a_namespace_keeps_its_versions_for_as_long_as_it_says(scene: Scene) -> None:
    with signing_channel(scene.alice.member) as channel:
        request = CreateNamespaceRequest(name=scene.place, keep_seconds=60)
        NamespaceServiceStub(channel).CreateNamespace(request)
    for _ in range(3):
        scene.put("march")
    scene.later(MINUTE - 1)
    assert scene.values() == [("march", 1), ("march", 2), ("march", 3)]
    scene.later(1)
    assert scene.values() == [("march", 3)]
    listed = scene.stub.ListVersions(ListVersionsRequest(namespace=scene.place, name="march"))
    assert [info.version for info in listed.versions] == [3]


def put_long_ago(house: GuardedHouse, *, ttl_ms: int | None = None) -> None:
    """Put 500 versions of one record, and two of another behind it, that are not kept now."""
    _, alice = house.join("alice")
    now = house.clock() - MINUTE
    expires_at, keep_ms = (None, 1) if ttl_ms is None else (now + ttl_ms, 0)

    def unit(tx: Transaction) -> None:
        made = tx.namespaces.create("team", owner_id=alice.id, now=now)
        team = tx.namespaces.set_retention(made, keep_versions=0, keep_ms=keep_ms)
        for name in ["hot"] * 500 + ["march"] * 2:
            tx.records.put(team, NewRecord(name, b"", b"", expires_at), now=now)

    house.store.write_blocking(unit)


def left(house: GuardedHouse) -> dict[str, int]:
    """Return how many versions with a value each record has."""
    with plain(house.deployment.database) as connection:
        return dict(
            connection.execute(
                "SELECT name, count(*) FROM record_versions WHERE blob IS NOT NULL GROUP BY name"
            ).fetchall()
        )


def housekeeper(house: GuardedHouse, monotonic: Clock) -> Housekeeper:
    return Housekeeper(
        house.store,
        clock=house.clock,
        monotonic=monotonic,
        keep_changes=100_000,
        interval_seconds=HOUSEKEEPING_SECONDS,
    )


@pytest.mark.parametrize(("ttl_ms", "remaining"), [(None, {"hot": 1, "march": 1}), (1, {})])
def test_a_round_goes_on_until_nothing_is_left(
    tmp_path: Path, loop: LoopThread, ttl_ms: int | None, remaining: dict[str, int]
) -> None:
    with guarded_house(tmp_path / "deployment", loop) as house:
        put_long_ago(house, ttl_ms=ttl_ms)
        loop.run(housekeeper(house, lambda: 0).sweep())
        assert left(house) == remaining


@pytest.mark.parametrize(
    ("ttl_ms", "rounds"),
    [
        (None, [{"hot": 300, "march": 2}, {"hot": 300, "march": 1}]),
        (1, [{"hot": 300, "march": 2}, {"hot": 100, "march": 2}]),
    ],
)
def test_a_round_ends_when_its_time_is_up_and_the_next_goes_on_from_there(
    tmp_path: Path, loop: LoopThread, ttl_ms: int | None, rounds: list[dict[str, int]]
) -> None:
    ticks = itertools.count(step=ROUND_MS - 1)  # so that there is time for one unit
    with guarded_house(tmp_path / "deployment", loop) as house:
        put_long_ago(house, ttl_ms=ttl_ms)
        keeper = housekeeper(house, lambda: next(ticks))
        for remaining in rounds:
            loop.run(keeper.sweep())
            assert left(house) == remaining


def test_as_many_changes_are_kept_as_the_operator_says_and_those_of_a_day(
    tmp_path: Path, loop: LoopThread
) -> None:
    with (
        kept_server(tmp_path / "deployment", loop, keep_changes=3) as kept,
        stub_of(kept.house.enrol("alice")) as stub,
    ):
        for number in range(5):
            stub.PutRecord(PutRecordRequest(namespace="team", name=f"r{number}"))
        kept.sweep()
        assert len(Watch(stub, "team", 1).changes(5)) == 5
        kept.house.clock.advance(DAY)
        kept.sweep()
        assert Watch(stub, "team", 3).names(3) == ["team:r2", "team:r3", "team:r4"]
        refusal = Watch(stub, "team", 2).refusal()
        assert (refusal.code, refusal.metadata["oldest_revision"]) == (Code.OUT_OF_RANGE, "3")


def test_an_answer_is_remembered_for_a_day(scene: Scene) -> None:
    request_id = str(uuid.uuid4())
    assert scene.put("march", request_id=request_id) == 1
    scene.later(DAY)
    assert scene.put("march", request_id=request_id) == 1
    scene.later(1)
    assert scene.put("march", request_id=request_id) == 2


# --- erased owners


def test_what_an_erased_identity_left_is_removed_and_its_namespace_is_the_next_writers(
    scene: Scene,
) -> None:
    scene.put("march")
    scene.put("march")
    scene.alice.grant(scene.bob, "write read list", scene.place)
    scene.bob.client.put(f"{scene.place}/bobs", "march", b"bob's")
    scene.erase(scene.alice)
    with pytest.raises(PreconditionError, match="Try again in a minute") as refused:
        scene.bob.client.put(scene.place, "april", b"value")
    assert refused.value.status_reason == "BEING_ERASED"
    scene.kept.sweep()
    assert scene.values() == []
    assert scene.bob.client.put(scene.place, "march", b"bob's").version == 3  # 1 and 2 were alice's
    scene.kept.sweep()
    assert scene.values() == [("march", 3)]
    assert scene.bob.client.get(scene.place, "march").value == b"bob's"
    assert scene.bob.client.get(f"{scene.place}/bobs", "march").value == b"bob's"


def test_what_happened_under_an_erased_owner_is_not_told_as_of_the_next_ones_records(
    scene: Scene,
) -> None:
    scene.put("march")
    scene.put("never known to bob")
    scene.alice.grant(scene.bob, "write read list", scene.place)
    before = scene.put("march")
    scene.erase(scene.alice)
    scene.kept.sweep()
    now = scene.bob.client.put(scene.place, "march", b"bob's").version
    assert now > before
    with stub_of(scene.bob.member) as stub:
        assert [change.version for change in Watch(stub, scene.place, 1).changes(1)] == [now]
    with pytest.raises(RemoteError) as refused:
        scene.bob.client.put(scene.place, "march", b"clobber", if_version=before)
    assert refused.value.status_reason == "VERSION_MISMATCH"


def test_nobody_takes_a_namespace_over_without_the_right_to_write_there(scene: Scene) -> None:
    scene.put("march")
    scene.alice.grant(scene.bob, "read list", scene.place)
    scene.erase(scene.alice)
    scene.kept.sweep()
    for actor in (scene.bob, scene.admin):
        with pytest.raises(RemoteError) as refused:
            actor.client.put(scene.place, "march", b"value")
        assert refused.value.status_reason == "PERMISSION_DENIED"


def test_a_namespace_of_somebody_who_is_merely_gone_stays_theirs(scene: Scene) -> None:
    scene.put("march")
    scene.alice.grant(scene.bob, "write read", scene.place)
    scene.admin.client.identities.remove(scene.alice.name)
    scene.kept.sweep()
    assert scene.bob.client.put(scene.place, "march", b"bob's").version == 2
    assert scene.values() == [("march", 1), ("march", 2)]


# --- trouble


def test_a_duty_that_fails_stands_in_the_log_and_holds_up_no_other_and_is_done_later(
    scene: Scene,
) -> None:
    salt = scene.kept.house.deployment.salts.path / scene.alice.member.identity.id
    scene.put("march")
    aside = salt.rename(salt.with_name("aside"))
    salt.mkdir()  # in the place of a file that can be overwritten
    with pytest.raises(RemoteError):
        scene.erase(scene.alice)
    with structlog.testing.capture_logs() as log:
        scene.kept.sweep()
    assert [(entry["event"], entry["duty"]) for entry in log] == [
        ("housekeeping_failed", "erasures")
    ]
    assert scene.values() == []
    salt.rmdir()
    aside.rename(salt)
    with structlog.testing.capture_logs() as log:
        scene.kept.sweep()
    assert log == []
    assert not salt.exists()
