"""One server for the tests that leave its clock alone, and one of their own for the others."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.server.invitations import open_store
from tests.server.cast import Actor, Cast
from tests.server.members import Member
from tests.server.processes import init
from tests.server.served import Served, served
from tests.support.event_loops import LoopThread, loop_thread


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with loop_thread() as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, loop: LoopThread) -> Iterator[Served]:
    """A server whose clock stands still, and whose journal gets too long to be read often."""
    with (
        served(tmp_path_factory.mktemp("shared") / "deployment", loop) as house,
        open_store(house.deployment, random=os.urandom) as house.operator,
    ):
        yield house


@pytest.fixture
def own_server(tmp_path: Path, loop: LoopThread) -> Iterator[Served]:
    """A server that the test may do anything to."""
    with served(tmp_path / "deployment", loop) as house:
        yield house


@pytest.fixture(scope="session")
def alice(server: Served) -> Member:
    return server.enrol("alice")


@pytest.fixture(scope="session")
def bob(server: Served) -> Member:
    return server.enrol("bob")


@pytest.fixture
def cast(server: Served) -> Iterator[Cast]:
    """Room for members that one test makes at the shared server."""
    with contextlib.ExitStack() as stack:
        yield Cast(server, stack)


@pytest.fixture
def own_cast(own_server: Served) -> Iterator[Cast]:
    """Room for members at a server whose clock the test may move."""
    with contextlib.ExitStack() as stack:
        yield Cast(own_server, stack)


@pytest.fixture
def namespace() -> str:
    """A namespace that nobody has written to."""
    return f"team/{uuid.uuid4()}"


@pytest.fixture
def name() -> str:
    """A name for an identity that nobody has."""
    return f"identity-{uuid.uuid4()}"


@pytest.fixture
def owner(cast: Cast) -> Actor:
    return cast.join("owner")


@pytest.fixture
def guest(cast: Cast) -> Actor:
    return cast.join("guest")


@pytest.fixture
def third(cast: Cast) -> Actor:
    return cast.join("third")


@pytest.fixture
def owned(owner: Actor, namespace: str) -> str:
    """A namespace of the owner's, with one record."""
    owner.client.put(namespace, "record", b"value")
    return namespace


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment that has never served."""
    return init(tmp_path_factory.mktemp("pristine") / "deployment")


@pytest.fixture
def directory(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copytree(pristine, tmp_path / "deployment"))
