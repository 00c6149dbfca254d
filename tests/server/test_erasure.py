"""Erasing an identity, through real servers: what was sealed to it is gone, and nothing else is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.client import Client, MissingError, TransportError
from sealwire.core.clock import system_clock
from sealwire.core.errors import SealError
from sealwire.server.deployment import Deployment, load_deployment
from sealwire.storage import AuthorityJournal, Store, Transaction, back_up
from sealwire.v1.identity_pb2 import IDENTITY_STATE_ERASED
from sealwire.v1.keys_pb2 import KEY_STATE_REVOKED
from tests.server.cast import Actor, Cast, outcome, refused
from tests.server.moments import step_by_step
from tests.server.served import Served
from tests.support.event_loops import LoopThread

VALUE = b"41,000 a year"
GONE = {"ERASED", "NOT_FOUND"}
"""How a record is missed: until, and after, the server has come to removing what is left of it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Alice, who has a record in a namespace of hers; bob, who may use it; and an admin."""

    house: Served
    cast: Cast
    admin: Actor
    alice: Actor
    bob: Actor
    place: str

    @property
    def salt(self) -> Path:
        """Where alice's salt is."""
        return self.house.deployment.salts.path / self.alice.member.identity.id

    def erase(self) -> None:
        """Erase alice."""
        self.admin.client.identities.erase(self.alice.name)

    def assert_erased(self) -> None:
        """Fail unless bob, who may read what was alice's, can't."""
        assert refused(self.bob.client.get, self.place, "march") in GONE


@pytest.fixture
def scene(server: Served, cast: Cast, namespace: str) -> Scene:
    return played(server, cast, namespace)


@pytest.fixture
def own_scene(own_server: Served, own_cast: Cast) -> Scene:
    return played(own_server, own_cast, "team/payroll")


def played(house: Served, cast: Cast, place: str) -> Scene:
    scene = Scene(house, cast, cast.admin(), cast.join("alice"), cast.join("bob"), place)
    scene.alice.client.put(place, "march", VALUE)
    scene.alice.grant(scene.bob, "read write list delete", place)
    assert scene.bob.client.get(place, "march").value == VALUE
    return scene


def test_what_was_sealed_to_an_erased_identity_is_gone_at_once_for_everybody(scene: Scene) -> None:
    """Its key was in use a moment ago, and would be in memory for a minute."""
    scene.erase()
    assert not scene.salt.exists()
    scene.assert_erased()
    assert refused(scene.alice.client.whoami) == "UNAUTHENTICATED"


def test_a_refusal_because_of_an_erasure_says_what_happened(scene: Scene) -> None:
    scene.erase()
    with pytest.raises(MissingError) as refusal:
        scene.bob.client.get(scene.place, "march")
    if refusal.value.status_reason == "ERASED":
        assert "was erased: nothing that was sealed to it can be opened" in str(refusal.value)


def test_nobody_elses_records_are_touched(scene: Scene) -> None:
    elsewhere = f"{scene.place}-of-bob"
    scene.bob.client.put(elsewhere, "march", b"bob's")
    scene.bob.grant(scene.alice, "write", elsewhere)
    scene.alice.client.put(elsewhere, "by-alice", b"sealed to bob")
    scene.erase()
    assert scene.bob.client.get(elsewhere, "march").value == b"bob's"
    assert scene.bob.client.get(elsewhere, "by-alice").value == b"sealed to bob"


def test_an_erased_identity_has_no_key_group_or_grant_and_a_history(scene: Scene) -> None:
    admin, alice = scene.admin, scene.alice
    group = scene.cast.group(admin, alice)
    erased = admin.client.identities.erase(alice.name)
    assert (erased.state, erased.public_key_id) == (IDENTITY_STATE_ERASED, "")
    shown = admin.client.identities.get(alice.name)
    assert (shown.identity.state, list(shown.groups)) == (IDENTITY_STATE_ERASED, [])
    event = shown.events[0]
    assert (event.kind, event.actor, event.actor_key_id) == (
        "identity.erased",
        admin.name,
        admin.key_id,
    )
    assert admin.can(scene.place, alice) == ""
    assert refused(admin.client.permissions.add_member, group, alice.name) == "NOT_FOUND"
    keys = admin.client.keys.list(identity=alice.name)
    assert {key.state for key in keys} == {KEY_STATE_REVOKED}


def test_erasing_may_be_repeated_and_is_written_down_once(scene: Scene) -> None:
    identities = scene.admin.client.identities
    first = identities.erase(scene.alice.name)
    assert identities.erase(scene.alice.name) == first
    assert identities.erase(scene.alice.key_id) == first
    kinds = [event.kind for event in identities.get(scene.alice.name).events]
    assert kinds.count("identity.erased") == 1


def test_who_was_suspended_or_removed_can_be_erased(scene: Scene) -> None:
    identities = scene.admin.client.identities
    identities.suspend(scene.alice.name)
    identities.remove(scene.alice.name)
    assert scene.bob.client.get(scene.place, "march").value == VALUE
    scene.erase()
    scene.assert_erased()
    kinds = [event.kind for event in identities.get(scene.alice.name).events]
    assert kinds[:2] == ["identity.erased", "identity.removed"]


def test_nothing_brings_an_erased_identity_back(scene: Scene) -> None:
    scene.erase()
    identities = scene.admin.client.identities
    for attempt in (
        identities.remove,
        identities.resume,
        identities.suspend,
        identities.promote,
        identities.recover,
    ):
        assert refused(attempt, scene.alice.name) == "IDENTITY_REMOVED"
    assert refused(scene.admin.client.identities.invite, scene.alice.name) == "ALREADY_EXISTS"


# case 53
def test_nobody_but_an_admin_erases_anybody(scene: Scene) -> None:
    for actor in (scene.alice, scene.bob):
        for whom in (scene.alice.name, scene.alice.key_id, scene.admin.name, "nobody", ""):
            assert refused(actor.client.identities.erase, whom) in {
                "PERMISSION_DENIED",
                "MALFORMED",
            }
    assert refused(scene.admin.client.identities.erase, "nobody") == "NOT_FOUND"
    assert refused(scene.admin.client.identities.erase, "") == "MALFORMED"
    assert scene.bob.client.get(scene.place, "march").value == VALUE


def test_the_last_admin_is_not_erased_and_another_one_is(own_scene: Scene) -> None:
    admin = own_scene.admin
    admin.client.put("admins", "record", VALUE)
    assert refused(admin.client.identities.erase, admin.name) == "LAST_ADMIN"
    assert admin.client.get("admins", "record").value == VALUE
    second = own_scene.cast.admin()
    second.client.identities.erase(admin.name)
    assert refused(admin.client.whoami) == "UNAUTHENTICATED"
    assert refused(second.client.identities.erase, second.name) == "LAST_ADMIN"


def test_while_it_happens_readers_get_the_value_or_hear_of_the_erasure(scene: Scene) -> None:
    go_on, seen = threading.Event(), list[str]()

    def read(client: Client) -> None:
        while not go_on.is_set():
            seen.append(outcome(client.get, scene.place, "march"))

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, scene.bob.client) for _ in range(3)]
        while len(seen) < 20:
            scene.bob.client.whoami()
        scene.erase()
        before = len(seen)
        while len(seen) < before + 20:
            scene.assert_erased()
        go_on.set()
        for reader in readers:
            reader.result()
    assert "OK" in seen
    assert set(seen) <= {"OK", *GONE}
    # Three were under way, at most, when the erasure was acknowledged.
    assert set(seen[before + 3 :]) <= GONE


def test_admins_who_erase_at_the_same_moment_all_get_the_same_answer(scene: Scene) -> None:
    admins = [scene.admin, scene.cast.admin(), scene.cast.admin()]
    with ThreadPoolExecutor(len(admins)) as pool:
        answers = list(
            pool.map(lambda admin: admin.client.identities.erase(scene.alice.name), admins)
        )
    assert all(answer == answers[0] for answer in answers)
    scene.assert_erased()


def test_a_copy_of_the_database_from_before_the_erasure_opens_nothing_of_it(
    own_scene: Scene, tmp_path: Path
) -> None:
    """With the root keys, and the salts of now."""
    deployment, copy = own_scene.house.deployment, tmp_path / "copy.db"
    own_scene.bob.client.put("bobs", "march", b"bob's")
    back_up(
        deployment.database,
        copy,
        root_keys=deployment.root_keys,
        progress=lambda _done, _total: None,
    )
    with older(own_scene, copy) as store:
        assert value(store, own_scene.place) == VALUE
    own_scene.erase()
    with older(own_scene, copy) as store:
        with pytest.raises(SealError, match="missing"):
            value(store, own_scene.place)
        assert value(store, "bobs") == b"bob's"


def older(scene: Scene, copy: Path) -> contextlib.closing[Store]:
    """Open a copy of the database as if it were the one of the deployment."""
    deployment = scene.house.deployment
    store = Store.open(
        copy,
        root_keys=deployment.root_keys,
        journal=AuthorityJournal(copy.with_suffix(".journal"), system_clock),
        salts=deployment.salts,
        random=os.urandom,
        monotonic=time.monotonic,
    )
    return contextlib.closing(store)


def value(store: Store, place: str) -> bytes:
    """Return the value of the record "march"."""

    def unit(tx: Transaction) -> bytes:
        namespace = tx.namespaces.find(place)
        assert namespace is not None
        found = tx.records.get(namespace, "march", now=system_clock())
        assert found is not None
        return found[1]

    return store.read_blocking(unit)


def test_a_salt_that_can_not_be_destroyed_yet_is_reported_and_opens_nothing_all_the_same(
    own_scene: Scene, loop: LoopThread, tmp_path: Path
) -> None:
    aside = own_scene.salt.rename(own_scene.salt.with_name("aside"))
    own_scene.salt.symlink_to(aside)
    for _ in range(2):
        assert refused(own_scene.erase) == "UNAVAILABLE"
        own_scene.assert_erased()
    own_scene.bob.client.put("bobs", "march", VALUE)  # nobody else is held up
    copy = shutil.copytree(
        own_scene.house.deployment.directory, tmp_path / "started-again", symlinks=True
    )
    again = Served(load_deployment(copy), loop, own_scene.house.clock)
    server = again.start()
    try:
        with own_scene.bob.member.at(again.identity).client() as client:
            assert client.get("bobs", "march").value == VALUE
            assert refused(client.get, own_scene.place, "march") in GONE
    finally:
        loop.run(server.stop())
    aside.replace(own_scene.salt)
    own_scene.erase()
    assert not own_scene.salt.exists()


def test_whoever_hangs_up_does_not_stop_an_erasure_under_way(own_scene: Scene) -> None:
    member = own_scene.admin.member
    with sqlite3.connect(own_scene.house.deployment.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # so that the server has to wait
        with (
            Client(own_scene.house.identity, member.key, member.tls, timeout=0.5) as impatient,
            pytest.raises(TransportError, match="DEADLINE_EXCEEDED"),
        ):
            impatient.identities.erase(own_scene.alice.name)
        other.execute("ROLLBACK")
    while own_scene.salt.exists():
        own_scene.bob.client.whoami()
    own_scene.assert_erased()


# case 70
def test_killed_at_any_moment_an_erasure_is_not_there_or_is_finished_by_the_next_start(
    tmp_path: Path, loop: LoopThread
) -> None:
    with step_by_step(tmp_path / "deployment") as (house, moments), contextlib.ExitStack() as stack:
        scene = played(house, Cast(house, stack), "team/payroll")
        with moments.watched():
            scene.erase()
        outcomes, seen = [], set()
        for number in range(len(moments.states)):
            deployment = moments.restored(number, tmp_path / str(number))
            salt = deployment.salts.path / scene.salt.name
            left = salt.read_bytes() if salt.exists() else None
            outcomes.append(_serves_erased(deployment, scene, loop))
            assert salt.exists() != outcomes[-1]
            seen.add((outcomes[-1], None if left is None else left == bytes(32)))
    assert outcomes == sorted(outcomes)
    # Not there yet; committed; overwritten; removed: the last three are finished.
    assert seen == {(False, False), (True, False), (True, True), (True, None)}


def _serves_erased(deployment: Deployment, scene: Scene, loop: LoopThread) -> bool:
    """Serve what was left, and tell whether what was alice's is gone."""
    again = Served(deployment, loop, scene.house.clock)
    server = again.start()
    try:
        with scene.bob.member.at(again.identity).client() as client:
            found = outcome(client.get, scene.place, "march")
        assert found in {"OK", *GONE}
        return found != "OK"
    finally:
        loop.run(server.stop())
