"""A client's watch goes on where its connection broke: no gap, no duplicate, until refused."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from sealwire.client import ForbiddenError, RemoteError, TransportError
from sealwire.client.calling import ChannelCaller
from sealwire.client.connection import Access
from sealwire.client.lines import Circumstances
from sealwire.client.operations import Blocking, Subscription
from sealwire.client.record_operations import RecordOperations
from sealwire.client.resumption import Resumption
from sealwire.client.upkeep import Upkeep
from sealwire.core.errors import CompactedError, OverloadedError
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.records_pb2 import WatchRecordsRequest, WatchRecordsResponse
from tests.server.cast import Actor, Cast
from tests.server.keyring import rotated
from tests.server.members import TIMEOUT, Member
from tests.server.served import HOST, Served
from tests.support.cutting import Cuttable, cuttable

COUNT = 6


class Records(RecordOperations, Blocking):
    """A client with a caller of the test's own."""


@pytest.fixture
def relay(server: Served) -> Iterator[Cuttable]:
    with cuttable(server.loop, server.identity.address) as relay:
        yield relay


def through(relay: Cuttable, member: Member) -> Member:
    return member.at(dataclasses.replace(member.server, address=relay.address))


def names(watch: Iterator[WatchRecordsResponse]) -> Iterator[str]:
    for answer in watch:
        yield from (change.name for change in answer.changes)


async def async_names(watch: AsyncIterator[WatchRecordsResponse]) -> AsyncIterator[str]:
    async for answer in watch:
        for change in answer.changes:
            yield change.name


@pytest.fixture
def owner(cast: Cast, namespace: str) -> Actor:
    owner = cast.join("owner")
    owner.client.put(namespace, "first", b"")
    return owner


def test_a_watch_that_is_cut_again_and_again_misses_nothing_and_repeats_nothing(
    relay: Cuttable, owner: Actor, namespace: str
) -> None:
    with through(relay, owner.member).client() as client:
        watch = client.watch(namespace)
        assert not next(watch).changes  # from here on, nothing is missed
        seen = names(watch)
        for number in range(COUNT):
            owner.client.put(namespace, f"before-{number}", b"")
            assert next(seen) == f"before-{number}"
            relay.cut()
            owner.client.put(namespace, f"meanwhile-{number}", b"")
            assert next(seen) == f"meanwhile-{number}"
    assert relay.connections == COUNT + 1


async def test_an_asyncio_watch_does_so_too(relay: Cuttable, owner: Actor, namespace: str) -> None:
    async with through(relay, owner.member).async_client() as client:
        watch = client.watch(namespace)
        assert not (await anext(watch)).changes
        seen = async_names(watch)
        for number in range(COUNT):
            await asyncio.to_thread(owner.client.put, namespace, f"before-{number}", b"")
            assert await anext(seen) == f"before-{number}"
            await asyncio.to_thread(relay.cut)
            await asyncio.to_thread(owner.client.put, namespace, f"meanwhile-{number}", b"")
            assert await anext(seen) == f"meanwhile-{number}"


def test_a_watch_begins_where_it_is_told_to(owner: Actor, namespace: str) -> None:
    begun = next(owner.client.watch(namespace)).next_revision
    for name in ("second", "third"):
        owner.client.put(namespace, name, b"")
    seen = names(owner.client.watch(namespace, from_revision=begun))
    assert [next(seen), next(seen)] == ["second", "third"]


def test_a_watch_follows_the_key_that_its_identity_rotates_to(
    server: Served, owner: Actor, namespace: str
) -> None:
    member = owner.member
    upkeep = Upkeep(Access(member.server, member.key, member.tls))
    caller = ChannelCaller(upkeep, Circumstances(server.clock, os.urandom, TIMEOUT))
    with contextlib.closing(caller):
        watch = Records(caller).watch(namespace)
        next(watch)
        after = rotated(member)
        upkeep.access = Access(after.server, after.key, after.tls)
        with after.client() as client:
            client.put(namespace, "second", b"")
        assert next(names(watch)) == "second"


# case 55
def test_a_watch_ends_with_what_the_server_says_when_it_may_not_go_on(
    cast: Cast, owner: Actor, namespace: str
) -> None:
    guest = cast.join("guest")
    owner.grant(guest, "list", namespace)
    watch = guest.client.watch(namespace)
    next(watch)
    owner.ungrant(guest, "list", namespace)
    with pytest.raises(ForbiddenError):
        next(names(watch))


@pytest.mark.parametrize(
    ("reason", "goes_on"),
    [(OverloadedError.reason, True), (CompactedError.reason, False)],
)
def test_a_watch_that_was_merely_too_slow_is_asked_for_again_if_it_ever_stood(
    reason: str, goes_on: bool
) -> None:
    refusal = RemoteError(Status(reason=reason), "It ends.")
    watch = Resumption[WatchRecordsResponse](
        Subscription("/service/Watch", WatchRecordsRequest()), os.urandom
    )
    assert not watch.goes_on_after(refusal)
    watch.advance(WatchRecordsResponse(next_revision=7))
    assert watch.goes_on_after(refusal) == goes_on
    assert watch.request() == WatchRecordsRequest(from_revision=7)
    assert watch.pause() > 0


def test_a_watch_that_never_stood_is_given_up(owner: Actor, namespace: str) -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        address = f"{HOST}:{held.getsockname()[1]}"
        nowhere = owner.member.at(dataclasses.replace(owner.member.server, address=address))
        with nowhere.client() as client, pytest.raises(TransportError):
            next(client.watch(namespace))
