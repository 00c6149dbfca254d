"""Watching: every change of a subtree once and in order, across disconnects, and nothing else."""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client import ForbiddenError, InvalidRequestError
from sealwire.core.errors import Code
from sealwire.server.invitations import open_store
from sealwire.server.watch_hub import WatchLimits
from sealwire.storage import ChangeKind, NewRecord, Transaction
from sealwire.v1.namespaces_pb2 import CreateNamespaceRequest
from sealwire.v1.permissions_pb2 import EFFECT_DENY, VERB_LIST, VERB_READ, VERB_WRITE
from sealwire.v1.records_pb2 import (
    CHANGE_KIND_DELETE,
    CHANGE_KIND_DESTROY,
    CHANGE_KIND_PUT,
    CHANGE_KIND_UNDELETE,
    Change,
    DeleteRecordRequest,
    DestroyVersionsRequest,
    Operation,
    RecordAddress,
    RecordInput,
    TransactRequest,
    UndeleteRecordRequest,
)
from tests.server.kept import Kept, kept_server, stub_of
from tests.server.watch_house import Somebody, Watch, WatchHouse, watch_house
from tests.storage.tampering import execute
from tests.support.event_loops import LoopThread


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, loop: LoopThread) -> Iterator[WatchHouse]:
    with watch_house(tmp_path_factory.mktemp("watch") / "deployment", loop) as house:
        yield house


@pytest.fixture
def kept(tmp_path: Path, loop: LoopThread) -> Iterator[Kept]:
    with kept_server(tmp_path / "deployment", loop) as kept:
        yield kept


@pytest.fixture
def owner(house: WatchHouse) -> Somebody:
    return house.join("owner")


@pytest.fixture
def guest(house: WatchHouse) -> Somebody:
    return house.join("guest")


@pytest.fixture
def place(owner: Somebody) -> str:
    """A namespace of the owner's, with one record."""
    place = f"watched/{uuid.uuid4()}"
    owner.put(place, "first")
    return place


def order(changes: list[Change]) -> list[int]:
    return [change.revision for change in changes]


# --- what comes, and in which order


def test_every_kind_of_change_comes_with_what_it_is_about(
    house: WatchHouse, owner: Somebody, place: str
) -> None:
    watch = owner.watch(place).begun()
    start, records = watch.next_revision, owner.records
    owner.put(place, "march")
    records.DeleteRecord(DeleteRecordRequest(namespace=place, name="march"))
    records.UndeleteRecord(UndeleteRecordRequest(namespace=place, name="march"))
    owner.put(place, "march")
    records.DestroyVersions(DestroyVersionsRequest(namespace=place, name="march", versions=[1, 2]))
    changes = watch.changes(6)
    assert order(changes) == list(range(start, start + 6))
    assert [(change.kind, change.version) for change in changes] == [
        (CHANGE_KIND_PUT, 1),
        (CHANGE_KIND_DELETE, 1),
        (CHANGE_KIND_UNDELETE, 1),
        (CHANGE_KIND_PUT, 2),
        (CHANGE_KIND_DESTROY, 1),
        (CHANGE_KIND_DESTROY, 2),
    ]
    assert {(change.namespace, change.name, change.at) for change in changes} == {
        (place, "march", house.house.clock())
    }


def test_what_is_done_at_once_comes_in_the_order_of_its_revisions(
    owner: Somebody, place: str
) -> None:
    watch = owner.watch(place).begun()
    last = owner.put_all(place, "b", "a", "c")
    operations = [
        Operation(delete=RecordAddress(namespace=place, name="a")),
        Operation(put=RecordInput(namespace=f"{place}/below", name="d")),
    ]
    done = owner.records.Transact(TransactRequest(operations=operations))
    changes = watch.changes(5)
    assert [change.name for change in changes] == ["b", "a", "c", "a", "d"]
    assert order(changes) == list(range(last - 2, done.revision + 1))


def test_a_subtree_is_a_namespace_and_what_lies_below_it_and_no_neighbour(
    owner: Somebody, place: str
) -> None:
    watch = owner.watch(place).begun()
    for namespace in (f"{place}2", f"{place}-x", f"other-{place}", f"{place}/a/b", place):
        owner.put(namespace, "r")
    assert watch.names(2) == [f"{place}/a/b:r", f"{place}:r"]


def test_a_subtree_can_be_watched_before_anything_is_in_it(owner: Somebody, place: str) -> None:
    watch = owner.watch(f"{place}/later").begun()
    owner.put(f"{place}/later/on", "r")
    assert watch.names(1) == [f"{place}/later/on:r"]


def test_what_has_no_effect_makes_no_change(owner: Somebody, place: str) -> None:
    watch = owner.watch(place).begun()
    owner.records.UndeleteRecord(UndeleteRecordRequest(namespace=place, name="first"))
    owner.records.DestroyVersions(
        DestroyVersionsRequest(namespace=place, name="first", versions=[7])
    )
    owner.put(place, "second")
    assert watch.names(1) == [f"{place}:second"]


# --- from where


def test_a_watch_begins_with_the_revision_that_it_names(owner: Somebody, place: str) -> None:
    revision = owner.put(place, "a", "b", "c")
    watch = owner.watch(place, revision - 1)
    assert order(watch.changes(2)) == [revision - 1, revision]
    assert watch.next_revision == revision + 1


def test_a_watch_of_a_revision_to_come_waits_for_it(owner: Somebody, place: str) -> None:
    revision = owner.put(place, "now")
    watch = owner.watch(place, revision + 3).begun()
    assert watch.next_revision == revision + 3
    owner.put(place, "a", "b", "c", "d")
    assert order(watch.changes(2)) == [revision + 3, revision + 4]


def test_a_watcher_who_comes_and_goes_while_others_write_misses_nothing_and_gets_nothing_twice(
    house: WatchHouse, owner: Somebody, place: str
) -> None:
    position, others = owner.watch(place).begun().next_revision, house.join("others")
    batches = [(f"{place}/{number % 3}", number % 4 + 1) for number in range(30)]
    total, written = sum(size for _, size in batches), list[int]()
    got: list[int] = []

    def write() -> None:
        for namespace, size in batches:
            last = owner.put_all(namespace, *(f"r{n}" for n in range(size)))
            written.extend(range(last - size + 1, last + 1))
            others.put("elsewhere", "r")

    writer = threading.Thread(target=write)
    writer.start()
    enough = itertools.cycle([1, 7, 2])
    while len(got) < total:
        watch, stay = owner.watch(place, position), next(enough)
        while stay > 0 and len(got) < total:
            changes = watch.message().changes
            got += order(list(changes))
            stay -= len(changes)
        position = watch.next_revision
        watch.stop()
    writer.join()
    assert got == written


def test_a_watch_goes_on_after_a_restart(kept: Kept) -> None:
    alice = kept.house.enrol("alice")
    with alice.client() as client, stub_of(alice) as stub:
        client.put("team", "a", b"")
        watch = Watch(stub, "team").begun()
        client.put("team", "b", b"")
        assert watch.names(1) == ["team:b"]
        client.put("team", "c", b"")
    kept.restart()
    again = alice.at(kept.house.identity)
    with again.client() as client, stub_of(again) as stub:
        client.put("team", "d", b"")
        assert Watch(stub, "team", watch.next_revision).names(2) == ["team:c", "team:d"]


def test_what_is_not_kept_any_more_can_not_be_watched(owner: Somebody, place: str) -> None:
    store = owner.house.store
    oldest = owner.put(place, "a", "b")
    store.write_blocking(lambda tx: tx.changes.trim(keep_from=oldest))
    refusal = owner.watch(place, oldest - 1).refusal()
    assert (refusal.code, refusal.status_reason) == (Code.OUT_OF_RANGE, "COMPACTED")
    assert refusal.metadata == {"oldest_revision": str(oldest)}
    assert owner.watch(place, oldest).names(1) == [f"{place}:b"]


@pytest.mark.parametrize(("namespace", "revision"), [("", 0), ("a//b", 0), ("a", 2**63)])
def test_a_request_that_says_nothing_sensible_is_refused(
    owner: Somebody, namespace: str, revision: int
) -> None:
    assert isinstance(owner.watch(namespace, revision).refusal(), InvalidRequestError)


# --- for whom


# case 55
def test_nobody_watches_without_the_right_to_list_whether_it_exists_or_not(
    owner: Somebody, guest: Somebody, place: str
) -> None:
    owner.grant(guest, VERB_READ, place)
    owner.grant(guest, VERB_WRITE, place)
    for namespace in (place, f"{place}/below", f"nowhere-{uuid.uuid4()}"):
        refusal = guest.watch(namespace).refusal()
        assert isinstance(refusal, ForbiddenError)
        assert str(refusal).startswith("You have no right to this in this namespace.")


# case 55
def test_changes_in_a_namespace_that_the_watcher_may_not_list_are_left_out(
    owner: Somebody, guest: Somebody, place: str
) -> None:
    owner.grant(guest, VERB_LIST, place)
    owner.grant(guest, VERB_LIST, f"{place}/denied", effect=EFFECT_DENY)
    watch = guest.watch(place).begun()
    start = watch.next_revision
    for namespace in ("", "/denied", "/denied/below", "/denied2"):
        owner.put(f"{place}{namespace}", "r")
    assert watch.names(2) == [f"{place}:r", f"{place}/denied2:r"]
    assert guest.watch(place, start).names(2) == [f"{place}:r", f"{place}/denied2:r"]


# case 55
def test_the_right_to_list_somewhere_below_is_none_to_watch_from_above(
    owner: Somebody, guest: Somebody, place: str
) -> None:
    owner.grant(guest, VERB_LIST, f"{place}/below")
    assert isinstance(guest.watch(place).refusal(), ForbiddenError)
    watch = guest.watch(f"{place}/below").begun()
    owner.put(place, "r")
    owner.put(f"{place}/below", "r")
    assert watch.names(1) == [f"{place}/below:r"]


def test_a_right_that_comes_or_goes_below_counts_from_the_next_change_on(
    owner: Somebody, guest: Somebody, place: str
) -> None:
    owner.grant(guest, VERB_LIST, place)
    watch, below = guest.watch(place).begun(), f"{place}/below"
    owner.put(below, "a")
    assert watch.names(1) == [f"{below}:a"]
    owner.grant(guest, VERB_LIST, below, effect=EFFECT_DENY)
    owner.put(below, "b")
    owner.put(place, "c")
    assert watch.names(1) == [f"{place}:c"]


# --- names


def test_sealed_names_are_shown_to_those_who_may_list_them(
    owner: Somebody, guest: Somebody, place: str
) -> None:
    sealed = f"{place}/sealed"
    owner.namespaces.CreateNamespace(CreateNamespaceRequest(name=sealed, sealed_names=True))
    watch = owner.watch(place).begun()
    owner.put_all(sealed, "a", "b")
    owner.records.DeleteRecord(DeleteRecordRequest(namespace=sealed, name="a"))
    assert watch.names(3) == [f"{sealed}:a", f"{sealed}:b", f"{sealed}:a"]
    owner.grant(guest, VERB_READ, sealed)
    assert isinstance(guest.watch(sealed).refusal(), ForbiddenError)


def test_a_change_whose_name_nobody_can_tell_any_more_is_passed_over(
    house: WatchHouse, owner: Somebody, place: str
) -> None:
    leaver, position = house.join("leaver"), owner.watch(place).begun().next_revision
    owner.grant(leaver, VERB_WRITE, place)
    sealed = f"{place}/sealed"
    leaver.namespaces.CreateNamespace(CreateNamespaceRequest(name=sealed, sealed_names=True))
    leaver.put(sealed, "secret")
    leaver.put(f"{place}/plain", "known")
    owner.put(place, "mine")
    house.erase(leaver)
    known = [f"{place}/plain:known", f"{place}:mine"]
    assert owner.watch(place, position).names(2) == known
    house.sweep()
    assert owner.watch(place, position).names(1) == known[1:]


def test_a_namespace_whose_row_was_altered_ends_the_watches_of_its_subtree_and_no_others(
    tmp_path: Path, loop: LoopThread
) -> None:
    with watch_house(tmp_path / "deployment", loop) as house:
        owner = house.join()
        for place in ("team", "team/a", "elsewhere"):
            owner.put(place, "r")
        watch, other = owner.watch("team").begun(), owner.watch("elsewhere").begun()
        start = other.next_revision
        execute(
            house.house.deployment.database,
            "UPDATE namespaces SET keep_versions = 1 WHERE name = 'team/a'",
        )
        house.house.store.write_blocking(
            lambda tx: tx.changes.add(ChangeKind.PUT, [(2, "r", 1)], now=1)
        )
        refusal = watch.refusal()
        assert (refusal.code, refusal.status_reason) == (Code.DATA_LOSS, "SEAL_BROKEN")
        owner.put("elsewhere", "r")
        for going in (other, owner.watch("elsewhere", start)):
            assert going.names(1) == ["elsewhere:r"]


# --- how the hub comes to know


def test_what_another_process_changes_is_noticed(tmp_path: Path, loop: LoopThread) -> None:
    limits = WatchLimits(poll_seconds=0.01)
    with watch_house(tmp_path / "deployment", loop, limits) as house:
        owner = house.join()
        owner.put("team", "a")
        watch = owner.watch("team").begun()

        def put(tx: Transaction) -> None:
            namespace = tx.namespaces.find("team")
            assert namespace is not None
            tx.records.put(namespace, NewRecord("beside", b""), now=house.house.clock())

        with open_store(house.house.deployment, random=os.urandom) as beside:
            beside.write_blocking(put)
        assert watch.names(1) == ["team:beside"]
