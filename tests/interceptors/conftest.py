"""A PKI and a loop for all tests, and a fresh protected server for each."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sealwire.core.keys import PrivateKey
from tests.interceptors.shop import Shop, open_shop
from tests.support.event_loops import LoopThread, loop_thread
from tests.support.pki import Pki
from tests.support.servers import House


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki.create()


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with loop_thread() as running:
        yield running


@pytest.fixture
def house(pki: Pki, loop: LoopThread) -> House:
    """What a server is made of, before it serves."""
    return House(pki=pki, loop=loop, server_key=PrivateKey.generate(os.urandom))


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    """The orders example, serving, with alice, who may do everything."""
    with open_shop(house) as opened:
        yield opened
