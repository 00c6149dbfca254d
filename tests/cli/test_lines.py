"""Channels that are replaced: each ends with its last call, and no sooner."""

from __future__ import annotations

import os

import grpc
import pytest

from sealwire.client.channel import SigningChannel
from sealwire.client.connection import Access, open_channel
from sealwire.client.lines import Line, Lines
from sealwire.client.profiles import Profiles
from sealwire.client.upkeep import Upkeep
from sealwire.core.clock import system_clock
from tests.cli.deployments import Deployment


def opened(access: Access) -> Line[grpc.Channel]:
    channel = open_channel(access.server, access.tls)
    signing = SigningChannel(
        channel,
        access.signer,
        audience=access.server.audience,
        server_key=access.server.public_key,
        clock=system_clock,
        random=os.urandom,
    )
    return Line(access, channel, signing)


@pytest.fixture
def accesses(profiles: Profiles, absent: Deployment) -> list[Access]:
    return [absent.enrol(profiles, name).access for name in ("first", "second", "third")]


def test_a_replaced_channel_is_closed_after_its_last_call(accesses: list[Access]) -> None:
    upkeep = Upkeep(accesses[0])
    lines = Lines(upkeep, opened)
    first, again = lines.take(), lines.take()
    assert first is again
    upkeep.access = accesses[1]
    second = lines.take()
    assert second.access is accesses[1]
    assert lines.give_back(first) == []
    assert lines.give_back(second) == []
    assert lines.give_back(again) == [first.channel]
    assert lines.end() == [second.channel]


def test_a_channel_that_nobody_uses_is_closed_at_the_next_call(accesses: list[Access]) -> None:
    upkeep = Upkeep(accesses[0])
    lines = Lines(upkeep, opened)
    unused = lines.take()
    assert lines.give_back(unused) == []
    upkeep.access = accesses[1]
    assert lines.give_back(lines.take()) == [unused.channel]


def test_closing_closes_what_is_still_in_use(accesses: list[Access]) -> None:
    upkeep = Upkeep(accesses[0])
    lines = Lines(upkeep, opened)
    taken = []
    for access in accesses:
        upkeep.access = access
        taken.append(lines.take())
    assert lines.end() == [line.channel for line in taken]
    assert [lines.give_back(line) for line in taken] == [[], [], []]
    with pytest.raises(ValueError, match="closed"):
        lines.take()
